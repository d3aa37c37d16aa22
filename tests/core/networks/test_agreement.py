import numpy as np
import pytest
import torch

from hyperlift.core.networks.agreement import Agreement, smooth_inverse
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


def test_bands_that_miss_little_agree(response):
    step = Agreement(response, grid("aviris172")).double()
    torch.manual_seed(0)
    hsi = 0.3 + 0.1 * torch.rand(1, 172, 4, 5).double()
    see = torch.from_numpy(response)[:, :, None, None]
    msi = torch.nn.functional.conv2d(hsi, see) + 0.004 * torch.rand(1, 12, 4, 5).double()
    seen = torch.nn.functional.conv2d(step(msi, hsi), see)
    torch.testing.assert_close(seen[:, 1:], msi[:, 1:], atol=1e-4, rtol=0)


def test_bands_that_contradict_each_other_do_not_make_spectra_swing(response):
    step = Agreement(response, grid("aviris172")).double()
    hsi = torch.full((1, 172, 1, 1), 0.5).double()
    msi = torch.nn.functional.conv2d(hsi, torch.from_numpy(response)[:, :, None, None])
    msi[:, 7] += 0.08  # B8 and B8A overlap
    msi[:, 8] -= 0.08
    change = step(msi, hsi) - hsi
    in_full = torch.nn.functional.conv2d(msi - torch.nn.functional.conv2d(hsi, step.response), step.gain)
    assert change.abs().max() < 0.7 * in_full.abs().max()
    assert change.abs().max() > 0.01


def test_agreeing_images_stay_as_they_are(response):
    step = Agreement(response, grid("aviris172"))
    hsi = torch.rand(1, 172, 6, 6)
    msi = torch.nn.functional.conv2d(hsi, step.response)
    torch.testing.assert_close(step(msi, hsi), hsi, atol=1e-5, rtol=0)
