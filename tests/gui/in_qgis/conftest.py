"""Rasters, a canvas and a stand-in for the desktop's interface."""

from __future__ import annotations

import time

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QEvent
from qgis.PyQt.QtWidgets import QApplication, QMainWindow

from hyperlift.core.spectral import sensor

NORTH_UP = (500000.0, 10.0, 0.0, 5300000.0, 0.0, -10.0)


class Desktop:
    """What the plugin uses of ``iface``."""

    def __init__(self) -> None:
        self.window, self.canvas = QMainWindow(), QgsMapCanvas()
        self.icons, self.menus, self.docks = [], [], []
        self.window.setCentralWidget(self.canvas)
        self.window.resize(900, 700)

    def mainWindow(self):  # noqa: N802
        return self.window

    def mapCanvas(self):  # noqa: N802
        return self.canvas

    def addToolBarIcon(self, action):  # noqa: N802
        self.icons.append(action)

    def removeToolBarIcon(self, action):  # noqa: N802
        self.icons.remove(action)

    def addPluginToRasterMenu(self, name, action):  # noqa: N802
        self.menus.append((name, action))

    def removePluginRasterMenu(self, name, action):  # noqa: N802
        self.menus.remove((name, action))

    def addDockWidget(self, area, dock):  # noqa: N802
        self.docks.append(dock)
        self.window.addDockWidget(area, dock)

    def removeDockWidget(self, dock):  # noqa: N802
        self.docks.remove(dock)
        self.window.removeDockWidget(dock)


@pytest.fixture
def wait(qgis_app):
    """Lets QGIS work until ``done()``."""

    def until(done, seconds=20.0):
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "waited in vain"
            QApplication.processEvents()
            time.sleep(0.005)

    return until


@pytest.fixture
def desktop(qgis_app):
    made = Desktop()
    made.canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32633"))
    made.window.show()
    made.canvas.setExtent(QgsRectangle(500000, 5299600, 500600, 5300000))
    QApplication.processEvents()
    yield made
    QgsProject.instance().clear()
    made.canvas.setMapTool(None) if made.canvas.mapTool() else None
    made.window.close()
    made.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def write_cube(tmp_path):
    """Writes ``(bands, H, W)`` as a GeoTIFF with wavelengths in the names of the bands."""

    def write(pixels, name="cube.tif", epsg=32633, transform=NORTH_UP, names=None, nodata=-32768, scale=1e-4):
        path = str(tmp_path / name)
        count, rows, columns = pixels.shape
        kind = {"int16": gdal.GDT_Int16, "float32": gdal.GDT_Float32, "uint16": gdal.GDT_UInt16}[
            pixels.dtype.name
        ]
        file = gdal.GetDriverByName("GTiff").Create(path, columns, rows, count, kind, ["INTERLEAVE=BAND"])
        file.SetGeoTransform(transform)
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(epsg)
        file.SetProjection(crs.ExportToWkt())
        for number in range(count):
            band = file.GetRasterBand(number + 1)
            band.SetDescription(names[number] if names else f"{450 + 12 * number:.1f} nm")
            if nodata is not None:
                band.SetNoDataValue(nodata)
            if scale is not None:
                band.SetScale(scale)
        file.WriteArray(pixels)
        file = None
        return path

    return write


@pytest.fixture
def cube() -> np.ndarray:
    """60 bands of 40 x 60 pixels, a different number everywhere."""
    return np.random.default_rng(4).integers(100, 9000, (60, 40, 60)).astype(np.int16)


@pytest.fixture
def add_layer(qgis_app):
    """Adds a raster to the project."""

    def add(path, name="cube"):
        layer = QgsRasterLayer(path, name)
        assert layer.isValid()
        QgsProject.instance().addMapLayer(layer)
        return layer

    return add


@pytest.fixture
def sentinel2_names() -> list[str]:
    return sensor("sentinel2a").band_names
