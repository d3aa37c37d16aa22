"""For widgets in plain Qt: these tests run in QGIS and, by themselves, under PyQt6."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qgis.PyQt.QtCore import QEvent, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from hyperlift.core.spectral import grid, sensor
from hyperlift.gui.panel.spectra import Spectrum


@pytest.fixture(scope="session")
def application():
    """The application, QGIS's where there is one."""
    return QApplication.instance() or QApplication([])


@pytest.fixture
def wait(application):
    """Lets Qt work until ``done()``."""

    def until(done, seconds=10.0):
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, "waited in vain"
            application.processEvents()
            time.sleep(0.005)

    return until


@pytest.fixture
def shown(application):
    """Shows widgets, and deletes them after the test."""
    widgets = []

    def show(widget, width=640, height=360):
        widget.resize(width, height)
        widget.show()
        widgets.append(widget)
        application.processEvents()
        return widget

    yield show
    for widget in widgets:
        widget.hide()
        widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def press():
    """Presses a key on a widget."""

    def press(widget, key, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(widget, key, modifier)

    return press


@pytest.fixture
def hyperspectral() -> Spectrum:
    """172 bands of a smooth spectrum."""
    bands = grid("aviris172")
    values = 0.3 + 0.2 * np.sin(bands.wavelength_nm / 300)
    return Spectrum("lifted", values, bands.wavelength_nm, bands.fwhm_nm)


@pytest.fixture
def multispectral() -> Spectrum:
    """Sentinel-2's bands of the same spectrum."""
    bands = sensor("sentinel2a")
    values = 0.3 + 0.2 * np.sin(bands.centre_nm / 300)
    return Spectrum("Sentinel-2", values, bands.centre_nm, bands.width_nm)
