import numpy as np
import pytest

from hyperlift.core.fusion.resampling import CUBIC_HALO, observation_halo, observe, upsample
from hyperlift.core.raster.blocks import Window

SHAPE = (13, 17)
WHOLE = Window(0, 0, *SHAPE)


@pytest.fixture
def coarse():
    return np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("scale", [4, 8, 16])
def test_a_ramp_stays_a_ramp_on_the_finer_pixels(scale):
    ramp = np.tile(np.arange(SHAPE[1], dtype=np.float32) + 0.5, (1, SHAPE[0], 1))
    fine = upsample(ramp, WHOLE, WHOLE, scale, SHAPE)
    centres = (np.arange(SHAPE[1] * scale) + 0.5) / scale
    inner = slice(2 * scale, -2 * scale)
    np.testing.assert_allclose(fine[0, 5, inner], centres[inner], atol=1e-4)


def test_windows_are_what_the_whole_image_gives(coarse):
    whole = upsample(coarse, WHOLE, WHOLE, 4, SHAPE)
    window = Window(3, 6, 5, 7)
    outer = window.expanded(CUBIC_HALO, SHAPE)
    rows, columns = outer.within(WHOLE)
    part = upsample(coarse[:, rows, columns], outer, window, 4, SHAPE)
    rows, columns = window.scaled(4).within(WHOLE.scaled(4))
    np.testing.assert_allclose(part, whole[:, rows, columns], atol=1e-6)


def test_observed_windows_are_what_the_whole_image_gives():
    fine = np.random.default_rng(0).random((2, 4 * SHAPE[0], 4 * SHAPE[1])).astype(np.float32)
    whole = observe(fine, WHOLE, WHOLE, 4, SHAPE, 0.42)
    window = Window(4, 5, 4, 6)
    outer = window.expanded(observation_halo(0.42), SHAPE)
    rows, columns = outer.scaled(4).within(WHOLE.scaled(4))
    part = observe(fine[:, rows, columns], outer, window, 4, SHAPE, 0.42)
    rows, columns = window.within(WHOLE)
    np.testing.assert_allclose(part, whole[:, rows, columns], atol=1e-6)


def test_an_even_field_is_seen_as_it_is():
    fine = np.full((1, 4 * SHAPE[0], 4 * SHAPE[1]), 0.3, np.float32)
    np.testing.assert_allclose(observe(fine, WHOLE, WHOLE, 4, SHAPE, 0.55), 0.3, atol=1e-6)
