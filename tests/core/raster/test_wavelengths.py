from __future__ import annotations

import math

import numpy as np
import pytest

from hyperlift.core.raster.blocks import BandTable
from hyperlift.core.raster.tags import RasterTags
from hyperlift.core.raster.wavelengths import band_table, band_tags

NAN = math.nan


def tags(count=2, names=None, bands=None, imagery=None, **fields):
    return RasterTags(
        names=names or ("",) * count,
        bands=bands or ({},) * count,
        imagery=imagery or ({},) * count,
        **fields,
    )


@pytest.mark.parametrize(
    "items",
    [
        {"wavelength": "665.5", "wavelength_units": "Nanometers"},
        {"wavelength": "0.6655", "wavelength_units": "Micrometers"},
        {"wavelength": "0.6655", "wavelength_units": "µm"},
        {"WAVELENGTH": "665.5", "WAVELENGTH_UNIT": "nm"},
        {"wavelength": "665.5 nm"},
        {"wavelength": "0.6655 um", "wavelength_units": "Nanometers"},
        {"wavelength": "0.6655"},
        {"wavelength": "665.5"},
        {"Wavelength": "6.655e2", "wavelength units": "Unknown"},
    ],
)
def test_a_bands_own_item_is_read_in_any_unit(items):
    assert band_table(tags(bands=(items, {}))).wavelength_nm == pytest.approx((665.5, NAN), nan_ok=True)


def test_the_unit_of_the_dataset_holds_for_bands_that_state_none():
    read = band_table(tags(bands=({"wavelength": "120"}, {}), dataset={"wavelength_units": "Micrometers"}))
    assert read.wavelength_nm[0] == 120e3


def test_widths_of_a_band_keep_their_own_unit_or_take_that_of_the_centre():
    sentinel2 = {"WAVELENGTH": "842", "WAVELENGTH_UNIT": "nm", "BANDWIDTH": "115", "BANDWIDTH_UNIT": "nm"}
    micrometres = {"wavelength": "0.842", "fwhm": "0.115"}
    assert band_table(tags(bands=(sentinel2, micrometres))).fwhm_nm == pytest.approx((115, 115))


@pytest.mark.parametrize("unit", ["GHz", "Wavenumber", "Index"])
def test_other_units_than_lengths_are_unknown(unit):
    read = band_table(tags(bands=({"wavelength": "10", "wavelength_units": unit}, {})))
    assert math.isnan(read.wavelength_nm[0])


def test_imagery_domain_is_in_micrometres():
    read = band_table(tags(imagery=({"CENTRAL_WAVELENGTH_UM": "0.45", "FWHM_UM": "0.02"}, {})))
    assert read.wavelength_nm == pytest.approx((450, NAN), nan_ok=True)
    assert read.fwhm_nm == pytest.approx((20, NAN), nan_ok=True)


@pytest.mark.parametrize(
    ("envi", "centres", "widths"),
    [
        ({"wavelength": "{450, 560}", "fwhm": "{10, 20}"}, (450, 560), (10, 20)),
        ({"wavelength": "{0.45, 0.56}", "fwhm": "{0.01, 0.02}"}, (450, 560), (10, 20)),
        (
            {"wavelength": "{ 0.45,\n 0.56}", "wavelength units": "Micrometers", "fwhm": "{1}"},
            (450, 560),
            (NAN, NAN),
        ),
        ({"wavelength": "{450, 560, 670}"}, (NAN, NAN), (NAN, NAN)),
        ({"wavelength": "{450, x}"}, (450, NAN), (NAN, NAN)),
        ({"wavelength": "{}"}, (NAN, NAN), (NAN, NAN)),
    ],
)
def test_envi_lists(envi, centres, widths):
    read = band_table(tags(envi=envi))
    assert read.wavelength_nm == pytest.approx(centres, nan_ok=True)
    assert read.fwhm_nm == pytest.approx(widths, nan_ok=True)


@pytest.mark.parametrize(
    ("names", "centres"),
    [
        (("392.0 nm", "401 nm"), (392, 401)),
        (("band 1 (0.45 Micrometers)", "band 2 (0.56 Micrometers)"), (450, 560)),
        (("B4, central wavelength 665 nm", "swath"), (665, NAN)),
        (("0.45", "0.56"), (450, 560)),
        (("450", "560.5"), (450, 560.5)),
        (("1", "2"), (NAN, NAN)),
        (("299", "300"), (NAN, NAN)),
        (("B02", "B03"), (NAN, NAN)),
        (("", ""), (NAN, NAN)),
    ],
)
def test_names(names, centres):
    assert band_table(tags(names=names)).wavelength_nm == pytest.approx(centres, nan_ok=True)


def test_numbers_of_bands_are_no_wavelengths_however_many_there_are():
    read = band_table(tags(426, names=tuple(str(number) for number in range(1, 427))))
    assert np.isnan(read.wavelength_nm).all()


def test_the_most_exact_place_wins():
    read = band_table(
        tags(
            names=("450 nm", "560 nm"),
            bands=({"wavelength": "451.26"}, {}),
            imagery=({"CENTRAL_WAVELENGTH_UM": "0.451"}, {"CENTRAL_WAVELENGTH_UM": "0.561"}),
            envi={"wavelength": "{452.26, 561.26}"},
        )
    )
    assert read.wavelength_nm == (451.26, 561.26)


def test_names_come_from_the_sensors_own_item_the_description_or_the_header():
    read = band_table(
        tags(3, names=("B8A, central wavelength 865 nm", "green", ""), dataset={"Band_3": "red"}),
    )
    assert read.names == ("B8A, central wavelength 865 nm", "green", "red")
    named = band_table(tags(1, names=("B8A, central wavelength 865 nm",), bands=({"BANDNAME": "B8A"},)))
    assert named.names == ("B8A",)


def test_written_items_are_read_back_from_each_place_alone():
    bands = BandTable(("a", "b"), (392.04, 2431.5), (9.7, 12.25))
    written = band_tags(bands)
    assert written.names == ("392.0 nm", "2431.5 nm")
    for alone in ({"bands": written.bands}, {"imagery": written.imagery}, {"envi": written.envi}):
        assert band_table(tags(**alone)).wavelength_nm == pytest.approx(bands.wavelength_nm)
    for alone in ({"imagery": written.imagery}, {"envi": written.envi}):
        assert band_table(tags(**alone)).fwhm_nm == pytest.approx(bands.fwhm_nm)


def test_bands_without_wavelengths_keep_their_names_and_get_no_items():
    written = band_tags(BandTable(("abundance", "error"), (NAN, NAN), (NAN, NAN)))
    assert written == tags(names=("abundance", "error"))


def test_a_partly_known_table_gets_no_lists():
    written = band_tags(BandTable(("a", "b"), (450.0, NAN), (NAN, NAN)))
    assert written.names == ("450.0 nm", "b")
    assert written.envi == {}
    assert written.imagery == ({"CENTRAL_WAVELENGTH_UM": "0.45"}, {})
