import numpy as np
import pytest

from hyperlift.core.errors import RasterError
from hyperlift.core.inference.calibration import calibrate
from hyperlift.core.raster.arrays import ArraySource
from hyperlift.core.raster.blocks import Calibration, Window

PRODUCT = 1e-4
ALL = range(1, 13)


def scene(dtype, low, high, shape=(40, 300), seed=0):
    values = np.random.default_rng(seed).uniform(low, high, (12, *shape))
    return values.astype(dtype)


def found(pixels, calibration=None, scale=None, offset=None, valid=None, numbers=ALL, metadata=None):
    source = ArraySource(pixels, calibration=calibration, valid=valid, name="scene.tif")
    source.metadata = metadata or {}
    return calibrate(source, numbers, Window(0, 0, *source.shape), PRODUCT, scale, offset)


@pytest.mark.parametrize(
    ("pixels", "scale", "why"),
    [
        (scene(np.uint16, 100, 4000), 1e-4, "digital numbers stored as integers"),
        (scene(np.int16, -20, 4000), 1e-4, "digital numbers stored as integers"),
        (scene(np.float32, 0.01, 0.6), 1.0, "reflectance stored as fractions"),
        (scene(np.float32, 0.5, 1.9), 1.0, "reflectance stored as fractions"),
        (scene(np.float32, 1.0, 60.0), 0.01, "reflectance stored in per cent"),
        (scene(np.float64, 100, 4000), 1e-4, "digital numbers stored as floating-point numbers"),
    ],
)
def test_recognised_from_type_and_values(pixels, scale, why):
    reflectance = found(pixels)
    np.testing.assert_allclose(reflectance.scale, scale)
    np.testing.assert_array_equal(reflectance.offset, 0)
    assert reflectance.how == f"Reflectance = number * {scale:g} + 0 (recognised: {why})."
    assert reflectance.warnings == ()


def test_a_few_bright_pixels_do_not_make_digital_numbers():
    pixels = scene(np.float32, 0.01, 0.6)
    pixels[:, 5, 5] = 40.0
    assert found(pixels).scale[0] == 1.0


def test_the_user_comes_first_then_the_file():
    stated = Calibration(tuple(np.arange(1, 13) * 1e-3), (-0.1,) * 12)
    pixels = scene(np.uint16, 100, 4000)
    by_file = found(pixels, stated, numbers=[2, 5])
    np.testing.assert_allclose(by_file.scale, [2e-3, 5e-3])
    np.testing.assert_allclose(by_file.offset, -0.1)
    assert by_file.how == "Reflectance = number * (0.002, 0.005) + -0.1 (as the file states)."
    by_user = found(pixels, stated, scale=1e-3, offset=0.0)
    np.testing.assert_allclose(by_user.scale, 1e-3)
    np.testing.assert_array_equal(by_user.offset, 0)
    assert "(as given)" in by_user.how
    assert found(pixels, offset=-0.1).how.endswith(
        "(recognised: digital numbers stored as integers; offset as given)."
    )
    mixed = found(pixels, stated, scale=1e-3)
    np.testing.assert_allclose(mixed.offset, -0.1)


def test_a_scale_of_other_bands_states_nothing_of_these():
    pixels = scene(np.uint16, 100, 4000)
    stated = Calibration((*(1.0,) * 11, 1e-3), (0.0,) * 12)
    np.testing.assert_allclose(found(pixels, stated, numbers=range(1, 12)).scale, 1e-4)
    np.testing.assert_allclose(found(pixels, stated).scale, stated.scale)


def test_applies_scale_and_offset_to_each_band():
    stated = Calibration((1e-4, 1e-3) * 6, (-0.1, 0.0) * 6)
    pixels = scene(np.uint16, 100, 4000)
    reflectance = found(pixels, stated).of(pixels.astype(np.float32))
    np.testing.assert_allclose(reflectance[0], pixels[0] * 1e-4 - 0.1, atol=1e-6)
    np.testing.assert_allclose(reflectance[1], pixels[1] * 1e-3, atol=1e-6)


def test_warns_of_the_offset_that_is_still_in():
    pixels = scene(np.uint16, 30, 4000) + np.uint16(1000)
    (warning,) = found(pixels).warnings
    assert "+1000 offset of processing baseline 04.00 is most likely still in" in warning
    assert "set the offset to -0.1" in warning
    assert found(pixels, offset=-0.1).warnings == ()
    assert found(pixels, offset=0.0).warnings == ()  # the user knows
    for stored in (pixels.astype(np.float32), pixels * np.float32(1e-4)):
        assert found(stored).warnings == (warning,)
    assert found(scene(np.uint16, 30, 4000)).warnings == ()


