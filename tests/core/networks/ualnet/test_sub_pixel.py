"""The image branch with sub-pixel convolution."""

import torch

from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.interpolation import enlarge
from hyperlift.core.networks.ualnet.statistics import Statistics
from hyperlift.core.networks.ualnet.sub_pixel import SubPixelBranch


def branch(started=False):
    torch.manual_seed(0)
    network = SubPixelBranch(UALNetConfig.local(sub_pixel_maps=8, sub_pixel_blocks=2))
    if not started:
        torch.nn.init.normal_(network.tail.weight, std=0.1)
    return network.double().requires_grad_(False)


def test_it_starts_from_interpolation():
    image = torch.rand(2, 12, 7, 9).double()
    torch.testing.assert_close(branch(started=True)(image, Statistics()), enlarge(image))


def test_each_band_gets_the_four_maps_that_are_its_own():
    network, image = branch(), torch.rand(1, 12, 6, 5).double()
    network.tail.weight[4:] = 0.0
    detail = network(image, Statistics()) - enlarge(image)
    assert detail[:, 0].abs().max() > 1e-3
    assert detail[:, 1:].abs().max() < 1e-12


def test_detail_is_in_proportion_to_brightness():
    network, image = branch(), 0.2 + torch.rand(1, 12, 20, 20).double()
    details = [network(k * image, Statistics()) - enlarge(k * image) for k in (1.0, 2.0)]
    assert (details[1] / 2 - details[0]).abs().max() < 0.1 * details[0].abs().max()


def test_it_looks_no_farther_than_its_convolutions_and_needs_no_statistic_of_the_scene():
    network, image = branch(), torch.rand(1, 12, 64, 64).double()
    statistics = Statistics()
    whole, part = network(image, statistics), network(image[..., :40], Statistics())
    assert statistics.gathered().shape == (1, 0)
    reach = 1 + 2 * 2 + 1 + 7 + 2
    torch.testing.assert_close(part[..., : 2 * (40 - reach)], whole[..., : 2 * (40 - reach)])
    assert (part[..., -4:] - whole[..., 76:80]).abs().max() > 1e-4


@torch.no_grad()
def test_reflectance_below_zero_has_no_pole():
    network = branch()
    for level in (-0.03, -0.0099, -0.01, 0.0):
        image = level + 0.002 * torch.randn(1, 12, 20, 20).double()
        detail = network(image, Statistics()) - enlarge(image)
        assert detail.abs().max() < 0.1
