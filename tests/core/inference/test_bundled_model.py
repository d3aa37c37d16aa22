"""The bundled network through the scene runner: the result must not depend on the tiles."""

import json

import numpy as np
import pytest

from hyperlift.core.inference import lift
from hyperlift.core.inference.models import check_digest, model_names, model_path, read_card
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.arrays import ArraySink, ArraySource

TWELVE = tuple(range(1, 13))
TOLERANCE = 1e-4  # reflectance; the contract asks for 1e-3


@pytest.fixture(scope="module")
def session():
    return Session.open("explains2a", "cpu")


@pytest.fixture(scope="module")
def scene():
    """Reflectance ``(12, 80, 112)`` of the sample scene: rough, with coarse bands replicated."""
    rasterio = pytest.importorskip("rasterio")
    path = model_path("explains2a").parents[1] / "sample" / "sentinel2_sample.tif"
    with rasterio.open(path) as sample:
        return sample.read()[:, 90:170, 60:172].astype(np.float32) * 1e-4


def lifted(session, pixels, tile):
    sinks = []

    def make_sink(profile):
        sinks.append(ArraySink(profile))
        return sinks[0]

    options = LiftOptions(TWELVE, 1.0, 0.0, tile=tile, data_type="float32")
    lift_scene(ArraySource(pixels), make_sink, session, options)
    return sinks[0].pixels


@pytest.fixture(scope="module")
def whole(session, scene):
    """The scene in one piece, by the session alone."""
    return session.run(scene)


def test_explains2a_is_bundled_whole():
    assert "explains2a" in model_names()
    path = model_path("explains2a")
    card = read_card(path)
    check_digest(path, card)
    assert (len(card.input.bands), len(card.output.wavelength_nm), card.scale_factor) == (12, 172, 1)
    assert path.stat().st_size < 7_000_000


@pytest.mark.parametrize("tile", [32, 48, 64])
def test_tiles_do_not_show(session, scene, whole, tile):
    assert np.abs(lifted(session, scene, tile) - whole).max() < TOLERANCE


@pytest.mark.parametrize(("level", "noise"), [(0.5, 0.0), (0.8, 0.0), (1.2, 1e-4)])
def test_a_flat_bright_place_stays_flat_by_any_tiles(session, scene, level, noise):
    """Clouds, snow, saturation, fill: wider than the windows of the sharpening's regressions."""
    image = np.concatenate([scene, scene[:, ::-1]], axis=1)[:, :112]
    flat = np.s_[:, 8:104, 8:104]
    random = np.random.default_rng(0).normal(size=image[flat].shape)
    image[flat] = level + noise * random
    whole = session.run(image)
    assert whole[:, 48:64, 48:64].std(axis=(1, 2)).max() < 1e-4 + 30 * noise
    difference = np.abs(lifted(session, image, 32) - whole).max(axis=0)
    assert difference[48:64, 48:64].max() < 1e-5
    assert difference.max() < 1e-3  # at the place's border


@pytest.mark.parametrize("crop", [1, 7, 31])
def test_a_cropped_scene_has_the_same_interior(session, scene, whole, crop):
    margin = session.card.halo
    cropped = lifted(session, scene[:, crop:, crop:], 48)
    inner = cropped[:, margin:, margin:] - whole[:, crop + margin :, crop + margin :]
    assert inner.size
    assert np.abs(inner).max() < TOLERANCE


def test_no_steps_at_window_borders(session, scene):
    """Over the columns where tiles meet, the change from pixel to pixel is no larger than elsewhere."""
    steps = np.abs(np.diff(lifted(session, scene, 16), axis=2)).mean(axis=(0, 1))
    reference = np.abs(np.diff(session.run(scene), axis=2)).mean(axis=(0, 1))
    borders = np.arange(15, scene.shape[2] - 1, 16)
    np.testing.assert_allclose(steps[borders], reference[borders], atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (5, 40)])
def test_scenes_of_any_size(session, scene, shape):
    pixels = scene[:, : shape[0], : shape[1]]
    result = lifted(session, pixels, 32)
    assert result.shape == (172, *shape)
    assert np.abs(result - session.run(pixels)).max() < TOLERANCE
    np.testing.assert_allclose(lift(pixels, device="cpu"), result, atol=TOLERANCE)


def test_bundled_model_beats_ridge_regression_on_held_out_scenes():
    """By the accuracy in its card, which the export measured on the very file."""
    scores = read_card(model_path("explains2a")).accuracy["held_out"]
    for footprints in ("one resolution", "native footprints"):
        group = [one for one in scores if one["footprints"] == footprints]
        mean = {
            method: np.mean([[one["psnr"], one["sam"]] for one in group if one["method"] == method], axis=0)
            for method in {one["method"] for one in group}
        }
        model = mean.pop("explains2a")
        assert mean, "the card holds no ridge regression to compare with"
        for method, ridge in mean.items():
            assert model[0] > ridge[0], (footprints, method)
            assert model[1] < ridge[1], (footprints, method)


def test_card_is_json_with_its_sources():
    card = json.loads(read_card(model_path("explains2a")).to_json())
    assert card["training"]["held_out"]
    assert card["licence"] == "GPL-3.0-or-later"
