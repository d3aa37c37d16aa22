import time
import warnings
from dataclasses import replace
from threading import Lock

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperlift.core.errors import HyperLiftError, ModelError, RasterError
from hyperlift.core.fusion.resampling import observe, upsample
from hyperlift.core.inference import sharpen
from hyperlift.core.inference.models import card_name, model_names, read_card
from hyperlift.core.inference.sharpening import sharpen_scene
from hyperlift.core.inference.sharpening_card import SharpeningCard, SharpeningSession
from hyperlift.core.inference.sharpening_report import SharpenOptions
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import Georeference, Window

SCALE, ROWS, COLUMNS, BANDS = 4, 30, 36, 20
WHOLE = Window(0, 0, ROWS, COLUMNS)


@pytest.fixture(scope="module")
def scene():
    """Mixtures of three spectra in fine shapes ``(B, H, W)``, the coarse image and a photograph of them."""
    rng = np.random.default_rng(0)
    shapes = np.stack([gaussian_filter(rng.normal(size=(ROWS * 4, COLUMNS * 4)), 2.0) for _ in range(3)])
    shapes = 0.3 + 0.1 * shapes / shapes.std()
    truth = np.tensordot(rng.random((BANDS, 3)), shapes, axes=1).astype(np.float32)
    coarse = observe(truth, WHOLE, WHOLE, SCALE, (ROWS, COLUMNS), 0.42)
    return truth, coarse, shapes.astype(np.float32)


@pytest.fixture(scope="module")
def session(sharpening_model):
    return SharpeningSession.open(sharpening_model, "cpu")


def run(source, photo, session, **options):
    sinks, trust = [], []

    def make(kept):
        return lambda profile: kept.append(ArraySink(profile)) or kept[-1]

    chosen = SharpenOptions(**{"scale": SCALE, "data_type": "float32", **options})
    report = sharpen_scene(source, photo, make(sinks), session, chosen, make_confidence=make(trust))
    return sinks[0], trust[0].pixels, report


def error_of(estimate, truth):
    return float(np.sqrt(np.nanmean((estimate - truth) ** 2)))


def test_a_shifted_photograph_sharpens(scene, sharpening_model):
    truth, coarse, photo = scene
    shifted = np.roll(photo, (5, -7), (1, 2))
    sharp = sharpen(coarse, shifted, SCALE, sharpening_model)
    assert sharp.shape == truth.shape
    assert error_of(sharp, truth) < 0.6 * error_of(
        upsample(coarse, WHOLE, WHOLE, SCALE, (ROWS, COLUMNS)), truth
    )


def test_another_photograph_is_not_used(scene, sharpening_model):
    _, coarse, _ = scene
    other = np.stack([gaussian_filter(p, 2.0) for p in np.random.default_rng(9).normal(size=(3, 120, 144))])
    with pytest.warns(UserWarning, match="REFERENCE IS NOT USED"):
        sharp = sharpen(coarse, 0.5 + other, SCALE, sharpening_model)
    plain = upsample(coarse, WHOLE, WHOLE, SCALE, (ROWS, COLUMNS))
    np.testing.assert_allclose(sharp, plain, atol=1e-6)


def test_dark_ground_stays_dark_and_is_not_negative(scene, session):
    _, coarse, photo = scene
    dark = coarse - 0.95 * coarse.min(axis=(1, 2), keepdims=True)
    dark[0, 3, 4] = -0.02  # what the image has itself may stay
    sharp = run(ArraySource(dark), ArraySource(photo), session)[0].pixels
    assert sharp[1:].min() >= 0.0
    assert sharp[0].min() < 0.0
    assert sharp[0, :8].min() >= 0.0


def test_the_result_does_not_depend_on_the_tiles(scene, session):
    _, coarse, photo = scene
    results = [run(ArraySource(coarse), ArraySource(photo), session, tile=tile) for tile in (64, 256)]
    assert results[0][0].profile.tile == 64
    np.testing.assert_allclose(results[0][0].pixels, results[1][0].pixels, atol=1e-5)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-5)


def test_nodata_stay_and_touch_nothing_far(scene, session):
    _, coarse, photo = scene
    holed = coarse.copy()
    holed[:, 4:6, 7:9] = np.nan
    sink, trust, report = run(ArraySource(holed), ArraySource(photo), session)
    gap = np.isnan(sink.pixels)
    assert gap[:, 16:24, 28:36].all()
    assert gap.sum() == BANDS * 8 * 8
    assert np.isnan(trust[0, 16:24, 28:36]).all()
    assert report.valid_fraction == pytest.approx(1 - 4 / (ROWS * COLUMNS))


