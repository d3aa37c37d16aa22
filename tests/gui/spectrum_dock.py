"""Drive the spectrum dock in the QGIS desktop with clicks, drags and keys, and save pictures of it.

Run with ``bash tools/desktop.sh tests/gui/spectrum_dock.py``. HYPERLIFT_PICTURES (a folder) takes the
place of ``docs/images``. Layers: the sample scene as Sentinel-2, the same lifted by the bundled model, and
the scene in another CRS; the project has a third CRS.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from osgeo import gdal
from qgis import processing
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qgis.PyQt.QtGui import QColor, QDragEnterEvent, QDropEvent, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication
from qgis.utils import iface, plugins

from hyperlift.core.spectral import read_library
from hyperlift.tests.gui.desktop.driving import PICTURES, ROOT, save, stop_at_errors, tidy_window, wait_until

SCENE = ROOT / "resources" / "sample" / "sentinel2_sample.tif"
WINDOW = (1150, 860)
NONE, LEFT = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton


def make_layers(folder):
    """Files by the names of their layers."""
    lifted, warped = folder / "lifted.tif", folder / "geographic.tif"
    processing.run("hyperlift:spectralsuperresolution", {"INPUT": str(SCENE), "OUTPUT": str(lifted)})
    near = gdal.Warp(str(warped), str(SCENE), dstSRS="EPSG:4326", resampleAlg="near", dstNodata=0)
    del near
    return {"Sentinel-2": SCENE, "Lifted, 172 bands": lifted, "Sentinel-2 in degrees": warped}


def add_layers(files):
    """Layers with the first on top, in a project with a CRS that none of them has."""
    layers = []
    for name, path in reversed(files.items()):
        layer = QgsRasterLayer(str(path), name)
        assert layer.isValid(), path
        QgsProject.instance().addMapLayer(layer)
        layers.insert(0, layer)
    renderer = layers[0].renderer()
    for set_band, number in ((renderer.setRedBand, 4), (renderer.setGreenBand, 3), (renderer.setBlueBand, 2)):
        set_band(number)
    layers[0].setDefaultContrastEnhancement()
    canvas = iface.mapCanvas()
    QTest.qWait(500)  # QGIS takes over the CRS of the first layer
    QgsProject.instance().setCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    canvas.zoomToFullExtent()
    QTest.qWait(500)
    assert canvas.mapSettings().destinationCrs().authid() == "EPSG:3857"
    wait_until(lambda: not canvas.isDrawing(), "the map")
    return layers


def click(share_x, share_y):
    """Click on the map at shares of its width and height; gives the place in the project's CRS."""
    canvas = iface.mapCanvas()
    pixel = at(share_x, share_y)
    QTest.mouseClick(canvas.viewport(), LEFT, NONE, pixel)
    settle()
    place = canvas.getCoordinateTransform().toMapCoordinates(pixel)
    return QgsPointXY(place)


def at(share_x, share_y):
    view = iface.mapCanvas().viewport()
    return QPoint(int(view.width() * share_x), int(view.height() * share_y))


def drag(start, end):
    """Drag a rectangle over the map."""
    view = iface.mapCanvas().viewport()
    QTest.mousePress(view, LEFT, NONE, at(*start))
    for step in range(1, 6):
        x, y = (start[axis] + (end[axis] - start[axis]) * step / 5 for axis in (0, 1))
        QTest.mouseMove(view, at(x, y))
        QTest.qWait(30)
    QTest.mouseRelease(view, LEFT, NONE, at(*end))
    settle()


def dock():
    return plugins["hyperlift"].dock


def settle():
    """Wait until everything asked for was read and drawn."""
    QTest.qWait(50)
    wait_until(dock().idle, "spectra")
    QTest.qWait(100)


def locationinfo(path, place, crs):
    """What GDAL's own program reads at a place, stored numbers of all bands."""
    transform = QgsCoordinateTransform(QgsProject.instance().crs(), crs, QgsProject.instance())
    point = transform.transform(place)
    command = ["gdallocationinfo", "-valonly", "-geoloc", str(path), f"{point.x():.15g}", f"{point.y():.15g}"]
    return np.array(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split(), float)


