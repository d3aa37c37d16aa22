"""From what the user picked in QGIS to what the raster core takes: a file, and a window of its pixels."""

from __future__ import annotations

import math

from qgis.core import QgsRasterLayer, QgsRectangle

from ..core.errors import RasterError
from ..core.raster.blocks import Georeference, Source, Window
from ..core.raster.input import check_upright

# Extents that meet a pixel's edge up to rounding do not take in its neighbour (share of a pixel).
_EDGE = 1e-3


def file_of(layer: QgsRasterLayer) -> str:
    """What GDAL opens to read a layer.

    Raises:
        RasterError: the layer is a web service, lives in memory or is computed by QGIS.
    """
    provider = layer.providerType()
    source = layer.source().split("|option:")[0]
    if provider != "gdal" or source.startswith("/vsimem/"):
        kept = "lives in memory" if provider == "gdal" else f"comes from the provider '{provider}'"
        raise RasterError(
            f"The layer '{layer.name()}' is not a file on disk (it {kept}); export it to a GeoTIFF "
            "(Export > Save As...) and use that."
        )
    return source


def extent_window(extent: QgsRectangle | None, source: Source) -> Window | None:
    """The part of a raster that an extent in its CRS touches; None, the whole, without one.

    Raises:
        RasterError: they do not overlap, or the raster is rotated.
    """
    if extent is None:
        return None
    check_upright(source)
    return window_of(extent, source.georeference, source.shape)


def window_of(extent: QgsRectangle, georeference: Georeference, shape: tuple[int, int]) -> Window:
    """Every pixel of a raster of ``shape`` (rows, columns) that an extent in the raster's CRS touches.

    Raises:
        RasterError: they do not overlap.
    """
    x0, dx, _, y0, _, dy = georeference.transform
    if not georeference.known:
        dy = -dy  # without a transform QGIS draws the rows downwards from y = 0
    columns = sorted(((extent.xMinimum() - x0) / dx, (extent.xMaximum() - x0) / dx))
    rows = sorted(((extent.yMinimum() - y0) / dy, (extent.yMaximum() - y0) / dy))
    left, right = max(math.floor(columns[0] + _EDGE), 0), min(math.ceil(columns[1] - _EDGE), shape[1])
    top, bottom = max(math.floor(rows[0] + _EDGE), 0), min(math.ceil(rows[1] - _EDGE), shape[0])
    if left >= right or top >= bottom:
        raise RasterError(
            "The extent does not overlap the input raster; choose one inside it, or leave it empty."
        )
    return Window(top, left, bottom - top, right - left)
