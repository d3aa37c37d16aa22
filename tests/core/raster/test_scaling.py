from __future__ import annotations

import pytest

from hyperlift.core.raster.blocks import Calibration
from hyperlift.core.raster.scaling import implies_offsets, stated_calibration
from hyperlift.core.raster.tags import RasterTags

# The elements of a product's metadata, deliberately out of order: only `band_id` counts.
XML = """<BOA_ADD_OFFSET_VALUES_LIST>
<BOA_ADD_OFFSET band_id="8">-900</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET>
<BOA_ADD_OFFSET band_id="99">5</BOA_ADD_OFFSET></BOA_ADD_OFFSET_VALUES_LIST>"""


def product(bands=({}, {}), xml="", **dataset):
    return RasterTags(("", ""), tuple(bands), ({}, {}), dataset=dataset, sentinel2_xml=xml)


def calibration(tags, scales=(None, None), offsets=(None, None)):
    return stated_calibration(tags, scales, offsets)


def test_nothing_stated():
    assert calibration(product()) is None
    assert calibration(product(), (1.0, 1.0), (0.0, 0.0)) is None


def test_scale_and_offset_of_the_bands_come_first():
    stated = calibration(product(QUANTIFICATION_VALUE="1000"), (1e-4, None), (None, -0.1))
    assert stated == Calibration((1e-4, 1.0), (0.0, -0.1))


@pytest.mark.parametrize(
    "key", ["QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"]
)
def test_quantification_of_a_sentinel2_product(key):
    assert calibration(product(**{key: "10000"})) == Calibration((1e-4, 1e-4), (0.0, 0.0))


@pytest.mark.parametrize("key", ["BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"])
def test_offset_items_of_the_bands(key):
    stated = calibration(product([{key: "-1000"}, {key: "-900"}], BOA_QUANTIFICATION_VALUE="10000"))
    assert stated.offset == pytest.approx((-0.1, -0.09))


def test_offsets_of_the_product_metadata_are_found_by_band_id():
    bands = [{"BANDNAME": "B8A"}, {"BANDNAME": "B2"}]
    stated = calibration(product(bands, XML, BOA_QUANTIFICATION_VALUE="10000", PROCESSING_BASELINE="05.09"))
    assert stated.offset == pytest.approx((-0.09, -0.1))


def test_a_product_whose_offsets_were_lost_states_nothing():
    assert calibration(product(BOA_QUANTIFICATION_VALUE="10000", PROCESSING_BASELINE="04.00")) is None
    assert implies_offsets({"BOA_QUANTIFICATION_VALUE": "10000", "PROCESSING_BASELINE": "04.00"})
    assert not implies_offsets({"BOA_QUANTIFICATION_VALUE": "10000", "PROCESSING_BASELINE": "02.14"})
    assert not implies_offsets({"PROCESSING_BASELINE": "04.00"})
    older = calibration(product(BOA_QUANTIFICATION_VALUE="10000", PROCESSING_BASELINE="02.14"))
    assert older.offset == (0.0, 0.0)


@pytest.mark.parametrize("value", ["0", "none"])
def test_a_quantification_that_is_no_number_states_nothing(value):
    assert calibration(product(QUANTIFICATION_VALUE=value)) is None
