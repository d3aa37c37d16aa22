import json
import math

import numpy as np
import pytest

from hyperlift.core.errors import RasterError
from hyperlift.core.inference.bands import band_name, band_numbers, match_bands
from hyperlift.core.inference.card import Card
from hyperlift.core.raster.blocks import BandTable
from hyperlift.core.spectral import grid, sensor

NAMES = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
NOMINAL_NM = [443, 490, 560, 665, 705, 740, 783, 842, 865, 945, 1610, 2190]


@pytest.fixture(scope="module")
def card(make_card):
    return Card.from_json(json.dumps(make_card()))


def table(names=None, wavelengths=None, widths=None, count=None):
    count = count or len(names or wavelengths)
    unknown = (math.nan,) * count
    return BandTable(tuple(names or ("",) * count), tuple(wavelengths or unknown), tuple(widths or unknown))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("B1", "B1"),
        ("B01", "B1"),
        ("b8a", "B8A"),
        ("B08", "B8"),
        ("B02 (490 nm)", "B2"),
        ("S2_B5", "B5"),
        ("T33UUB_20170527T102031_B8A", "B8A"),
        ("Band 4", "B4"),
        ("band_11", "B11"),
        ("B4 - red", "B4"),
        ("B10", "B10"),
        ("coastal", "B1"),
        ("Coastal aerosol", "B1"),
        ("Blue", "B2"),
        ("green (560 nm)", "B3"),
        ("RED", "B4"),
        ("red edge 2", "B6"),
        ("rededge3", "B7"),
        ("Vegetation red edge 1", "B5"),
        ("vegetation_red_edge_2", "B6"),
        ("Vegetation Red Edge 3 (783 nm)", "B7"),
        ("vegetation red edge", ""),
        ("NIR", "B8"),
        ("nir08", "B8A"),
        ("Water vapour", "B9"),
        ("swir16", "B11"),
        ("SWIR 2", "B12"),
        ("red edge", ""),
        ("swir", ""),
        ("infrared", ""),
        ("B8/B4", ""),
        ("B13", ""),
        ("AB2", ""),
        ("B4C", ""),
        ("SCL", ""),
        ("WVP", ""),
        ("Water vapour (WVP)", ""),
        ("B09_WVP", ""),
        ("", ""),
    ],
)
def test_names(text, name):
    assert band_name(text) == name


def test_bands_in_any_order_with_others_between(card):
    names = ["SCL", *reversed(NAMES), "B10"]
    match = match_bands(table(names), card)
    assert [names[number - 1] for number in match.numbers] == NAMES
    assert match.estimated == []
    assert match.warnings == []
    assert match.how.startswith("Bands taken from names: B1=13, B2=12,")


def test_names_beat_wavelengths(card):
    match = match_bands(table(NAMES, NOMINAL_NM[::-1]), card)
    assert match.numbers == tuple(range(1, 13))


@pytest.mark.parametrize("centres", [NOMINAL_NM, *(sensor(f"sentinel2{unit}").centre_nm for unit in "abc")])
def test_wavelengths_of_every_unit(card, centres):
    order = np.random.default_rng(0).permutation(12)
    match = match_bands(table(wavelengths=[centres[place] for place in order]), card)
    assert [order[number - 1] for number in match.numbers] == list(range(12))
    assert "wavelengths" in match.how


def test_wavelengths_settle_b8_and_b8a_when_one_is_missing(card):
    without = [centre for centre in NOMINAL_NM if centre != 842]
    with pytest.raises(RasterError, match="By their wavelengths the bands of the raster lack B8;"):
        match_bands(table(wavelengths=without), card)


def test_widths_tell_a_narrow_channel_from_a_broad_band(card):
    channels = grid("aviris224")
    with pytest.raises(RasterError, match="By their wavelengths the bands of the raster lack B2, "):
        match_bands(
            table(wavelengths=channels.wavelength_nm.tolist(), widths=channels.fwhm_nm.tolist()), card
        )


