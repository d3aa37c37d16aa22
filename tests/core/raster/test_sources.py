from __future__ import annotations

import math

import numpy as np
import pytest
from osgeo import gdal, osr

from hyperlift.core.errors import RasterError
from hyperlift.core.raster.blocks import Window


def stack(bands=3, rows=5, columns=7, dtype=np.uint16):
    return np.arange(1, bands * rows * columns + 1, dtype=dtype).reshape(bands, rows, columns)


def read_all(source):
    return source.read(Window(0, 0, *source.shape))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_numbers_come_as_stored(backend, make_tiff, dtype):
    array = stack(dtype=dtype)
    source = backend.source(make_tiff(array))
    block = read_all(source)
    assert source.dtype == dtype
    assert block.pixels.dtype == np.float32
    np.testing.assert_array_equal(block.pixels, array)
    assert block.valid.dtype == np.bool_
    assert block.valid.all()


@pytest.mark.parametrize(
    "window", [Window(0, 0, 1, 1), Window(4, 6, 1, 1), Window(0, 5, 5, 2), Window(3, 0, 2, 7)]
)
def test_windows_at_the_edges(backend, make_tiff, window):
    array = stack()
    rows, columns = window.within(Window(0, 0, 5, 7))
    block = backend.source(make_tiff(array)).read(window)
    assert block.window == window
    np.testing.assert_array_equal(block.pixels, array[:, rows, columns])


def test_the_pieces_in_which_a_file_is_stored(backend, make_tiff):
    options = ("TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=16")
    assert backend.source(make_tiff(stack(1, 40, 70), options=options)).block_shape == (16, 32)
    striped = make_tiff(stack(2, 9, 70), name="striped.tif", options=("BLOCKYSIZE=4",))
    assert backend.source(striped).block_shape == (4, 70)


def test_one_pixel_of_one_band(backend, make_tiff):
    source = backend.source(make_tiff(stack(1, 1, 1)))
    assert source.shape == (1, 1)
    assert read_all(source).pixels.shape == (1, 1, 1)


