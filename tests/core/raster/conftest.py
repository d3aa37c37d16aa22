from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import gdal, osr

from hyperlift.core.raster.blocks import BandTable, Block, Georeference, RasterProfile, Window


def utm_wkt(epsg=32633):
    system = osr.SpatialReference()
    system.ImportFromEPSG(epsg)
    return system.ExportToWkt()


@pytest.fixture(params=["gdal", "rasterio"])
def backend(request):
    """The classes of one backend; every test that takes it holds for both."""
    if request.param == "gdal":
        from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource

        return SimpleNamespace(name="gdal", source=GdalSource, sink=GdalSink)
    pytest.importorskip("rasterio")
    from hyperlift.cli.rasterio_backend import RasterioSink, RasterioSource

    return SimpleNamespace(name="rasterio", source=RasterioSource, sink=RasterioSink)


@pytest.fixture
def make_profile():
    """Profile of a small output; every field can be given."""

    def make(shape=(70, 90), bands=4, wavelengths=True, **fields):
        unknown = (math.nan,) * bands
        centres = tuple(np.linspace(455.0, 955.0, bands)) if wavelengths else unknown
        widths = (10.0,) * bands if wavelengths else unknown
        names = tuple(f"layer {number}" for number in range(1, bands + 1))
        fields.setdefault("georeference", Georeference((4e5, 10.0, 0.0, 5e6, 0.0, -10.0), utm_wkt()))
        fields.setdefault("tile", 64)
        return RasterProfile(shape=shape, bands=BandTable(names, centres, widths), **fields)

    return make


@pytest.fixture
def write_tiles():
    """Write an image ``(bands, H, W)`` to a sink, tile by tile."""

    def write(sink, image, valid=None):
        tile, (rows, columns) = sink.profile.tile, sink.profile.shape
        valid = np.ones((rows, columns), dtype=bool) if valid is None else valid
        whole = Window(0, 0, rows, columns)
        for row in range(0, rows, tile):
            for column in range(0, columns, tile):
                window = Window(row, column, min(tile, rows - row), min(tile, columns - column))
                place = window.within(whole)
                sink.write(Block(window, image[(slice(None), *place)], valid[place]))

    return write


@pytest.fixture
def make_tiff(tmp_path):
    """Write an array ``(bands, H, W)`` with GDAL, let ``describe(dataset)`` add to it, return the path."""

    def make(array, describe=None, name="input.tif", options=(), driver="GTiff"):
        from osgeo import gdal_array

        path = str(tmp_path / name)
        bands, rows, columns = array.shape
        kind = gdal_array.NumericTypeCodeToGDALTypeCode(array.dtype.type)
        dataset = gdal.GetDriverByName(driver).Create(path, columns, rows, bands, kind, list(options))
        if describe:
            describe(dataset)
        for number in range(bands):
            dataset.GetRasterBand(number + 1).WriteArray(array[number])
        dataset.FlushCache()
        return path

    return make
