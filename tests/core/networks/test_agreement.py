import numpy as np
import pytest
import torch

from hyperlift.core.networks.agreement import Agreement, Resolved, smooth_inverse
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor


@pytest.fixture(scope="module")
def response():
    return response_matrix(parametric_response(sensor("sentinel2a")), grid("aviris172"))[0]


def test_inverse_inverts_smoothly(response):
    inverse = smooth_inverse(response, grid("aviris172"))
    assert not inverse[:, 0].any()  # B1 has no support
    np.testing.assert_allclose((response @ inverse)[1:, 1:], np.eye(11), atol=0.01)
    order = grid("aviris172").order
    spikes = np.linalg.pinv(response[1:])
    rough = [np.abs(np.diff(table[order], 2, axis=0)).max() for table in (inverse[:, 1:], spikes)]
    assert rough[0] < rough[1]


def test_fine_bands_agree(response):
    step = Agreement(response, grid("aviris172"), np.zeros(12, bool)).double()
    torch.manual_seed(0)
    hsi, msi = torch.rand(1, 172, 4, 5).double(), torch.rand(1, 12, 4, 5).double()
    seen = torch.nn.functional.conv2d(step(msi, hsi), torch.from_numpy(response)[:, :, None, None])
    torch.testing.assert_close(seen[:, 1:], msi[:, 1:], atol=0.02, rtol=0)


def test_agreeing_images_stay_as_they_are(response):
    step = Agreement(response, grid("aviris172"), np.arange(12) > 5)
    hsi = torch.rand(1, 172, 6, 6)
    msi = torch.nn.functional.conv2d(hsi, step.response)
    torch.testing.assert_close(step(msi, hsi), hsi, atol=1e-5, rtol=0)


def test_bands_that_do_not_resolve_the_pixels_keep_the_detail_inside_theirs(response):
    step = Agreement(response, grid("aviris172"), np.ones(12, bool), window=21)
    torch.nn.init.constant_(step.resolved.answer.bias, -20.0)
    hsi = 0.3 + 0.1 * torch.rand(1, 172, 40, 40)
    msi = torch.nn.functional.conv2d(hsi, step.response)
    blurred = torch.nn.functional.avg_pool2d(msi, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (step(blurred, hsi) - hsi).abs().max() < 0.2 * (blurred - msi).abs().max()


def test_resolution_can_be_told_from_contrasts_of_near_and_far_pixels():
    measure = Resolved(1, window=21)
    sharp = torch.rand(1, 1, 48, 48)
    coarse = torch.nn.functional.avg_pool2d(sharp, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)
    ratios = [(measure._contrast(image, 1) / measure._contrast(image, 2)).mean() for image in (sharp, coarse)]
    assert ratios[0] == pytest.approx(1.0, abs=0.1)  # white noise
    assert ratios[1] == pytest.approx(0.5, abs=0.05)


def test_resolution_does_not_depend_on_brightness():
    torch.manual_seed(1)
    measure = Resolved(3, window=9)
    torch.nn.init.normal_(measure.answer.weight)
    image = 0.2 + 0.2 * torch.rand(1, 3, 30, 30)
    torch.testing.assert_close(measure(2 * image + 0.1), measure(image), atol=0.01, rtol=0)
