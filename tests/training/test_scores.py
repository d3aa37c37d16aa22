import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.scores import HeldOutScene, held_out_scenes, markdown_table, score, spectral_rmse
from hyperlift.training.spectra import HELD_OUT, Collection


@pytest.fixture
def scene():
    """One tile whose truth is known; a fifth of the channels were not measured."""
    rng = np.random.default_rng(0)
    hsi = rng.uniform(0.1, 0.5, (1, 20, 16, 16)).astype(np.float32)
    measured = np.arange(20) % 5 > 0
    return HeldOutScene("scene", "one resolution", np.zeros((1, 12, 16, 16), np.float32), hsi, measured)


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
    curve = spectral_rmse(scene, lambda msi: wrong_there)
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
