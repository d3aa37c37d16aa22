import pytest
import torch

from hyperlift.core.networks.sharpening import Resolved, Sharpening, SharpeningConfig


def blocks(image, size):
    """Means of blocks, brought back onto the pixels."""
    means = torch.nn.functional.avg_pool2d(image, size)
    return means.repeat_interleave(size, 2).repeat_interleave(size, 3)


@pytest.fixture
def network():
    """A sharpening network of random weights."""
    torch.manual_seed(0)
    network = Sharpening(12, SharpeningConfig(features=8, dilations=(1, 2)))
    torch.nn.init.normal_(network.tail.weight)
    return network.eval()


def test_untrained_it_finds_bands_that_are_linear_in_the_fine_ones():
    network = Sharpening(12, SharpeningConfig())
    sharp = torch.rand(1, 12, 60, 60, generator=torch.Generator().manual_seed(0))
    sharp[:, 8] = 0.3 * sharp[:, 7] + 0.2 * sharp[:, 3] + 0.1
    msi = sharp.clone()
    msi[:, [4, 5, 6, 8, 10, 11]] = blocks(sharp[:, [4, 5, 6, 8, 10, 11]], 2)
    msi[:, [0, 9]] = blocks(sharp[:, [0, 9]], 6)
    before, after = ((image - sharp)[:, 8].abs().mean() for image in (msi, network(msi)))
    assert after < 0.1 * before


def test_fine_bands_pass_unchanged(network):
    msi = torch.rand(1, 12, 20, 20)
    changed = (network(msi) != msi).any(dim=(0, 2, 3))
    assert changed.nonzero().flatten().tolist() == [0, 4, 5, 6, 8, 9, 10, 11]


def test_bands_that_resolve_the_pixels_pass_unchanged(network):
    torch.nn.init.constant_(network.resolved.answer.bias, 50.0)
    msi = torch.rand(1, 12, 20, 20)
    torch.testing.assert_close(network(msi), msi)


def test_resolution_shows_in_contrasts_of_near_and_far_pixels():
    measure = Resolved(1, window=21)
    sharp = torch.rand(1, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    ratios = [
        (measure._contrast(image, 1) / measure._contrast(image, 2)).mean()
        for image in (sharp, blocks(sharp, 2))
    ]
    assert ratios[0] == pytest.approx(1.0, abs=0.1)  # white noise
    assert ratios[1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("distance", [1, 2])
def test_contrast_is_the_same_at_the_borders(distance):
    ramp = torch.arange(30.0)[:, None] + torch.arange(26.0)[None]
    contrast = Resolved(1, window=21)._contrast(ramp[None, None], distance)
    torch.testing.assert_close(contrast, torch.full_like(contrast, 2.0 * distance))


def test_resolution_does_not_depend_on_brightness():
    torch.manual_seed(1)
    measure = Resolved(3, window=9)
    torch.nn.init.normal_(measure.answer.weight)
    image = 0.2 + 0.2 * torch.rand(1, 3, 30, 30)
    torch.testing.assert_close(measure(2 * image + 0.1), measure(image), atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (2, 5)])
def test_images_smaller_than_the_window(network, size):
    assert network(torch.rand(1, 12, *size)).isfinite().all()


def test_coarse_bands_are_seen_as_measured_over_their_footprints(network):
    torch.nn.init.constant_(network.resolved.answer.bias, -50.0)
    msi = torch.rand(1, 12, 60, 60)
    for size, bands in ((2, [4, 5, 6, 8, 10, 11]), (6, [0, 9])):
        msi[:, bands] = blocks(msi[:, bands], size)
    sharp = network(msi)
    assert (sharp - msi)[:, 4].abs().max() > 0.05
    for size, bands in ((2, [4, 5, 6, 8, 10, 11]), (6, [0, 9])):
        again = blocks(sharp[:, bands], size)
        inner = slice(6, -6)
        assert (again - msi[:, bands])[:, :, inner, inner].abs().max() < 1e-3
