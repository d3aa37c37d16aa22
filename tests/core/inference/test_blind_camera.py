import numpy as np
import pytest

from hyperlift.core.errors import RasterError
from hyperlift.core.inference.blind_camera import centres_in, check_pixels, chosen_bands, nominal_centres
from hyperlift.core.raster.arrays import ArraySource
from hyperlift.core.raster.blocks import BandTable
from hyperlift.core.spectral import grid

GRID = grid("aviris172")


def source(bands, wavelengths=None):
    table = None
    if wavelengths:
        table = BandTable(("",) * bands, tuple(wavelengths), (float("nan"),) * bands)
    return ArraySource(np.ones((bands, 2, 2)), table)


@pytest.mark.parametrize("bands", [2, 13, 40])
def test_too_few_or_too_many_bands(bands):
    with pytest.raises(RasterError, match=rf"^{bands} bands are in 'array'; .* takes 3 to 12. Choose some"):
        chosen_bands(source(bands), ())


def test_chosen_bands_count_not_those_of_the_raster():
    assert chosen_bands(source(40), (3, 2, 9)) == (3, 2, 9)
    with pytest.raises(RasterError, match="2 bands are given"):
        chosen_bands(source(40), (3, 2))


@pytest.mark.parametrize("text", ["450, 560,650", "450;560 650", "450.0 560 650"])
def test_centres_from_a_text(text):
    assert centres_in(text) == (450.0, 560.0, 650.0)


def test_no_centres_from_an_empty_text():
    assert centres_in(" ") == ()


@pytest.mark.parametrize("text", ["blue", "450, nan", "4.5.0", "450 nm"])
def test_centres_that_are_none(text):
    with pytest.raises(RasterError, match="must be wavelengths in nm separated by commas"):
        centres_in(text)


def test_centres_in_micrometres_are_asked_for_in_nm():
    with pytest.raises(RasterError, match=r"'0.45, 0.5605' look like micrometres; .* nm: 450, 560.5\.$"):
        centres_in("0.45, 0.5605")
    assert centres_in("0.45, 560") == (0.45, 560.0)


def test_one_centre_for_each_band():
    with pytest.raises(RasterError, match="2 nominal centres are given for 3 bands; give one for each"):
        nominal_centres(source(3), (1, 2, 3), (500, 600), GRID)


@pytest.mark.parametrize("centre", [380.0, 1400.0, 11000.0])
def test_centres_outside_the_grid(centre):
    with pytest.raises(
        RasterError, match=f"of band 7, {centre:g} nm, is not on the wavelengths of the result"
    ):
        nominal_centres(source(9), (1, 7, 3), (500, centre, 660), GRID)


def test_centres_that_the_raster_states():
    stated = source(3, (490.0, 560.0, 660.0))
    np.testing.assert_array_equal(nominal_centres(stated, (3, 1, 2), (), GRID), [660.0, 490.0, 560.0])
    assert nominal_centres(source(3, (490.0, 560.0, 10900.0)), (1, 2, 3), (), GRID) is None
    assert nominal_centres(source(3), (1, 2, 3), (), GRID) is None


def test_constant_bands():
    pixels = np.random.default_rng(0).random((50, 3))
    check_pixels(pixels, ("a", "b", "c"))
    pixels[:, 1] = 0.25
    with pytest.raises(RasterError, match=r"The band 'b' has the same value everywhere \(0.25\)"):
        check_pixels(pixels, ("a", "b", "c"))


def test_identical_bands():
    pixels = np.random.default_rng(0).random((50, 3))
    pixels[:, 2] = pixels[:, 0]
    with pytest.raises(RasterError, match="The bands 'a' and 'c' are identical; leave one of them out"):
        check_pixels(pixels, ("a", "b", "c"))
