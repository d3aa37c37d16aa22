"""Drive the QGIS desktop: fill the dialog, run it, look at the result on the map, and save pictures of that.

Run with ``bash tools/desktop.sh tests/gui/spectral_super_resolution.py``; QGIS executes it with ``--code``.
HYPERLIFT_SCENE (a raster), HYPERLIFT_MODEL (a model file) and HYPERLIFT_PICTURES (a folder) take the place of
the sample scene, the bundled model and ``docs/images``.
"""

import os
import sys
from pathlib import Path

from qgis import processing
from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QTextEdit
from qgis.utils import iface

from hyperlift.tests.gui.desktop.driving import PICTURES, ROOT, save, stop_at_errors, tidy_window, wait_until

SCENE = os.environ.get("HYPERLIFT_SCENE", str(ROOT / "resources" / "sample" / "sentinel2_sample.tif"))
MODEL = os.environ.get("HYPERLIFT_MODEL", "")
WINDOW = (1000, 640)
DIALOG = (900, 640)
LOG = (900, 525)  # the end of the log, without the paths of this machine


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
    tidy_window(WINDOW)
    results = run_dialog(add_scene())
    check_result(results)
    tidy_window(WINDOW)
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
