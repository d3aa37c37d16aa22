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


def test_the_local_options_leave_the_sizes_as_they_are():
    assert count(UALNet(UALNetConfig.local())) == 47_850 + 109_795 + 1_600_438


def test_the_ladder_takes_parts_away():
    whole, prior_free = UALNet(), UALNet(UALNetConfig(implicit_prior=False, adversarial=False))
    attention = 6 * 186
    projection, prior = 25 * 186 * 31 + 186 + attention, 186 * 187
    removed = 2 * (projection + prior + 2 * attention)
    assert count(whole.unfolding) - count(prior_free.unfolding) == removed
