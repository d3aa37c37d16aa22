import numpy as np
import pytest
import torch

from hyperlift.core.inference import blind_stages
from hyperlift.core.networks.stf import (
    PNet,
    back_projection,
    physical,
    recentred,
    response_step,
    smoothing_matrix,
)
from hyperlift.core.spectral import grid


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def tables(random, bands=4, channels=12):
    response = torch.rand(bands, channels, generator=random, dtype=torch.float64)
    return response / response.sum(dim=1, keepdim=True)


def test_back_projection_gives_the_direct_x_step(random):
    response, alpha = tables(random), torch.tensor(0.03, dtype=torch.float64)
    y, z = (torch.rand(size, 7, generator=random, dtype=torch.float64) for size in (4, 12))
    direct = torch.linalg.solve(
        response.T @ response + alpha * torch.eye(12, dtype=torch.float64), response.T @ y + alpha * z
    )
    found = z + back_projection(response, alpha) @ (y - response @ z)
    torch.testing.assert_close(found, direct, rtol=1e-11, atol=1e-12)


def test_response_step_minimises_its_sum_of_squares(random):
    x, y = (torch.rand(size, 50, generator=random, dtype=torch.float64) for size in (12, 4))
    target, beta = tables(random), torch.tensor(0.2, dtype=torch.float64)
    found = response_step(y @ x.T / 50, x @ x.T / 50, target, beta).requires_grad_()
    value = (y - found @ x).square().sum() / 50 + beta * (found - target).square().sum()
    (slope,) = torch.autograd.grad(value, found)
    assert slope.abs().max() < 1e-12


def test_both_solutions_are_differentiable(random):
    response = tables(random, 3, 6).requires_grad_()
    alpha = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(back_projection, (response, alpha))
    x = torch.rand(6, 20, generator=random, dtype=torch.float64)
    cross = torch.rand(3, 6, generator=random, dtype=torch.float64, requires_grad=True)
    gram = (x @ x.T / 20).requires_grad_()
    target = tables(random, 3, 6).requires_grad_()
    assert torch.autograd.gradcheck(response_step, (cross, gram, target, alpha))


def test_physical_rows(random):
    smoothing = smoothing_matrix(torch.arange(12, dtype=torch.float64) * 10)
    start = tables(random)
    found = start + 0.3 * torch.randn(start.shape, generator=random, dtype=torch.float64)
    row = physical(start, found, smoothing)
    assert (row >= 0).all()
    torch.testing.assert_close(row.sum(dim=1), torch.ones(4, dtype=torch.float64))
    roughness = (found - start).diff(dim=1).abs().mean()
    assert ((found - start) @ smoothing).diff(dim=1).abs().mean() < 0.5 * roughness


def test_a_physical_response_that_does_not_change_stays(random):
    smoothing = smoothing_matrix(torch.arange(12, dtype=torch.float64) * 10)
    start = tables(random)
    start = start.where(start > 0.05 * start.amax(dim=1, keepdim=True), 0.0)
    start = start / start.sum(dim=1, keepdim=True)
    torch.testing.assert_close(physical(start, start, smoothing), start)


def test_rows_without_anything_left_keep_what_they_were(random):
    smoothing = smoothing_matrix(torch.arange(12, dtype=torch.float64) * 10)
    start = tables(random)
    torch.testing.assert_close(physical(start, start - 10.0, smoothing), start)


def test_recentred_rows_have_the_centres_and_nothing_new():
    wavelength = torch.arange(400.0, 700.0, 10.0, dtype=torch.float64)
    row = torch.exp(-(((wavelength - torch.tensor([[450.0], [560.0]])) / 30.0) ** 4))
    row = torch.where(row < 0.03, 0.0, row)
    row = row / row.sum(dim=1, keepdim=True)
    centre = torch.tensor([453.0, 558.5], dtype=torch.float64)
    found = recentred(row, centre, wavelength)
    torch.testing.assert_close(found @ wavelength, centre)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(2, dtype=torch.float64))
    assert (found >= 0).all()
    assert ((found > 0) == (row > 0)).all()


def test_rows_too_narrow_for_a_centre_come_near():
    wavelength = torch.arange(400.0, 700.0, 10.0, dtype=torch.float64)
    row = torch.zeros(2, 30, dtype=torch.float64)
    row[0, 4], row[1, 8:10] = 1.0, 0.5
    found = recentred(row, torch.tensor([450.0, 520.0], dtype=torch.float64), wavelength)
    torch.testing.assert_close(found @ wavelength, torch.tensor([440.0, 490.0], dtype=torch.float64))


@pytest.mark.parametrize("bands", [3, 5, 12])
def test_p_net_takes_any_number_of_bands_and_starts_as_the_identity(bands, random):
    response = tables(random, bands, 31).float()
    torch.testing.assert_close(PNet(31)(response), response)


def test_p_net_lets_bands_look_at_each_other(random):
    net, response = PNet(31), tables(random, 5, 31).float()
    torch.nn.init.normal_(net.outward.weight)
    other = response.clone()
    other[0] = other[0].flip(0)
    assert (net(response)[4] - net(other)[4]).abs().max() > 1e-6


def test_the_steps_at_run_time_are_those_of_training(random):
    on = grid("vnir")
    response = tables(random, 4, len(on))
    found = tables(random, 4, len(on))
    gram = torch.eye(len(on), dtype=torch.float64) * 0.3
    smoothing = smoothing_matrix(torch.from_numpy(on.wavelength_nm))
    penalty = torch.tensor(0.05, dtype=torch.float64)
    wavelength = torch.from_numpy(on.wavelength_nm)
    centre = response @ wavelength + 2.0
    pairs = [
        (smoothing, blind_stages.smoothing_matrix(on)),
        (
            physical(response, found, smoothing),
            blind_stages.physical(response.numpy(), found.numpy(), smoothing.numpy()),
        ),
        (
            recentred(response, centre, wavelength),
            blind_stages.recentred(response.numpy(), centre.numpy(), on.wavelength_nm),
        ),
        (back_projection(response, penalty), blind_stages.back_projection(response.numpy(), 0.05)),
        (
            response_step(found, gram, response, penalty),
            blind_stages.response_step(found.numpy(), gram.numpy(), response.numpy(), 0.05),
        ),
    ]
    for one, other in pairs:
        np.testing.assert_allclose(one.numpy(), other, atol=1e-12)
