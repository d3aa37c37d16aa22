import torch

from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.network import UALNet
from hyperlift.core.networks.ualnet.statistics import Statistics


def test_nan_means_compute_from_this_image():
    given = torch.tensor([[float("nan"), 2.0, 3.0]])
    statistics = Statistics(given)
    assert torch.equal(statistics.take(torch.tensor([[5.0, 6.0]])), torch.tensor([[5.0, 2.0]]))
    assert torch.equal(statistics.take(torch.tensor([[[7.0]]])), torch.tensor([[[3.0]]]))
    assert torch.equal(statistics.gathered(), torch.tensor([[5.0, 2.0, 3.0]]))


def _lift(network, msi, given=None):
    statistics = Statistics(given)
    with torch.no_grad():
        return network(msi, statistics).hsi, statistics.gathered()


def test_what_an_image_gathers_gives_its_own_result(trained):
    network = trained(UALNetConfig.local(blocks=1))
    msi = torch.rand(1, 12, 9, 14, dtype=torch.float64)
    hsi, gathered = _lift(network, msi)
    again, _ = _lift(network, msi, gathered)
    assert torch.allclose(again, hsi, atol=1e-12)


def test_with_its_statistics_given_the_local_network_sees_its_surroundings_alone(trained):
    network = trained(UALNetConfig.local(blocks=1))
    msi = torch.rand(1, 12, 120, 6, dtype=torch.float64)
    whole, gathered = _lift(network, msi)
    part, _ = _lift(network, msi[:, :, 7:], gathered)
    assert torch.allclose(part[:, :, 120:], whole[:, :, 134:], atol=1e-9)


def test_the_published_network_does_not(trained):
    network = trained(UALNetConfig(blocks=1))
    msi = torch.rand(1, 12, 40, 20, dtype=torch.float64)
    whole, _ = _lift(network, msi)
    part, _ = _lift(network, msi[:, :, :20])
    assert (part[:, :, 10:14, 10:14] - whole[:, :, 10:14, 10:14]).abs().max() > 1e-4


def test_a_batch_has_statistics_for_each_image(trained):
    network = trained(UALNetConfig.local(blocks=1))
    msi = torch.rand(2, 12, 8, 8, dtype=torch.float64)
    both, _ = _lift(network, msi)
    assert torch.allclose(both[1:], _lift(network, msi[1:])[0], atol=1e-10)


def test_the_smallest_images_have_a_result():
    network = UALNet(UALNetConfig.local(blocks=1)).eval()
    for size in ((1, 1), (1, 5), (3, 2)):
        hsi, _ = _lift(network, torch.full((1, 12, *size), 0.2))
        assert hsi.shape == (1, 186, 2 * size[0], 2 * size[1])
        assert hsi.isfinite().all()


def test_a_network_without_statistics_has_none_to_gather():
    assert Statistics().gathered().shape == (1, 0)