def check_values(files, layers, place):
    """The spectra shown are what GDAL reads, whatever the CRS."""
    shown = {spectrum.name: spectrum for spectrum in dock().panel.current}
    assert len(shown) == 3, dock().panel.status.text()
    for layer, (name, path) in zip(layers, files.items()):
        expected = locationinfo(path, place, layer.crs()) * 1e-4
        assert np.allclose(shown[name].values, expected, rtol=0, atol=1e-12), name


def pin(name):
    """Pin what is shown and name it by keys, as a user does."""
    panel = dock().panel
    panel.commands.pin.trigger()
    panel.tabs.setCurrentWidget(panel.pins)
    panel.pins.setFocus()
    QTest.keyClick(panel.pins, Qt.Key.Key_F2)
    QTest.qWait(50)
    editor = panel.pins.focusWidget() or QApplication.focusWidget()
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, name)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.qWait(50)
    assert panel.pins.pins[-1].name == name, [one.name for one in panel.pins.pins]


def round_trip(folder):
    """Pins as a library: what was written is what GDAL and another reader read."""
    panel, path = dock().panel, folder / "pins.sli"
    dock().pins.export(str(path))
    written = np.stack([one.main().values for one in panel.pins.pins])
    assert np.array_equal(by_gdal(path, folder), written)
    assert np.array_equal(by_another_reader(path), written)
    back = read_library(path)
    assert back.names == tuple(one.name for one in panel.pins.pins)
    drop(path)
    assert panel.library.libraries[-1][1].names == back.names
    for suffix in ("csv", "gpkg"):
        dock().pins.export(str(folder / f"pins.{suffix}"))
        panel.add_files([str(folder / f"pins.{suffix}")])
        settle()
    assert len(panel.library.libraries) == 5  # the points have one for each layer
    for number in (1, 3):
        assert np.array_equal(panel.library.libraries[number][1].spectra, written)
    return path


def by_gdal(path, folder):
    """The library by GDAL's ENVI driver, which refuses the file type: the header calls it an image."""
    image = folder / "as_image.img"
    image.write_bytes(path.read_bytes())
    header = path.with_suffix(".hdr").read_text(encoding="utf-8")
    image.with_suffix(".hdr").write_text(
        header.replace("ENVI Spectral Library", "ENVI Standard"), encoding="utf-8"
    )
    return gdal.Open(str(image)).ReadAsArray()


def by_another_reader(path):
    """The library by the package ``spectral``, or by a few lines where that is not installed."""
    try:
        from spectral.io import envi
    except ImportError:
        lines = Path(path).with_suffix(".hdr").read_text(encoding="utf-8").splitlines()
        items = dict(line.split(" = ", 1) for line in lines if " = " in line)
        shape = int(items["lines"]), int(items["samples"])
        return np.fromfile(path, "<f8").reshape(shape)
    return envi.open(str(Path(path).with_suffix(".hdr")), str(path)).spectra


