from __future__ import annotations

import numpy as np
import pytest

from hyperlift.core.errors import RasterError
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import BandTable, Calibration, Georeference, Window


def test_reads_windows_as_float32_with_their_mask():
    pixels = np.arange(2 * 5 * 7, dtype=np.uint16).reshape(2, 5, 7)
    valid = np.ones((5, 7), dtype=bool)
    valid[4, 6] = False
    source = ArraySource(pixels, valid=valid)
    block = source.read(Window(3, 5, 2, 2))
    assert source.shape == (5, 7)
    assert source.dtype == np.uint16
    assert block.pixels.dtype == np.float32
    np.testing.assert_array_equal(block.pixels, pixels[:, 3:5, 5:7])
    np.testing.assert_array_equal(block.valid, [[True, True], [True, False]])


def test_a_pixel_is_valid_when_every_band_is_finite():
    pixels = np.ones((2, 1, 3), dtype=np.float64)
    pixels[0, 0, 0], pixels[1, 0, 1] = np.nan, -np.inf
    np.testing.assert_array_equal(ArraySource(pixels).read(Window(0, 0, 1, 3)).valid, [[False, False, True]])


def test_blocks_are_copies():
    pixels = np.zeros((1, 2, 2), dtype=np.float32)
    ArraySource(pixels).read(Window(0, 0, 2, 2)).pixels[:] = 1
    assert not pixels.any()


def test_what_is_given_is_told():
    bands, place = BandTable(("a",), (450.0,), (10.0,)), Georeference((1.0, 2.0, 0.0, 3.0, 0.0, -2.0), "x")
    calibration = Calibration((1e-4,), (0.0,))
    source = ArraySource(np.zeros((1, 1, 1)), bands, None, place, calibration, "patch")
    assert (source.bands, source.georeference) == (bands, place)
    assert (source.calibration, source.name, source.metadata) == (calibration, "patch", {})
    unknown = ArraySource(np.zeros((2, 1, 1))).bands
    assert unknown.names == ("", "")
    assert np.isnan(unknown.wavelength_nm).all()


@pytest.mark.parametrize("pixels", [np.zeros((3, 3)), np.zeros((0, 3, 3)), np.zeros((1, 1, 1), complex)])
def test_what_is_no_image_is_refused(pixels):
    with pytest.raises(RasterError, match=r"needs real numbers in the shape \(bands, rows, columns\)"):
        ArraySource(pixels)


def test_a_mask_or_bands_that_do_not_fit_are_refused():
    with pytest.raises(RasterError, match="do not fit its shape"):
        ArraySource(np.zeros((1, 2, 2)), valid=np.ones((3, 2), bool))
    with pytest.raises(RasterError, match="do not fit its shape"):
        ArraySource(np.zeros((2, 2, 2)), bands=BandTable(("a",), (450.0,), (10.0,)))


def test_sink_puts_blocks_in_their_places(make_profile, write_tiles):
    sink = ArraySink(make_profile(shape=(70, 90), bands=2))
    image = np.random.default_rng(0).random((2, 70, 90), dtype=np.float32)
    valid = image[0] > 0.2
    write_tiles(sink, image, valid)
    sink.commit()
    assert sink.pixels.dtype == np.float32
    np.testing.assert_array_equal(sink.pixels, np.where(valid, image, np.nan))
    sink.discard()
    assert np.isnan(sink.pixels).all()
