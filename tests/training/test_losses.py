import math

import pytest
import torch

from hyperlift.training.losses import log_angle, log_rmse


def test_it_is_minus_the_psnr_but_for_a_factor_and_a_constant():
    truth = torch.rand(3, 4, 5, 6).double()
    for noise in (0.02, 0.1):
        estimate = truth + noise * torch.randn_like(truth)
        error = (estimate - truth).square().mean(dim=(2, 3))
        brightness = truth.mean(dim=(2, 3)) + 0.05
        psnr = -10.0 * (error / brightness**2).log10().mean()
        assert float(log_rmse(estimate, truth)) == pytest.approx(-float(psnr) * math.log(10) / 20, rel=1e-3)


def test_a_scene_twice_as_far_off_in_angle_costs_a_logarithm_of_two():
    truth = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(2, 2, 3, 3).double()
    far, near = (
        torch.tensor([math.cos(x), math.sin(x)]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3) for x in (0.4, 0.2)
    )
    bright, dark = torch.cat([far, near]), torch.cat([near, 0.01 * near])
    loss = float(log_angle(bright.double(), truth) - log_angle(dark.double(), truth))
    assert loss == pytest.approx(math.log(2) / 2, abs=2e-3)


@pytest.mark.parametrize("loss_of", [log_rmse, log_angle])
def test_bands_that_are_not_known_do_not_count(loss_of):
    truth = torch.rand(2, 3, 4, 4)
    estimate = truth + 0.1 * torch.rand_like(truth)
    holed = truth.clone()
    holed[0, 1, 2, 3] = torch.nan
    wild = estimate.clone().requires_grad_()
    loss = loss_of(wild, holed)
    loss.backward()
    assert loss.isfinite()
    assert wild.grad.isfinite().all()
    assert wild.grad[0, 1].abs().max() == 0


@pytest.mark.parametrize("loss_of", [log_rmse, log_angle])
def test_a_perfect_estimate_has_a_finite_loss_and_gradient(loss_of):
    truth = torch.rand(1, 2, 4, 4)
    estimate = truth.clone().requires_grad_()
    loss = loss_of(estimate, truth)
    loss.backward()
    assert float(loss) == pytest.approx(math.log(1e-3), abs=0.05)
    assert estimate.grad.abs().max() < 1e-6
