from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperlift.core.spectral import grid
from hyperlift.training.data.land_types import LAND_TYPES
from hyperlift.training.data.spectra import HELD_OUT, Collection
from hyperlift.training.evaluation.scores import (
    HeldOutScene,
    held_out_scenes,
    markdown_table,
    score,
    score_estimate,
    spectral_angles,
    spectral_rmse,
)


@pytest.fixture
def scene():
    """One tile whose truth is known; a fifth of the channels were not measured."""
    rng = np.random.default_rng(0)
    hsi = rng.uniform(0.1, 0.5, (1, 20, 16, 16)).astype(np.float32)
    measured = np.arange(20) % 5 > 0
    msi = np.zeros((1, 12, 16, 16), np.float32)
    return HeldOutScene("scene", "one resolution", msi, hsi, measured, np.linspace(400, 2400, 20))


def test_metrics_are_those_of_their_definitions(scene):
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.01, scene.hsi.shape).astype(np.float32)
    noise[:, ~scene.measured] = 9.0  # must not count
    result = score(scene, "noisy", lambda msi: scene.hsi[0] + noise[0])
    truth, estimate = (
        cube[0, scene.measured].reshape(16, -1).astype(float) for cube in (scene.hsi, scene.hsi + noise)
    )
    squares = ((estimate - truth) ** 2).mean(axis=1)
    cosine = (truth * estimate).sum(0) / np.linalg.norm(truth, axis=0) / np.linalg.norm(estimate, axis=0)
    assert result.psnr == pytest.approx((10 * np.log10(truth.max(axis=1) ** 2 / squares)).mean(), abs=1e-3)
    assert result.sam == pytest.approx(np.degrees(np.arccos(cosine)).mean(), abs=1e-3)
    assert result.rmse == pytest.approx(np.sqrt(squares.mean()), rel=1e-4)
    assert 0.5 < result.ssim < 1.0


def test_pixels_without_data_do_not_count(scene):
    scene.hsi[:, :, :8] = 0.0
    wrong_there = scene.hsi[0] + np.where(scene.hsi[0] == 0, 5.0, 0.01).astype(np.float32)
    assert score(scene, "offset", lambda msi: wrong_there).rmse == pytest.approx(0.01, rel=1e-3)
    curve = spectral_rmse(scene, wrong_there[None])
    assert np.isnan(curve[~scene.measured]).all()
    np.testing.assert_allclose(curve[scene.measured], 0.01, rtol=1e-3)


def test_scenes_are_held_out_and_seen_in_both_ways():
    spectra = np.random.default_rng(0).random((96 * 48, 224)).astype(np.float32)
    held = Collection(HELD_OUT[0], "a", spectra, np.ones(224, bool), (96, 48))
    known = Collection("other", "b", spectra, np.ones(224, bool), (96, 48))
    scenes = list(held_out_scenes([held, known], "aviris172"))
    assert [(one.name, one.footprints) for one in scenes] == [
        (HELD_OUT[0], "one resolution"),
        (HELD_OUT[0], "native footprints"),
    ]
    assert scenes[0].msi.shape == (2, 12, 48, 48)  # a tall stack of square tiles is taken apart
    channels = np.isin(grid("aviris224").wavelength_nm, grid("aviris172").wavelength_nm)
    np.testing.assert_array_equal(scenes[0].hsi[1], held.image()[channels, 48:])


def test_table_ends_with_the_means(scene):
    perfect = score(scene, "one", lambda msi: scene.hsi[0] * 1.01)
    table = markdown_table([perfect])
    assert table.count("\n") == 4
    assert f"| one resolution | **mean** | one | {perfect.psnr:.2f} |" in table


def test_means_without_small_scenes_follow(scene):
    good, bad = (score(scene, "one", lambda msi, f=f: scene.hsi[0] * f) for f in (1.01, 1.1))
    table = markdown_table([good, replace(bad, scene="tiny")], small={"tiny"})
    assert f"| **mean** | one | {(good.psnr + bad.psnr) / 2:.2f} |" in table
    assert f"| **mean, sides from 48** | one | {good.psnr:.2f} |" in table
    assert "sides from" not in markdown_table([good], small={"tiny"})


def test_parts_are_scored_as_scenes_of_their_own(scene):
    scene.hsi[:, :, :8] = 0.5  # bright; its peaks are not reached elsewhere
    scene.hsi[:, :, 8:] = 0.1 + scene.hsi[:, :1, 8:] / 5  # flat spectra
    noise = np.random.default_rng(2).normal(0, 0.01, scene.hsi.shape).astype(np.float32)
    noise[:, :, :8] *= 3
    result = score_estimate(scene, "noisy", scene.hsi + noise)
    parts = {one.part: one for one in result.by_land_type}
    assert set(parts) == {"snow and bright", "built-up and other"}
    for kind, one in parts.items():
        error = noise.swapaxes(0, 1)[scene.measured][:, scene.land == LAND_TYPES.index(kind)]
        assert one.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)
        psnr = (10 * np.log10(0.5**2 / (error**2).mean(axis=1))).mean()  # the peak of the whole scene
        assert one.psnr == pytest.approx(psnr, abs=1e-2)
    halves = [one.ssim for one in parts.values()]
    assert np.mean(halves) == pytest.approx(result.whole.ssim, abs=1e-4)
    assert abs(halves[0] - halves[1]) > 0.1
    bands = {one.part: one for one in result.by_region}
    chosen = scene.measured & (scene.wavelength_nm >= 1300) & (scene.wavelength_nm < 1900)
    assert bands["SWIR 1"].rmse == pytest.approx(np.sqrt((noise[:, chosen] ** 2).mean()), rel=1e-4)
    assert set(bands) == {"visible", "near infrared", "SWIR 1", "SWIR 2"}  # one band has no angle


def test_angles_of_spectra_that_are_zero():
    truth = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    estimate = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    np.testing.assert_allclose(spectral_angles(estimate, truth), [45.0, 90.0, np.nan], atol=1e-3)
