import numpy as np
import pytest
import torch

from hyperlift.core.networks.explains2a import ExactDataStep, ExplainS2A, ExplainS2AConfig
from hyperlift.core.networks.layers import WindowMean, tv_prox
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor

PUBLISHED_TOTAL = 1_519_508


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def small(**options):
    torch.manual_seed(0)
    return ExplainS2A(ExplainS2AConfig(channels=8, features=8, blocks=2, window=8, **options)).eval()


def test_unfolding_has_exactly_the_published_parameters():
    assert count(ExplainS2A().unfolding) == 746_662


def test_total_is_within_five_percent_of_the_published():
    assert abs(count(ExplainS2A()) / PUBLISHED_TOTAL - 1) < 0.05


def test_a_grid_is_data():
    network = ExplainS2A(ExplainS2AConfig(bands=8, channels=60, guides=tuple(range(8))))
    assert network(torch.rand(2, 8, 9, 7)).fused.shape == (2, 60, 9, 7)


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (16, 5)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "hybrid"},
        {"solver": "closed_form"},
        {"spectral_attention": False},
        {"spatial_attention": False},
    ],
)
def test_every_ablation_lifts_any_size(options, size):
    spectral, fused = small(**options)(torch.rand(1, 12, *size))
    assert spectral.shape == fused.shape == (1, 8, *size)
    assert torch.isfinite(fused).all()


def test_ablations_change_the_result():
    msi = torch.rand(1, 12, 6, 6)
    reference = small()(msi).fused
    for options in ({"spectral_attention": False}, {"spatial_attention": False}):
        assert not torch.allclose(small(**options)(msi).fused, reference)


def test_unknown_solver_is_refused():
    with pytest.raises(ValueError, match="solver must be learned, hybrid or closed_form"):
        ExplainS2AConfig(solver="magic")


def sensor_response():
    matrix, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid("aviris172"))
    return torch.from_numpy(matrix)


@pytest.mark.parametrize("solver", ["learned", "closed_form"])
def test_untrained_network_is_exact_admm_on_a_regression(solver):
    """Against the float64 iteration written out with numpy; the proximal operators are the identity."""
    network = ExplainS2A(ExplainS2AConfig(solver=solver)).double().eval()
    rng = np.random.default_rng(0)
    weight, bias = torch.from_numpy(rng.random((172, 12)) / 12), torch.from_numpy(rng.random(172) / 10)
    response = sensor_response()
    network.start_from_regression(weight, bias, response)
    if solver == "closed_form":
        network.unfolding.prox = torch.nn.Identity()
    msi = rng.random((12, 20))
    d = response.numpy()
    x, u = np.maximum(weight.numpy() @ msi + bias.numpy()[:, None], 0), np.zeros((172, 20))
    inverse = np.linalg.inv(2 * d.T @ d + np.eye(172))
    for _ in range(3):
        z = x - u
        x = inverse @ (2 * d.T @ msi + z + u)
        u = u - x + z
    lifted = network(torch.from_numpy(msi.reshape(1, 12, 4, 5)))
    np.testing.assert_allclose(
        lifted.fused.detach().numpy().reshape(172, 20), x - u, atol=1e-10 if solver == "learned" else 1e-9
    )


def test_exact_step_solves_its_normal_equations():
    step, d = ExactDataStep().double(), sensor_response()
    z, u = torch.rand(1, 172, 2, 3).double(), torch.rand(1, 172, 2, 3).double()
    seen = torch.rand(1, 172, 2, 3).double()
    x = step(z, u, seen, d).flatten(2)[0]
    residual = (2 * d.t() @ d + torch.eye(172)) @ x - (seen + z + u).flatten(2)[0]
    assert residual.abs().max() < 1e-10


def test_window_mean_is_the_mean_of_the_window():
    image = torch.rand(1, 2, 9, 14).double()
    means = WindowMean(6)(image)
    for row, column in ((0, 0), (4, 7), (8, 13), (1, 12)):
        window = image[:, :, max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        torch.testing.assert_close(means[:, :, row, column], window.mean(dim=(2, 3)))
    torch.testing.assert_close(WindowMean(None)(image)[:, :, 0, 0], image.mean(dim=(2, 3)))


def test_tv_prox_lowers_its_objective():
    torch.manual_seed(0)
    noisy, weight = torch.rand(1, 1, 16, 16).double(), torch.tensor(0.1).double()

    def objective(x):
        variation = x.diff(dim=2).abs().sum() + x.diff(dim=3).abs().sum()
        return 0.5 * (x - noisy).square().sum() + weight * variation

    few, many = (float(objective(tv_prox(noisy, weight, steps))) for steps in (5, 500))
    assert many < few < float(objective(noisy))
    for trial in (noisy.mean().expand_as(noisy), 0.5 * (noisy + noisy.mean())):
        assert many < float(objective(trial))


def test_distant_pixels_do_not_matter():
    """The receptive field: 32 pixels of the unfolding and 17 of the fusion, besides the attention window."""
    torch.manual_seed(0)
    config = ExplainS2AConfig(channels=8, features=8, blocks=7, spectral_attention=False)
    network = ExplainS2A(config).eval()
    network.fusion.average_bands = False
    network.fusion.spectral = torch.nn.Identity()
    msi = torch.rand(1, 12, 1, 120)
    touched = msi.clone()
    touched[..., -1] += 1.0
    change = (network(msi).fused - network(touched).fused).abs().amax(dim=(0, 1, 2))
    assert not change[: 119 - 48].any()
    assert change[-10:].all()
