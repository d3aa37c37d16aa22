"""What is known of bands, from every place where people keep it."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.core.raster.gdal_backend import GdalSource
from hyperlift.core.raster.samples import spectral_bands, uncertainty_file
from hyperlift.core.spectral import sensor

CENTRES = [450.0, 550.0, 650.0, 850.0]


@pytest.fixture
def raster(tmp_path):
    """Writes a small GeoTIFF: ``raster(names, band_items, imagery, dataset_items, data_type)``."""

    def write(names=(), own=(), imagery=(), dataset=None, kind=gdal.GDT_Float32, count=4, name="r.tif"):
        path = str(tmp_path / name)
        file = gdal.GetDriverByName("GTiff").Create(path, 3, 2, count, kind)
        file.SetMetadata(dataset or {})
        for number in range(count):
            band = file.GetRasterBand(number + 1)
            if names:
                band.SetDescription(names[number])
            if own:
                band.SetMetadata(own[number])
            if imagery:
                band.SetMetadata(imagery[number], "IMAGERY")
        file = None
        return path

    return write


def bands_of(path, properties=None):
    source = GdalSource(path)
    found = spectral_bands(source, properties)
    source.close()
    return found


def test_band_items_imagery_and_names_are_read(raster):
    items = [{"wavelength": str(centre), "wavelength_units": "Nanometers"} for centre in CENTRES]
    imagery = [{"CENTRAL_WAVELENGTH_UM": str(c / 1e3), "FWHM_UM": "0.01"} for c in CENTRES]
    for made in (
        raster(own=items),
        raster(imagery=imagery),
        raster(names=[f"{centre} nm" for centre in CENTRES]),
    ):
        assert bands_of(made).wavelength_nm == pytest.approx(CENTRES)
    assert bands_of(raster(imagery=imagery)).fwhm_nm == pytest.approx([10.0] * 4)


def test_envi_header_beside_a_geotiff_is_read(raster, tmp_path):
    path = raster(name="beside.tif")
    header = "ENVI\nbands = 4\nwavelength units = Micrometers\nwavelength = {0.45, 0.55,\n 0.65, 0.85}\n"
    (tmp_path / "beside.hdr").write_text(header + "fwhm = {0.02, 0.02, 0.02, 0.02}\n", encoding="utf-8")
    found = bands_of(path)
    assert found.wavelength_nm == pytest.approx(CENTRES)
    assert found.fwhm_nm == pytest.approx([20.0] * 4)
    (tmp_path / "beside.hdr").write_text("ENVI\nwavelength = {1, 2}\n", encoding="utf-8")
    assert bands_of(path).wavelength_nm is None


def test_envi_file_with_bad_bands_is_read(tmp_path):
    path = tmp_path / "cube.bsq"
    file = gdal.GetDriverByName("ENVI").Create(str(path), 2, 2, 4, gdal.GDT_Float32)
    file.SetMetadataItem("wavelength", "{450, 550, 650, 850}", "ENVI")
    file.SetMetadataItem("wavelength_units", "nm", "ENVI")
    file.SetMetadataItem("bbl", "{1, 0, 1, 0}", "ENVI")
    file = None
    found = bands_of(str(path))
    assert found.wavelength_nm == pytest.approx(CENTRES)
    assert found.good.tolist() == [True, False, True, False]


def test_sentinel2_names_give_wavelengths_widths_and_the_products_scale(raster):
    names = sensor("sentinel2a").band_names
    found = bands_of(raster(names=names, count=12, kind=gdal.GDT_UInt16))
    assert found.wavelength_nm == pytest.approx(sensor("sentinel2a").centre_nm)
    assert found.fwhm_nm == pytest.approx(sensor("sentinel2a").width_nm)
    assert (found.scale == 1e-4).all()
    assert not found.offset.any()
    assert not found.notes
    floats = bands_of(raster(names=names, count=12, kind=gdal.GDT_Float32))
    picture = bands_of(raster(names=names, count=12, kind=gdal.GDT_Byte))
    assert (floats.scale == 1.0).all()
    assert (picture.scale == 1.0).all()


def test_lost_offset_of_a_product_is_said(raster):
    items = {"PROCESSING_BASELINE": "05.09", "BOA_QUANTIFICATION_VALUE": "10000"}
    names = sensor("sentinel2a").band_names
    found = bands_of(raster(names=names, count=12, kind=gdal.GDT_UInt16, dataset=items))
    assert found.notes[0].startswith(
        "By its metadata this is a Sentinel-2 product whose offset of -1000 was lost"
    )


def test_names_of_other_sensors_give_nothing(raster):
    found = bands_of(raster(names=["B1", "B2", "B3", "B4"]))
    assert found.wavelength_nm is None
    assert found.good.all()


@pytest.mark.parametrize(
    "properties",
    [
        {f"QGISPAM/band/{n}//wavelength": str(c) for n, c in enumerate(CENTRES, 1)},
        {"wavelength": ["0.45", "0.55", "0.65", "0.85"], "wavelength_unit": ["um"] * 4},
        {"hyperlift/wavelength": "450, 550, 650, 850", "wavelength": "1, 2, 3, 4"},
        {f"QGISPAM/band/{n}//wavelength": c / 1e3 for n, c in enumerate(CENTRES, 1)},
    ],
    ids=["QGISPAM", "EnMAP-Box", "own", "um by size"],
)
def test_custom_properties_come_before_the_file(raster, properties):
    path = raster(names=["700 nm", "710 nm", "720 nm", "730 nm"])
    assert bands_of(path).wavelength_nm == pytest.approx([700, 710, 720, 730])
    assert bands_of(path, properties).wavelength_nm == pytest.approx(CENTRES)


def test_custom_properties_fill_in_one_band_and_mark_bad_ones(raster):
    path = raster(names=["700 nm", "710 nm", "", "730 nm"])
    found = bands_of(path, {"QGISPAM/band/3//wavelength": "720", "QGISPAM/band/2//bad_band_multiplier": "0"})
    assert found.wavelength_nm == pytest.approx([700, 710, 720, 730])
    assert found.good.tolist() == [True, False, True, True]
    assert bands_of(path, {"bbl": ["1", "1", "1", "0"]}).good.tolist() == [True, True, True, False]


def test_uncertainty_is_found_by_name_or_metadata(raster, tmp_path):
    def beside(path):
        source = GdalSource(path)
        found = uncertainty_file(source)
        source.close()
        return found

    path = raster(name="lifted.tif")
    assert beside(path) == ""
    other = raster(name="lifted_uncertainty.tif")
    assert beside(path) == other
    assert beside(other) == ""
    named = raster(name="b.tif", dataset={"HYPERLIFT_UNCERTAINTY": "lifted_uncertainty.tif"})
    assert beside(named) == other
    gone = raster(name="c.tif", dataset={"HYPERLIFT_UNCERTAINTY": "missing.tif"})
    assert beside(gone) == ""


def test_172_bands_are_described_in_well_under_a_second(raster):
    import time

    items = [{"wavelength": str(400 + number), "wavelength_units": "nm"} for number in range(172)]
    path = raster(own=items, count=172)
    source = GdalSource(path)
    start = time.perf_counter()
    found = spectral_bands(source)
    assert time.perf_counter() - start < 0.3
    source.close()
    assert np.isfinite(found.wavelength_nm).all()
