"""Drive the QGIS desktop: fill the dialog, run it, look at the result on the map, and save pictures of that.

Run with ``bash tools/desktop.sh tests/gui/spectral_super_resolution.py``; QGIS executes it with ``--code``.
HYPERLIFT_SCENE (a raster), HYPERLIFT_MODEL (a model file) and HYPERLIFT_PICTURES (a folder) take the place of
the sample scene, the bundled model and ``docs/images``.
"""

import os
import sys
import traceback
from pathlib import Path

from qgis import processing
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget, QTextEdit, QToolBar
from qgis.utils import iface

import hyperlift

ROOT = Path(hyperlift.__file__).resolve().parent
SCENE = os.environ.get("HYPERLIFT_SCENE", str(ROOT / "resources" / "sample" / "sentinel2_sample.tif"))
MODEL = os.environ.get("HYPERLIFT_MODEL", "")
PICTURES = Path(os.environ.get("HYPERLIFT_PICTURES", ROOT / "docs" / "images"))
PATIENCE_S = 240
WINDOW = (1000, 640)
DIALOG = (900, 640)
LOG = (900, 525)  # the end of the log, without the paths of this machine
LAYERS_WIDTH = 330


def stop_at_errors(kind, error, trace):
    """Leave with a failure; QGIS would show the error and wait for a click."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


def save(widget, name):
    """Save a picture of a widget, compressed as far as PNG goes."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    assert widget.grab().save(str(PICTURES / name), "PNG", 0), f"{name} could not be written"


def wait_until(done, what):
    """Let QGIS work until ``done()``."""
    for _ in range(PATIENCE_S * 10):
        if done():
            return
        QTest.qWait(100)
    raise TimeoutError(f"waited {PATIENCE_S} s for {what}")


def tidy_window():
    """Leave only what belongs in the picture: map and layers."""
    window = iface.mainWindow()
    window.showNormal()
    window.resize(*WINDOW)
    for bar in window.findChildren(QToolBar):
        bar.setVisible(bar.objectName() in ("mFileToolBar", "mMapNavToolBar"))
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() == "Layers")
        if dock.objectName() == "Layers":
            window.resizeDocks([dock], [LAYERS_WIDTH], Qt.Orientation.Horizontal)
    iface.messageBar().clearWidgets()


def add_scene():
    """The input in natural colours, as a user would have it on the map."""
    layer = QgsRasterLayer(SCENE, Path(SCENE).stem)
    assert layer.isValid(), SCENE
    renderer = layer.renderer()
    for set_band, number in ((renderer.setRedBand, 4), (renderer.setGreenBand, 3), (renderer.setBlueBand, 2)):
        set_band(number)
    layer.setDefaultContrastEnhancement()
    QgsProject.instance().addMapLayer(layer)
    iface.mapCanvas().setExtent(layer.extent())
    return layer


def run_dialog(layer):
    """Fill the dialog as a user does, press Run and wait for its results."""
    parameters = {"INPUT": layer.id(), **({"MODEL_FILE": MODEL} if MODEL else {})}
    dialog = processing.createAlgorithmDialog("hyperlift:spectralsuperresolution", parameters)
    dialog.resize(*DIALOG)
    dialog.show()
    QTest.qWait(800)
    save(dialog, "dialog.png")
    dialog.runButton().click()
    wait_until(lambda: lifted_layers() and dialog.results(), "the result on the map")
    dialog.resize(*LOG)
    QTest.qWait(500)
    for log in dialog.findChildren(QTextEdit):
        if "Execution completed" in log.toPlainText():
            log.verticalScrollBar().setValue(log.verticalScrollBar().maximum())
    save(dialog, "log.png")
    results = dialog.results()
    dialog.close()
    return results


def lifted_layers():
    """Results on the map."""
    layers = QgsProject.instance().mapLayers().values()
    return [layer for layer in layers if layer.name().endswith("(hyperspectral)")]


def check_result(results):
    """The result is loaded, whole, and shown in natural colours with fixed limits."""
    (layer,) = lifted_layers()
    renderer = layer.renderer()
    assert layer.bandCount() == 172
    assert Path(layer.source()) == Path(results["OUTPUT"])
    assert results["DEVICE_USED"]
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == (24, 11, 4)
    assert renderer.redContrastEnhancement().maximumValue() == 0.3


def work():
    tidy_window()
    results = run_dialog(add_scene())
    check_result(results)
    tidy_window()
    for node in QgsProject.instance().layerTreeRoot().findLayers():
        node.setExpanded(False)
        node.setExpanded(True)
    iface.mapCanvas().zoomToFullExtent()
    QTest.qWait(500)
    wait_until(lambda: not iface.mapCanvas().isDrawing(), "the map")
    save(iface.mainWindow(), "map.png")
    print(f"Ran on {results['DEVICE_USED']}; pictures in {PICTURES}", flush=True)
    QgsProject.instance().clear()
    iface.actionExit().trigger()


sys.excepthook = stop_at_errors
QTimer.singleShot(1500, work)