def test_a_raster_without_metadata(backend, make_tiff):
    path = make_tiff(stack())
    source = backend.source(path)
    assert source.name == path
    assert source.bands.names == ("", "", "")
    assert np.isnan(source.bands.wavelength_nm).all()
    assert source.calibration is None
    assert source.georeference.crs_wkt == ""
    assert source.georeference.transform == (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert source.files == [path]


@pytest.mark.parametrize("nodata", [0.0, -9999.0, 65535.0])
def test_nodata_of_any_band_invalidates_the_pixel(backend, make_tiff, nodata):
    array = stack(dtype=np.int32)
    array[1, 2, 3] = nodata

    def describe(dataset):
        for number in (1, 2, 3):
            dataset.GetRasterBand(number).SetNoDataValue(nodata)

    valid = read_all(backend.source(make_tiff(array, describe))).valid
    assert np.argwhere(~valid).tolist() == [[2, 3]]


def test_chosen_bands_come_in_their_order_and_others_do_not_count(backend, make_tiff):
    array = stack(dtype=np.int32)
    array[0, 0, 1] = array[1, 2, 3] = -1

    def describe(dataset):
        for number in (1, 2, 3):
            dataset.GetRasterBand(number).SetNoDataValue(-1)

    block = backend.source(make_tiff(array, describe)).read(Window(0, 0, 5, 7), (3, 1))
    np.testing.assert_array_equal(block.pixels, array[[2, 0]])
    assert np.argwhere(~block.valid).tolist() == [[0, 1]]


def test_nan_nodata_nan_and_infinite_pixels(backend, make_tiff):
    array = stack(dtype=np.float32)
    array[0, 0, 0], array[1, 1, 1], array[2, 2, 2] = np.nan, np.inf, -np.inf
    path = make_tiff(array, lambda dataset: dataset.GetRasterBand(1).SetNoDataValue(math.nan))
    valid = read_all(backend.source(path)).valid
    assert np.argwhere(~valid).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_nodata_that_float32_cannot_hold(backend, make_tiff):
    array = stack(1, dtype=np.float64)
    array[0, 0, 0], array[0, 0, 1] = -1.7976931348623157e308, 0.1
    for nodata in array[0, 0, :2]:
        path = make_tiff(array, lambda dataset, value=nodata: dataset.GetRasterBand(1).SetNoDataValue(value))
        assert not read_all(backend.source(path)).valid[0, 0]
    assert not read_all(backend.source(path)).valid[0, 1]


def test_alpha_is_a_mask_and_no_data_band(backend, make_tiff):
    array = stack(4, dtype=np.uint8)
    array[3] = 255
    array[3, 1, 2] = 0

    def describe(dataset):
        dataset.GetRasterBand(4).SetColorInterpretation(gdal.GCI_AlphaBand)

    source = backend.source(make_tiff(array, describe, options=["ALPHA=YES"]))
    block = source.read(Window(1, 1, 2, 3))
    assert len(source.bands) == 3
    np.testing.assert_array_equal(block.pixels, array[:3, 1:3, 1:4])
    assert np.argwhere(~block.valid).tolist() == [[0, 1]]


def test_a_mask_shared_by_the_dataset(backend, make_tiff, tmp_path):
    path = make_tiff(stack())
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
    mask = np.full((5, 7), 255, np.uint8)
    mask[4, 0] = 0
    dataset.GetRasterBand(1).GetMaskBand().WriteArray(mask)
    del dataset
    source = backend.source(path)
    assert np.argwhere(~read_all(source).valid).tolist() == [[4, 0]]
    assert set(source.files) == {str(file) for file in tmp_path.iterdir()}


def test_calibration_of_the_bands(backend, make_tiff):
    def describe(dataset):
        for number in (1, 2, 3):
            dataset.GetRasterBand(number).SetScale(1e-4)
            dataset.GetRasterBand(number).SetOffset(-0.1)

    calibration = backend.source(make_tiff(stack(), describe)).calibration
    assert calibration.scale == (1e-4,) * 3
    assert calibration.offset == (-0.1,) * 3


def test_calibration_of_a_sentinel2_product(backend, make_tiff):
    def describe(dataset):
        dataset.SetMetadata({"BOA_QUANTIFICATION_VALUE": "10000", "PROCESSING_BASELINE": "05.09"})
        xml = '<a><BOA_ADD_OFFSET band_id="2">-1000</BOA_ADD_OFFSET></a>'
        dataset.SetMetadata([xml], "xml:SENTINEL2")
        for number, name in enumerate(("B4", "B3", "B2"), start=1):
            dataset.GetRasterBand(number).SetMetadata({"BANDNAME": name})

    source = backend.source(make_tiff(stack(), describe))
    assert source.bands.names == ("B4", "B3", "B2")
    assert source.calibration.scale == (1e-4,) * 3
    assert source.calibration.offset == pytest.approx((0.0, -0.1, 0.0))
    assert source.metadata["PROCESSING_BASELINE"] == "05.09"


def test_an_envi_header(backend, make_tiff):
    path = make_tiff(stack(2), name="cube.img", driver="ENVI")
    header = path.replace(".img", ".hdr")
    with open(header, "a", encoding="utf-8") as file:
        file.write("wavelength units = Micrometers\nwavelength = {0.45123, 0.56}\nfwhm = {0.01, 0.0206}\n")
        file.write("band names = {blue, green}\n")
    bands = backend.source(path).bands
    assert bands.wavelength_nm == pytest.approx((451.23, 560.0))
    assert bands.fwhm_nm == pytest.approx((10.0, 20.6))
    assert bands.names == ("blue (0.45123 Micrometers)", "green (0.56 Micrometers)")


@pytest.mark.parametrize(
    "transform",
    [
        (4e5, 10.0, 0.0, 5e6, 0.0, -10.0),
        (4e5, 10.0, 0.0, 5e6, 0.0, 10.0),
        (4e5, 8.0, 6.0, 5e6, 6.0, -8.0),
        (4e5, 10.0, 0.0, 5e6, 0.0, -20.0),
    ],
    ids=["north-up", "south-up", "rotated", "oblong"],
)
def test_georeference(backend, make_tiff, transform):
    def describe(dataset):
        system = osr.SpatialReference()
        system.ImportFromEPSG(32633)
        dataset.SetGeoTransform(transform)
        dataset.SetProjection(system.ExportToWkt())

    georeference = backend.source(make_tiff(stack(), describe)).georeference
    assert georeference.transform == pytest.approx(transform)
    assert "UTM zone 33N" in georeference.crs_wkt


def test_a_virtual_raster_names_its_files(backend, make_tiff, tmp_path):
    path = make_tiff(stack())
    virtual = str(tmp_path / "stack.vrt")
    gdal.Translate(virtual, path, format="VRT")
    assert set(backend.source(virtual).files) == {virtual, path}


def test_missing_file(backend, tmp_path):
    with pytest.raises(RasterError, match=r"absent.tif' could not be opened \(.+\); check that it is there"):
        backend.source(tmp_path / "absent.tif")


def test_a_file_that_is_no_raster(backend, tmp_path):
    path = tmp_path / "notes.tif"
    path.write_text("not a raster")
    with pytest.raises(RasterError, match=r"notes.tif' could not be opened \(.*not recogni.ed.*\)"):
        backend.source(path)


@pytest.mark.parametrize("compression", ["NONE", "DEFLATE"])
def test_truncated_file(backend, make_tiff, compression):
    array = np.random.default_rng(0).integers(0, 9999, (3, 64, 64)).astype(np.uint16)
    path = make_tiff(array, options=[f"COMPRESS={compression}", "INTERLEAVE=BAND"])
    with open(path, "r+b") as file:
        file.truncate(12000)
    source = backend.source(path)
    with pytest.raises(
        RasterError, match=r"could not be read at row 10, column 20 \(.+\); the file may be trunc"
    ):
        source.read(Window(10, 20, 40, 40))


def test_complex_numbers(backend, make_tiff):
    path = make_tiff(np.ones((1, 2, 2), np.complex64))
    with pytest.raises(RasterError, match="holds complex numbers; convert it to real numbers first"):
        backend.source(path)


def test_only_an_alpha_band(backend, make_tiff):
    def describe(dataset):
        dataset.GetRasterBand(1).SetColorInterpretation(gdal.GCI_AlphaBand)

    path = make_tiff(stack(1, dtype=np.uint8), describe)
    with pytest.raises(RasterError, match="has no data bands"):
        backend.source(path)


def test_a_released_source_can_be_read_again(backend, make_tiff):
    source = backend.source(make_tiff(stack()))
    first = read_all(source)
    source.release()
    np.testing.assert_array_equal(read_all(source).pixels, first.pixels)
    source.close()