def test_offset_and_confidence_are_reported(scene, session):
    _, coarse, photo = scene
    _, trust, report = run(ArraySource(coarse), ArraySource(np.roll(photo, (0, 8), (1, 2))), session)
    assert report.offset == pytest.approx(8.0, abs=0.5)
    assert report.confidence == 1.0
    assert "extent of the reference was taken" in report.placement
    assert report.unreliable < 0.4
    assert 0.0 <= np.nanmin(trust) <= np.nanmax(trust) <= 1.0


def test_a_georeferenced_photograph_is_placed_by_it(scene, session):
    _, coarse, photo = scene
    image = ArraySource(coarse, georeference=Georeference((0.0, 40.0, 0.0, 0.0, 0.0, -40.0), "here"))
    wide = np.pad(photo, ((0, 0), (60, 60), (60, 60)), mode="reflect")
    place = Georeference((-600.0, 10.0, 0.0, 600.0, 0.0, -10.0), "here")
    sink, _, report = run(image, ArraySource(wide, georeference=place), session)
    assert report.placement == "The reference was placed by its georeference."
    assert report.offset < 0.5
    assert sink.profile.georeference.transform == (0.0, 10.0, 0.0, 0.0, 0.0, -10.0)
    far = ArraySource(wide, georeference=replace(place, transform=(9e5, 10.0, 0.0, 600.0, 0.0, -10.0)))
    with pytest.raises(RasterError, match="does not lie where the image lies"):
        run(image, far, session)


@pytest.mark.parametrize(
    ("image", "photo", "scale", "words"),
    [
        (np.ones((5, 12, 12)), np.ones((3, 48, 48)), 5, "choose one of 4, 8 and 16"),
        (np.ones((5, 12, 12)), np.ones((2, 48, 48)), 4, "has two bands"),
        (np.ones((5, 4, 12)), np.ones((3, 48, 48)), 4, "at least 6 along each side"),
        (np.full((5, 12, 12), np.nan), np.ones((3, 48, 48)), 4, "no valid pixel"),
        (np.ones((12, 12)), np.ones((3, 48, 48)), 4, "needs real numbers in the shape"),
        (np.ones((5, 12, 12)), np.zeros((3, 48, 48)), 4, "has no pixels where the image lies"),
    ],
)
def test_what_cannot_be_sharpened_is_said(image, photo, scale, words, sharpening_model):
    with pytest.raises(HyperLiftError, match=words):
        sharpen(image, photo, scale, sharpening_model)


def test_an_even_image_comes_out_even(sharpening_model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sharp = sharpen(np.full((5, 12, 12), 0.3), np.full((3, 48, 48), 0.5), 4, sharpening_model)
    np.testing.assert_allclose(sharp, 0.3, atol=1e-5)


class OneAtATime(ArraySource):
    """Fails when two threads are in it at once."""

    def __init__(self, pixels):
        super().__init__(pixels)
        self._free = Lock()

    def _alone(self, call):
        assert self._free.acquire(blocking=False), "two threads use the raster at once"
        time.sleep(0.02)
        try:
            return call()
        finally:
            self._free.release()

    def read(self, window, numbers=()):
        return self._alone(lambda: super(OneAtATime, self).read(window, numbers))

    def release(self):
        self._alone(super().release)


def test_threads_take_turns_at_the_rasters(scene, session):
    _, coarse, photo = scene
    _, _, report = run(OneAtATime(coarse), OneAtATime(photo), session, tile=64)
    assert report.confidence == 1.0


def test_its_model_is_no_model_that_lifts(sharpening_model, linear_model):
    assert "uafl" not in model_names()
    assert card_name(sharpening_model) == "uafl"
    with pytest.raises(ModelError):
        read_card(sharpening_model)
    with pytest.raises(ModelError, match="was not made to sharpen"):
        SharpeningSession.open(linear_model)
    with pytest.raises(ModelError, match="should give 'maps'"):
        SharpeningCard.from_json(
            '{"task": "sharpening", "name": "x", "title": "x", "architecture": "x", '
            '"version": "1", "licence": "x"}'
        )
