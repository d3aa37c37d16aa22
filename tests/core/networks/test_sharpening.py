import pytest
import torch

from hyperlift.core.networks.layers import WindowMean
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


def test_starts_as_the_identity():
    msi = torch.rand(1, 12, 9, 7)
    assert torch.equal(Sharpening(12, SharpeningConfig())(msi), msi)


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


def test_resolution_does_not_depend_on_brightness():
    torch.manual_seed(1)
    measure = Resolved(3, window=9)
    torch.nn.init.normal_(measure.answer.weight)
    image = 0.2 + 0.2 * torch.rand(1, 3, 30, 30)
    torch.testing.assert_close(measure(2 * image + 0.1), measure(image), atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (2, 5)])
def test_images_smaller_than_the_window(network, size):
    assert network(torch.rand(1, 12, *size)).isfinite().all()


def test_the_coarsest_bands_keep_their_mean_over_the_window(network):
    torch.nn.init.constant_(network.tail.bias, 0.1)
    msi = torch.rand(1, 12, 60, 60)
    difference = WindowMean(21)(network(msi) - msi)[:, :, 25:35, 25:35].abs().mean(dim=(0, 2, 3))
    assert difference[[0, 9]].max() < 0.1 * difference[[4, 5, 6, 8, 10, 11]].min()
