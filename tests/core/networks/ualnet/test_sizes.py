from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.network import UALNet


def count(module):
    return sum(weight.numel() for weight in module.parameters())


def test_the_published_sizes():
    network = UALNet()
    assert count(network.prior_net) == 47_850
    assert count(network.discriminator) == 109_795
    assert count(network.unfolding) == 1_600_438
    assert network.config.hidden == 12


def test_of_the_local_options_only_the_sub_pixel_branch_changes_the_sizes():
    assert count(UALNet(UALNetConfig.local(sub_pixel_maps=0))) == 47_850 + 109_795 + 1_600_438
    branch = UALNet(UALNetConfig.local()).prior_net.image
    convolutions = [(12, 64), *16 * [(64, 64)], (64, 48)]
    assert count(branch) == sum(9 * inputs * outputs + outputs for inputs, outputs in convolutions)


def test_the_ladder_takes_parts_away():
    whole, prior_free = UALNet(), UALNet(UALNetConfig(implicit_prior=False, adversarial=False))
    attention = 6 * 186
    projection, prior = 25 * 186 * 31 + 186 + attention, 186 * 187
    removed = 2 * (projection + prior + 2 * attention)
    assert count(whole.unfolding) - count(prior_free.unfolding) == removed