def drop(path):
    """Drop a file onto the plot."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    copy = Qt.DropAction.CopyAction
    plot = dock().panel.plot
    QApplication.sendEvent(plot, QDragEnterEvent(QPoint(50, 50), copy, mime, LEFT, NONE))
    QApplication.sendEvent(plot, QDropEvent(QPointF(50, 50), copy, mime, LEFT, NONE))
    settle()


def follow():
    """Move the pointer over the map: the spectrum follows, the last place is the one shown."""
    panel, view = dock().panel, iface.mapCanvas().viewport()
    panel.commands.follow.trigger()
    seen = set()
    for step in range(20):
        QTest.mouseMove(view, at(0.3 + step * 0.015, 0.45))
        QTest.qWait(40)
        seen.add(panel.status.text())
    settle()
    last = iface.mapCanvas().getCoordinateTransform().toMapCoordinates(at(0.3 + 19 * 0.015, 0.45))
    assert f"x {last.x():.10g}" in panel.status.text(), panel.status.text()
    panel.commands.follow.trigger()
    return len(seen)


def keyboard():
    """Everything on the plot by keys."""
    plot = dock().panel.plot
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_Home)
    before = plot.scale
    QTest.keyClick(plot, Qt.Key.Key_Plus)
    assert plot.scale.x[1] - plot.scale.x[0] < before.x[1] - before.x[0]
    QTest.keyClick(plot, Qt.Key.Key_Home)
    for _ in range(8):
        QTest.keyClick(plot, Qt.Key.Key_Right)
    assert dock().panel.value.text(), "nothing is read out"


def identify():
    """The pin of the field is closest to itself in the library of the pins."""
    panel = dock().panel
    panel.library.clearSelection()
    for row in range(1, panel.library.topLevelItemCount()):
        panel.library.topLevelItem(row).setSelected(True)
    panel.library.remove_selected()
    panel.pins.setCurrentItem(panel.pins.topLevelItem(1))
    panel.pins.topLevelItem(1).setCheckState(0, Qt.CheckState.Checked)
    panel.pins.topLevelItem(0).setCheckState(0, Qt.CheckState.Unchecked)
    panel.commands.identify.trigger()
    settle()
    assert next(match.name for _, match, _ in panel.matches.matches) == "Field"
    assert panel.matches.matches[0][1].angle_deg < 1e-4
    panel.view.setCurrentIndex(1)
    assert panel.plot.view == "continuum"
    QTest.qWait(100)


def darken(panel):
    """The colours of a dark theme."""
    roles = QPalette.ColorRole
    palette = QPalette(QColor("#31363b"))
    for role, colour in {
        roles.Window: "#31363b", roles.Base: "#232629", roles.Text: "#eff0f1", roles.WindowText: "#eff0f1",
        roles.Button: "#31363b", roles.ButtonText: "#eff0f1", roles.AlternateBase: "#31363b",
    }.items():  # fmt: skip
        palette.setColor(role, QColor(colour))
    for widget in [panel, *panel.findChildren(type(panel).__mro__[1])]:
        widget.setPalette(palette)
    panel.setAutoFillBackground(True)


def project_keeps_pins(folder):
    """Saved and opened again, the project has its pins, with names, colours and spectra."""
    project, panel = QgsProject.instance(), dock().panel
    before = [(one.name, one.colour, one.main().values) for one in panel.pins.pins]
    path = str(folder / "pins.qgz")
    assert project.write(path)
    project.clear()
    QTest.qWait(200)
    assert not panel.pins.pins
    assert not dock().marks.pins
    assert project.read(path)
    QTest.qWait(500)
    after = [(one.name, one.colour, one.main().values) for one in panel.pins.pins]
    assert [one[:2] for one in before] == [one[:2] for one in after]
    assert all(np.array_equal(one[2], other[2], equal_nan=True) for one, other in zip(before, after))
    assert len(dock().marks.pins) == len(before)


def work(folder):
    tidy_window(WINDOW)
    files = make_layers(folder)
    layers = add_layers(files)
    plugins["hyperlift"].action.trigger()
    QTest.qWait(500)
    panel = dock().panel
    iface.mainWindow().resizeDocks([dock()], [420], Qt.Orientation.Vertical)
    iface.mapCanvas().zoomToFullExtent()
    QTest.qWait(800)
    settle()
    assert [key for key, _ in panel.layers.checked()] == [layer.id() for layer in layers]
    panel.commands.pick.trigger()
    for share, name in (((0.42, 0.21), "Lake"), ((0.494, 0.7), "Field"), ((0.5, 0.82), "Wood")):
        check_values(files, layers, click(*share))
        pin(name)
    assert len(dock().marks.pins) == 3
    panel.redraw()
    drag((0.42, 0.3), (0.5, 0.42))
    assert "mean and standard deviation" in panel.status.text(), panel.status.text()
    assert all(spectrum.spread is not None for spectrum in panel.current)
    keyboard()
    panel.layers.item(2).setCheckState(Qt.CheckState.Unchecked)
    settle()
    for row in range(3):
        panel.pins.topLevelItem(row).setCheckState(0, Qt.CheckState.Unchecked)
    panel.pins.topLevelItem(0).setCheckState(0, Qt.CheckState.Checked)
    panel.tabs.setCurrentWidget(panel.pins)
    save(iface.mainWindow(), "spectra.png")
    panel.layers.item(2).setCheckState(Qt.CheckState.Checked)
    settle()
    click(0.01, 0.5)
    assert "does not reach here" in panel.status.text() or "no data here" in panel.status.text()
    places = follow()
    round_trip(folder)
    identify()
    darken(panel)
    save(panel, "spectra_dark.png")
    project_keeps_pins(folder)
    print(f"{places} places were shown while following; pictures in {PICTURES}", flush=True)
    QgsProject.instance().clear()
    iface.actionExit().trigger()


def start():
    with tempfile.TemporaryDirectory() as folder:
        work(Path(folder))


sys.excepthook = stop_at_errors
QTimer.singleShot(1500, start)