def test_an_offset_that_was_lost_is_said_however_bright_the_scene():
    product = {"BOA_QUANTIFICATION_VALUE": "10000", "PROCESSING_BASELINE": "05.10"}
    stated = Calibration((1e-4,) * 12, (-0.1,) * 12)
    for pixels in (scene(np.uint16, 30, 4000), scene(np.uint16, 1030, 4000), scene(np.uint16, 3000, 4000)):
        for scale in (None, 1e-4):
            (warning,) = found(pixels, scale=scale, metadata=product).warnings
            assert "offset of -1000 was most likely lost" in warning
            assert "set the offset to -0.1" in warning
        assert found(pixels, offset=-0.1, metadata=product).warnings == ()
        assert found(pixels, stated, metadata=product).warnings == ()
    older = {**product, "PROCESSING_BASELINE": "02.14"}
    assert found(scene(np.uint16, 3000, 4000), metadata=older).warnings == ()


def test_one_hazy_band_is_no_offset():
    pixels = scene(np.uint16, 2500, 4000)
    pixels[:2] = 1100
    assert found(pixels).warnings == ()


def test_warns_of_a_scale_that_makes_the_scene_brighter_than_land():
    (warning,) = found(scene(np.uint16, 5000, 65000)).warnings
    assert warning.startswith("One number in a hundred is above a reflectance of 6.4")
    stated = Calibration((1.0,) * 12, (-1000.0,) * 12)
    assert (
        "the scale is most likely wrong; correct it"
        in found(scene(np.uint16, 1100, 4000), stated).warnings[0]
    )


def test_warns_of_a_scale_that_makes_the_scene_darker_than_land():
    (warning,) = found(scene(np.float32, 0.1, 0.9), scale=1e-4).warnings
    assert warning.startswith("99 of 100 numbers are below a reflectance of 8.9e-05, darker than any land")
    assert found(scene(np.uint16, 10, 400)).warnings == ()


def test_tells_of_pixels_that_are_zero_in_all_bands():
    pixels = scene(np.uint16, 100, 4000)
    pixels[:, :4] = 0
    (warning,) = found(pixels).warnings
    assert warning.startswith("About 10.0% of the pixels are zero in all bands")
    assert (
        found(np.where(pixels[0] == 0, np.arange(12)[:, None, None] * 10, pixels).astype(np.uint16)).warnings
        == ()
    )


@pytest.mark.parametrize("scale", [0.0, -1e-4])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(RasterError, match=r"The scale is .*; give a positive number"):
        found(scene(np.uint16, 100, 4000), scale=scale)


def test_eight_bit_picture():
    with pytest.raises(RasterError, match=r"'scene.tif' is an 8-bit picture, .* not reflectance"):
        found(scene(np.uint8, 0, 255))
    np.testing.assert_allclose(found(scene(np.uint8, 0, 255), scale=1 / 255).scale, 1 / 255)


def test_nothing_to_recognise_the_scale_by():
    pixels = scene(np.float32, 0, 1)
    nothing = np.zeros(pixels.shape[1:], bool)
    with pytest.raises(RasterError, match=r"No valid pixel was found in 'scene\.tif'"):
        found(pixels, valid=nothing)
    assert found(pixels, valid=nothing, scale=1.0).scale[0] == 1.0
    np.testing.assert_allclose(found(scene(np.uint16, 0, 9), valid=nothing).scale, 1e-4)


def test_samples_are_few_whatever_the_size():
    class Counted(ArraySource):
        pixels_read = 0

        def read(self, window, numbers=()):
            Counted.pixels_read += window.height * window.width
            return super().read(window, numbers)

    source = Counted(np.broadcast_to(np.uint16(500), (12, 20000, 20000)))
    calibrate(source, ALL, Window(0, 0, 20000, 20000), PRODUCT)
    assert Counted.pixels_read < 100_000


def test_undeclared_nodata_hides_neither_scale_nor_offset():
    offset_in = (scene(np.uint16, 30, 4000) + np.uint16(1000)).astype(np.int16)
    for nodata in (-9999, 0):
        offset_in[:, :2] = nodata
        assert "+1000 offset" in found(offset_in).warnings[-1]
    fractions = scene(np.float32, 0.01, 0.6)
    fractions[:, :2] = 1e20
    reflectance = found(fractions)
    assert reflectance.scale[0] == 1.0
    assert reflectance.warnings == ()


def test_zeros_do_not_hide_a_wrong_scale():
    pixels = scene(np.uint16, 100, 4000)
    pixels[:, :4] = 0
    zeros, wrong = found(pixels, scale=0.01).warnings
    assert "zero in all bands" in zeros
    assert "the scale is most likely wrong" in wrong
