from dataclasses import replace

import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.evaluation.scores import FOOTPRINTS, HeldOutScene
from hyperlift.training.ualnet.baselines import baselines, bicubic, interpolated_truth, on_channels


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
    told = np.broadcast_to(scene.wavelength_nm[None, :, None, None], scene.hsi.shape)
    measured = scene.wavelength_nm < 1000
    less, places = on_channels(replace(scene, hsi=told, measured=measured), "aviris172")
    wanted = grid("aviris172").wavelength_nm
    np.testing.assert_allclose(less.hsi[1, :, 3, 4], wanted, atol=0.5)
    np.testing.assert_allclose(scene.wavelength_nm[places], wanted, atol=0.5)
    np.testing.assert_array_equal(less.measured, wanted < 1000)


def test_methods_go_by_name(collections, scene):
    maker = SceneMaker(collections, SceneConfig(target="aviris186", sides=(12,), pixels=144))
    whole, part = baselines(maker, lambda msi: np.full((172, *msi.shape[1:]), 0.2, np.float32))
    names = ["bicubic, ridge", "sharpened, bicubic, ridge", "true cube at 10 m, bicubic"]
    assert list(whole) == names
    np.testing.assert_array_equal(whole[names[2]](scene), interpolated_truth(scene))
    assert list(part) == ["bicubic, ExplainS2A", "ExplainS2A, bicubic"]
