"""What the scripts that drive the QGIS desktop share."""

import os
import sys
import traceback
from pathlib import Path

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget, QToolBar
from qgis.utils import iface

import hyperlift

ROOT = Path(hyperlift.__file__).resolve().parent
PICTURES = Path(os.environ.get("HYPERLIFT_PICTURES", ROOT / "docs" / "images"))
PATIENCE_S = 240
LAYERS_WIDTH = 330  # pixels


def stop_at_errors(kind, error, trace):
    """Leave with a failure; QGIS would show the error and wait for a click."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


def save(widget, name):
    """Save a picture of a widget once it is drawn, compressed as far as PNG goes."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    QTest.qWait(300)
    assert widget.grab().save(str(PICTURES / name), "PNG", 0), f"{name} could not be written"


def wait_until(done, what):
    """Let QGIS work until ``done()``."""
    for _ in range(PATIENCE_S * 50):
        if done():
            return
        QTest.qWait(20)
    raise TimeoutError(f"waited {PATIENCE_S} s for {what}")


def tidy_window(size):
    """Leave only what belongs in the picture: map and layers."""
    window = iface.mainWindow()
    window.showNormal()
    window.resize(*size)
    for bar in window.findChildren(QToolBar):
        if bar.parent() is window:
            bar.setVisible(bar.objectName() in ("mFileToolBar", "mMapNavToolBar"))
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() == "Layers")
        if dock.objectName() == "Layers":
            window.resizeDocks([dock], [LAYERS_WIDTH], Qt.Orientation.Horizontal)
    iface.messageBar().clearWidgets()
