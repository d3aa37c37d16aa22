"""The bundled UALNet through the scene runner: twice the pixels, the same by any tiles, no NaN anywhere."""

import numpy as np
import pytest

from hyperlift.core.inference import lift
from hyperlift.core.inference.models import check_digest, model_names, model_path, read_card
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import Window

TWELVE = tuple(range(1, 13))
TOLERANCE = 1e-3  # reflectance


@pytest.fixture(scope="module")
def session():
    return Session.open("ualnet", "cpu")


@pytest.fixture(scope="module")
def scene():
    """Reflectance ``(12, 120, 48)`` of the sample scene."""
    rasterio = pytest.importorskip("rasterio")
    path = model_path("ualnet").parents[1] / "sample" / "sentinel2_sample.tif"
    with rasterio.open(path) as sample:
        return sample.read()[:, 60:180, 60:108].astype(np.float32) * 1e-4


def lifted(session, pixels, tile, window=None):
    sinks = []

    def make_sink(profile):
        sinks.append(ArraySink(profile))
        return sinks[0]

    options = LiftOptions(TWELVE, 1.0, 0.0, tile=tile, window=window, data_type="float32")
    lift_scene(ArraySource(pixels), make_sink, session, options)
    return sinks[0].pixels


@pytest.fixture(scope="module")
def whole(session, scene):
    """The scene in one tile."""
    return lifted(session, scene, 128)


def test_ualnet_is_bundled_whole():
    assert "ualnet" in model_names()
    path = model_path("ualnet")
    card = read_card(path)
    check_digest(path, card)
    assert (len(card.input.bands), len(card.output.wavelength_nm), card.scale_factor) == (12, 186, 2)
    initial_estimate = 1_221_562
    assert card.training["parameters"] == 1_600_438 - initial_estimate
    published_branch, sub_pixel_branch = 37_234, 625_520
    assert card.training["prior_net_parameters"] == 47_850 - published_branch + sub_pixel_branch
    assert card.training["discriminator_parameters"] == 109_795
    assert path.stat().st_size < 7_000_000


@pytest.mark.parametrize("tile", [32, 64])
def test_tiles_do_not_show(session, scene, whole, tile):
    assert np.abs(lifted(session, scene, tile) - whole).max() < TOLERANCE


@pytest.mark.parametrize("crop", [1, 31])
def test_a_cropped_scene_has_the_same_interior_up_to_its_own_statistics(session, scene, whole, crop):
    """A quarter cut off really changes the scene's statistics; given the same ones nothing is left."""
    margin = 2 * session.card.halo
    expected = whole[:, 2 * crop + margin :]
    cropped = lifted(session, scene[:, crop:], 128)[:, margin:]
    assert cropped.size
    assert np.abs(cropped - expected).mean() < 2e-4
    assert np.abs(cropped - expected).max() < 3e-3
    given = session.gather(scene[:, :48, :48])
    both = (session.run(part, given)[:, margin:] for part in (scene[:, crop:], scene))
    first, second = both
    assert np.abs(first - second[:, 2 * crop :]).max() < 1e-4


def test_a_clipped_part_equals_the_whole_scene_there(session, scene, whole):
    part = lifted(session, scene, 128, Window(40, 20, 33, 21))
    assert np.abs(part - whole[:, 80:146, 40:82]).max() < TOLERANCE


def test_no_steps_at_window_borders(session, scene):
    """Over the columns where tiles meet, the change from pixel to pixel is no larger than elsewhere."""
    few = scene[:, :64]
    steps = np.abs(np.diff(lifted(session, few, 32), axis=2)).mean(axis=(0, 1))
    reference = np.abs(np.diff(lifted(session, few, 128), axis=2)).mean(axis=(0, 1))
    borders = np.arange(63, 2 * scene.shape[2] - 1, 64)
    np.testing.assert_allclose(steps[borders], reference[borders], atol=1e-4)


def test_input_pixels_are_the_means_of_two_by_two(session, scene, whole):
    """Aligned with the corner: seen again, the four pixels of one of the input give it back, B2 here."""
    from hyperlift.core.spectral import parametric_response, response_matrix, sensor

    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), session.card.output.grid)
    seen = np.tensordot(response[1], whole, axes=1)
    means = seen.reshape(scene.shape[1], 2, scene.shape[2], 2).mean(axis=(1, 3))
    assert np.median(np.abs(means - scene[1])) < 0.005
    assert np.abs(means - scene[1]).mean() < 0.3 * np.abs(np.roll(means, 1, axis=0) - scene[1]).mean()


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (7, 40)])
def test_scenes_smaller_than_the_pooling_are_lifted(shape):
    hsi = lift(np.full((12, *shape), 0.2, np.float32), "ualnet")
    assert hsi.shape == (186, 2 * shape[0], 2 * shape[1])
    assert np.isfinite(hsi).all()


@pytest.mark.parametrize("level", [0.0, 1e-5, 1.6])
def test_dark_and_saturated_scenes_have_no_nan(level):
    hsi = lift(np.full((12, 20, 20), level, np.float32), "ualnet")
    assert np.isfinite(hsi).all()
    assert hsi.min() >= 0.0
    assert hsi.max() < max(3.0 * level, 0.1)


def test_nodata_stays_where_it_is(scene):
    holed = scene[:, :40, :40].copy()
    holed[:, 5:12, 20:30] = np.nan
    hsi = lift(holed, "ualnet")
    missing = np.isnan(holed[0]).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(np.isnan(hsi).all(axis=0), missing)
    assert np.isfinite(hsi[:, ~missing]).all()
