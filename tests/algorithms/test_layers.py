from __future__ import annotations

import pytest
from qgis.core import QgsRasterLayer, QgsRectangle

from hyperlift.algorithms.layers import file_of, window_of
from hyperlift.core.errors import RasterError
from hyperlift.core.raster.blocks import Georeference, Window

NORTH_UP = Georeference((1000.0, 10.0, 0.0, 2000.0, 0.0, -10.0), "")
SOUTH_UP = Georeference((1000.0, 10.0, 0.0, 1800.0, 0.0, 10.0), "")
SHAPE = (20, 30)


@pytest.mark.parametrize(
    ("extent", "window"),
    [
        ((1000.0, 1800.0, 1300.0, 2000.0), Window(0, 0, 20, 30)),
        ((1010.0, 1970.0, 1030.0, 1990.0), Window(1, 1, 2, 2)),
        ((1009.9999999, 1969.9999999, 1030.0000001, 1990.0000001), Window(1, 1, 2, 2)),
        ((1012.0, 1978.0, 1013.0, 1979.0), Window(2, 1, 1, 1)),
        ((1009.0, 1969.0, 1031.0, 1991.0), Window(0, 0, 4, 4)),
        ((-5000.0, -5000.0, 5000.0, 5000.0), Window(0, 0, 20, 30)),
    ],
)
def test_window_takes_every_pixel_that_an_extent_touches(extent, window):
    assert window_of(QgsRectangle(*extent), NORTH_UP, SHAPE) == window


def test_window_of_a_raster_whose_rows_run_north():
    assert window_of(QgsRectangle(1000.0, 1800.0, 1020.0, 1830.0), SOUTH_UP, SHAPE) == Window(0, 0, 3, 2)


@pytest.mark.parametrize("crs_wkt", ["", "a CRS alone"])
def test_window_of_a_raster_without_georeference_is_where_qgis_draws_it(crs_wkt):
    georeference = Georeference(crs_wkt=crs_wkt)
    assert window_of(QgsRectangle(2.0, -6.0, 4.0, -1.0), georeference, SHAPE) == Window(1, 2, 5, 2)


@pytest.mark.parametrize("extent", [(0.0, 0.0, 10.0, 10.0), (1300.0, 1800.0, 1400.0, 2000.0)])
def test_extent_beside_the_raster_is_refused(extent):
    with pytest.raises(RasterError, match="The extent does not overlap the input raster"):
        window_of(QgsRectangle(*extent), NORTH_UP, SHAPE)


def test_file_of_a_layer_leaves_open_options_out(qgis_app, scene):
    layer = QgsRasterLayer(f"{scene}|option:NUM_THREADS=2", "scene")
    assert layer.isValid()
    assert file_of(layer) == str(scene)
