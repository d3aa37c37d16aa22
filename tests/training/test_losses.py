import math

import pytest
import torch

from hyperlift.training.losses import log_rmse


def test_it_is_minus_the_psnr_but_for_a_factor_and_a_constant():
    truth = torch.rand(3, 4, 5, 6).double()
    for noise in (0.02, 0.1):
        estimate = truth + noise * torch.randn_like(truth)
        error = (estimate - truth).square().mean(dim=(2, 3))
        brightness = truth.mean(dim=(2, 3)) + 0.05
        psnr = -10.0 * (error / brightness**2).log10().mean()
        assert float(log_rmse(estimate, truth)) == pytest.approx(-float(psnr) * math.log(10) / 20, rel=1e-3)


def test_bands_that_are_not_known_do_not_count():
    truth = torch.rand(2, 3, 4, 4)
    estimate = truth + 0.1 * torch.rand_like(truth)
    holed = truth.clone()
    holed[0, 1, 2, 3] = torch.nan
    wild = estimate.clone().requires_grad_()
    loss = log_rmse(wild, holed)
    loss.backward()
    assert loss.isfinite()
    assert wild.grad.isfinite().all()
    assert wild.grad[0, 1].abs().max() == 0


def test_a_perfect_band_has_a_finite_loss_and_gradient():
    truth = torch.rand(1, 2, 4, 4)
    estimate = truth.clone().requires_grad_()
    loss = log_rmse(estimate, truth)
    loss.backward()
    assert float(loss) == pytest.approx(math.log(1e-3))
    assert estimate.grad.abs().max() < 1e-6
