import numpy as np
import torch

from hyperlift.core.networks.experts import ExpertsConfig
from hyperlift.core.spectral import grid
from hyperlift.training.data.scenes import SceneConfig
from hyperlift.training.explains2a.experts import fit_experts
from hyperlift.training.explains2a.perceptron import PerceptronConfig


def make_data(folder):
    """Cubes of random spectra."""
    (folder / "cubes").mkdir()
    rng = np.random.default_rng(0)
    wavelength = grid("aviris224").wavelength_nm
    for name in ("hill", "valley"):
        level = rng.uniform(0.1, 0.5, (8, 8, 1))
        np.savez(
            folder / "cubes" / f"{name}.npz",
            reflectance=level * (1 + 0.3 * np.sin(wavelength / rng.uniform(200, 400))),
            wavelength_nm=wavelength,
        )
    return folder


def test_experts_are_fitted_and_kept(tmp_path):
    data = make_data(tmp_path)
    shape, plan = ExpertsConfig(members=3, widths=(8,)), PerceptronConfig(batches=2, steps=3, pixels=32)
    scenes = SceneConfig(sides=(6,), pixels=72, vegetation=False)
    experts = fit_experts(shape, plan, scenes, tmp_path / "cache", data)
    first, second, _ = (member.state_dict() for member in experts.members)
    assert not torch.equal(first["weight"], second["weight"])
    files = sorted((tmp_path / "cache").iterdir())
    assert len(files) == 3
    again = fit_experts(shape, plan, scenes, tmp_path / "cache", data)
    assert sorted((tmp_path / "cache").iterdir()) == files
    image = torch.rand(1, 12, 3, 3)
    estimate = torch.rand(1, 172, 3, 3)
    torch.testing.assert_close(experts(image, estimate), again(image, estimate))
