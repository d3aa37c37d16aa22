import torch

from hyperlift.core.networks.experts import Experts, ExpertsConfig, Perceptron


def perceptron(seed=0):
    torch.manual_seed(seed)
    network = Perceptron(3, 5, (8, 8)).eval()
    network.start_from_regression(torch.rand(5, 3), torch.rand(5))
    return network


def test_starts_as_its_regression():
    network, image = perceptron(), torch.rand(2, 3, 4, 6)
    weight, bias = network.weight[:, :, 0, 0], network.bias
    expected = torch.einsum("cb,nbhw->nchw", weight, image) + bias[:, None, None]
    torch.testing.assert_close(network(image), expected)


def test_a_table_of_pixels_is_lifted_as_the_image_is():
    network, image = perceptron(), torch.rand(1, 3, 4, 6)
    torch.nn.init.normal_(network.layers[-1].weight)
    table = image[0].flatten(1).T
    torch.testing.assert_close(network.of_table(table).T, network(image)[0].flatten(1))


def test_the_regression_is_not_trained():
    assert {name.split(".")[0] for name, _ in perceptron().named_parameters()} == {"layers"}


def test_part_of_what_is_added_to_the_regression_can_be_kept():
    network, image = perceptron(), torch.rand(1, 3, 4, 6)
    start = network(image)
    torch.nn.init.normal_(network.layers[-1].weight)
    torch.testing.assert_close(network(image, kept=0.25), 0.75 * start + 0.25 * network(image))


def test_experts_have_their_share_of_the_result():
    experts = Experts(3, 5, ExpertsConfig(members=2, widths=(8,), share=0.25, limit=10.0))
    image, estimate = torch.rand(1, 3, 4, 4), torch.rand(1, 5, 4, 4)
    for number, member in enumerate(experts.members):
        member.bias.fill_(number)  # they answer 0 and 1
    torch.testing.assert_close(experts(image, estimate), 0.75 * estimate + 0.25 * 0.5)


def test_experts_far_from_the_network_count_less():
    experts = Experts(3, 5, ExpertsConfig(members=1, widths=(8,), share=0.5, limit=0.1))
    experts.members[0].bias.fill_(1.0)
    near, far = torch.full((1, 5, 1, 1), 0.95), torch.full((1, 5, 1, 1), 0.45)
    image = torch.zeros(1, 3, 1, 1)
    torch.testing.assert_close(experts(image, near), torch.full_like(near, 0.975))
    torch.testing.assert_close(experts(image, far), far + 0.5 * 0.1 * 0.5)  # at most 0.1 of 0.45 + 0.05
