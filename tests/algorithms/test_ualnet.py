"""UALNet from the toolbox: half the pixel size, from the same corner."""

import numpy as np
import pytest
from osgeo import gdal


def test_the_result_has_half_the_pixel_size_from_the_same_corner(lift, make_scene, read):
    numbers = read(make_scene())[:, :17, :23].copy()
    numbers[:, 4:6, 5:9] = 0
    scene = make_scene(numbers, "odd.tif", nodata=0)
    run = lift(scene, MODEL="ualnet", MODEL_FILE=None)
    assert run.went_well, run.log.errors
    result, source = gdal.Open(run.results["OUTPUT"]), gdal.Open(str(scene))
    assert (result.RasterCount, result.RasterYSize, result.RasterXSize) == (186, 34, 46)
    west, width, _, north, _, height = source.GetGeoTransform()
    assert result.GetGeoTransform() == pytest.approx((west, width / 2, 0.0, north, 0.0, height / 2))
    assert result.GetProjection() == source.GetProjection()
    band = result.GetRasterBand(1)
    assert band.GetMetadataItem("wavelength") is not None
    nodata = band.ReadAsArray() == band.GetNoDataValue()
    expected = (numbers == 0).any(axis=0).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(nodata, expected)
    assert run.results["CONSISTENCY"] < 0.01