def test_many_channels_without_widths_are_not_taken_for_sentinel2(card):
    centres = grid("aviris224").wavelength_nm.tolist()
    with pytest.raises(RasterError, match=r"has 224 bands of unknown width and looks hyperspectral already"):
        match_bands(table(wavelengths=centres), card)
    assert match_bands(table(wavelengths=centres), card, range(1, 13)).numbers == tuple(range(1, 13))
    names = [*NAMES, *(f"index {n}" for n in range(28))]
    assert match_bands(table(names, [400 + 50 * n for n in range(40)]), card).numbers == tuple(range(1, 13))


def test_thirteen_bands_leave_out_cirrus(card):
    names = [*NAMES[:10], "B10", *NAMES[10:]]
    assert match_bands(table(names), card).numbers == (*range(1, 11), 12, 13)


def test_ten_bands_are_completed_by_estimates(card):
    names = [name for name in NAMES if name not in ("B1", "B9")]
    match = match_bands(table(names), card)
    assert match.estimated == ["B1", "B9"]
    assert "B1 and B9 are missing in the raster and estimated" in match.warnings[0]
    pixels = np.random.default_rng(0).random((10, 3, 4), dtype=np.float32)
    complete = match.complete(pixels)
    np.testing.assert_allclose(complete[0], 0.01 + 0.9 * pixels[0], rtol=1e-6)
    np.testing.assert_allclose(complete[9], 0.1 * pixels.sum(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(complete[[1, 2, 3, 4, 5, 6, 7, 8, 10, 11]], pixels)


def test_one_missing_band_is_estimated_from_those_that_are_there(card):
    match = match_bands(table(NAMES[1:]), card)
    assert match.estimated == ["B1"]
    assert "B1 is missing in the raster and estimated" in match.warnings[0]


def test_numbers_given_by_the_user(card):
    twelve = match_bands(table(count=14), card, [14, *range(2, 13)])
    assert twelve.numbers == (14, *range(2, 13))
    ten = match_bands(table(count=10), card, list(range(10, 0, -1)))
    assert ten.numbers == tuple(range(10, 0, -1))
    assert ten.estimated == ["B1", "B9"]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([1, 2, 3], r"3 band numbers are given; the model needs 12 bands \(B1 .*\), or 10 without B1 and B9"),
        ([1] * 12, "The list of band numbers names a band of the raster twice"),
        ([0, *range(2, 13)], "names a band that is not there; the raster has bands 1 to 13"),
        ([14, *range(2, 13)], "names a band that is not there"),
    ],
)
def test_wrong_numbers(card, numbers, message):
    with pytest.raises(RasterError, match=message):
        match_bands(table(count=13), card, numbers)


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        (table(count=4), r"The raster has 4 bands; the model needs 12 bands .* or 10 without B1 and B9"),
        (table(count=1), "The raster has 1 band; the model needs"),
        (table(count=11), "wavelengths, and there are 11 of them while the model needs 12 bands .* set the"),
        (table(count=12), "neither Sentinel-2 names nor wavelengths; set the bands to the numbers of B1"),
        (table([f"Layer {n}" for n in range(12)]), "neither Sentinel-2 names nor wavelengths"),
        (
            table([f"Band {n}" for n in range(1, 13)]),
            "By their names the bands of the raster lack B8A; set the bands to",
        ),
        (table([*NAMES[:11], "b02"]), "Bands 2 and 12 are both named B2; give the band numbers to say which"),
        (table(wavelengths=range(400, 1600, 100)), "By their wavelengths the bands of the raster lack"),
    ],
)
def test_bands_that_cannot_be_recognised(card, bands, message):
    with pytest.raises(RasterError, match=message):
        match_bands(bands, card)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", ()), ("  ", ()), ("1,2,3", (1, 2, 3)), ("12; 11 10", (12, 11, 10)), ("4,", (4,))],
)
def test_band_numbers(text, numbers):
    assert band_numbers(text) == numbers


@pytest.mark.parametrize("text", ["B1", "1-3", "1.5", "-1"])
def test_band_numbers_that_are_something_else_are_refused(text):
    with pytest.raises(RasterError, match="Bands must be numbers separated by commas"):
        band_numbers(text)
