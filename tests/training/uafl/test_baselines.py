import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperlift.core.fusion.resampling import observe
from hyperlift.core.raster.blocks import Window
from hyperlift.core.registration import Affine
from hyperlift.training.uafl.baselines import gsa, interpolate, matched_features, phase_correlation, warped

SIDE = 96


@pytest.fixture
def plane():
    rng = np.random.default_rng(0)
    return sum(gaussian_filter(rng.normal(size=(SIDE, SIDE)), d) * d for d in (1.5, 3.0))


def test_phase_correlation_finds_a_shift(plane):
    found = phase_correlation(plane, np.roll(plane, (4, -6), (0, 1)))
    np.testing.assert_allclose(found(48.0, 48.0), (42.0, 52.0), atol=1.5)


def test_phase_correlation_finds_a_turn_and_a_scale():
    rng = np.random.default_rng(0)
    plane = sum(gaussian_filter(rng.normal(size=(192, 192)), d) * d for d in (1.5, 3.0))
    place = Affine.about((96.0, 96.0), 7.0, 1.08, (3.0, 2.0))
    found = phase_correlation(plane, warped(plane[None], place.inverse())[0])
    for point in ((96.0, 96.0), (40.0, 60.0), (150.0, 120.0)):
        np.testing.assert_allclose(found(*point), place(*point), atol=3.0)


def test_features_find_a_rotation(plane):
    place = Affine.about((48.0, 48.0), 6.0, 1.0, (3.0, 2.0))
    found = matched_features(plane, warped(plane[None], place.inverse())[0], 2)
    np.testing.assert_allclose(found(60.0, 40.0), place(60.0, 40.0), atol=2.0)


def test_gsa_sharpens_what_lines_up(plane):
    truth = np.stack([0.5 + 0.1 * plane / plane.std(), 0.4 - 0.05 * plane / plane.std()])
    whole = Window(0, 0, 24, 24)
    coarse = observe(truth.astype(np.float32), whole, whole, 4, (24, 24), 0.42)
    photo = np.repeat(truth[:1], 3, axis=0)
    errors = [np.abs(x - truth).mean() for x in (interpolate(coarse, 4), gsa(coarse, photo, 4))]
    assert errors[1] < 0.3 * errors[0]
