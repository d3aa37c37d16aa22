import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.data.spectra import Collection


@pytest.fixture(scope="session")
def collections():
    """Smooth invented spectra: one small image and one library with a gap."""
    rng = np.random.default_rng(0)
    axis = grid("aviris224").wavelength_nm / 2500
    curves = [0.3 + 0.2 * np.sin(axis * rng.uniform(2, 9) + rng.uniform(0, 6)) for _ in range(1800)]
    spectra = np.array(curves, np.float32)
    measured = np.ones(224, bool)
    gap = measured.copy()
    gap[100:110] = False
    return [
        Collection("image", "image", spectra[:1600], measured, (40, 40)),
        Collection("library", "library", spectra[1600:], gap, None),
    ]


@pytest.fixture(scope="session")
def maker(collections):
    return SceneMaker(collections, SceneConfig(sides=(12, 24), pixels=1152))
