from dataclasses import replace

import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.evaluation.scores import FOOTPRINTS, HeldOutScene
from hyperlift.training.ualnet.baselines import bicubic, interpolated_truth, on_channels


@pytest.fixture
def scene():
    nm = grid("aviris186").wavelength_nm
    hsi = np.random.default_rng(0).uniform(0.0, 0.5, (2, len(nm), 12, 16)).astype(np.float32)
    msi = np.zeros((2, 12, 6, 8), np.float32)
    return HeldOutScene("a", FOOTPRINTS[0], msi, hsi, np.ones(len(nm), bool), nm)


def test_the_interpolated_truth_lacks_only_what_lies_inside_the_large_pixels(scene):
    even = scene.hsi.reshape(2, -1, 6, 2, 8, 2).mean(axis=(3, 5))
    found = interpolated_truth(scene)
    assert found.shape == scene.hsi.shape
    np.testing.assert_allclose(found, bicubic(even).clip(min=0.0), atol=1e-6)
    flat = replace(scene, hsi=np.full_like(scene.hsi, 0.3))
    np.testing.assert_allclose(interpolated_truth(flat), 0.3, atol=1e-6)


def test_no_reflectance_of_it_is_negative(scene):
    edge = np.zeros_like(scene.hsi)
    edge[..., 8:] = 0.5
    assert bicubic(edge[:, :, ::2, ::2]).min() < 0
    assert interpolated_truth(replace(scene, hsi=edge)).min() == 0


def test_channels_of_another_grid_are_found_by_wavelength(scene):
    less, places = on_channels(scene, "aviris172")
    np.testing.assert_allclose(less.wavelength_nm, grid("aviris172").wavelength_nm, atol=0.5)
    np.testing.assert_array_equal(less.hsi, scene.hsi[:, places])
