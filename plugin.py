"""The plugin as QGIS loads it: its Processing provider and its spectrum dock come and go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtGui import QIcon

from .algorithms.base import ICON
from .algorithms.provider import HyperLiftProvider

if TYPE_CHECKING:
    from .gui.dock import SpectrumDock

_MENU = "HyperLift"


class HyperLiftPlugin:
    """Entry point for the desktop (``initGui``) and for ``qgis_process`` (``initProcessing``)."""

    def __init__(self, iface: object) -> None:
        self.iface = iface
        self.provider: HyperLiftProvider | None = None
        self.action: object | None = None
        self.dock: SpectrumDock | None = None

    def initProcessing(self) -> None:  # noqa: N802 (QGIS asks for this name)
        """Add the provider to the Processing registry, which owns it from then on."""
        self.provider = HyperLiftProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:  # noqa: N802 (QGIS asks for this name)
        """Start in the desktop; the dock is made when it is first asked for."""
        self.initProcessing()
        if self.iface is not None:
            self._add_action()

    def show_dock(self, shown: bool = True) -> None:
        """Show or hide the spectrum dock."""
        if self.dock is None and shown:
            from .gui.dock import SpectrumDock

            self.dock = SpectrumDock(self.iface)
            self.iface.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.dock)
            self.dock.visibilityChanged.connect(self.action.setChecked)
        if self.dock is not None:
            self.dock.setVisible(shown)

    def unload(self) -> None:
        """Leave nothing behind in QGIS."""
        if self.dock is not None:
            self.dock.shut_down()
            self.iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
            self.dock = None
        if self.action is not None:
            self.iface.removeToolBarIcon(self.action)
            self.iface.removePluginRasterMenu(_MENU, self.action)
            self.action = None
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None

    def _add_action(self) -> None:
        """The switch of the dock, in the toolbar and the menu of rasters."""
        try:
            from qgis.PyQt.QtGui import QAction
        except ImportError:  # Qt 5
            from qgis.PyQt.QtWidgets import QAction
        text = QCoreApplication.translate("HyperLift", "Spectra on the map")
        self.action = QAction(QIcon(str(ICON)), text, self.iface.mainWindow())
        self.action.setObjectName("HyperLiftSpectraAction")
        self.action.setCheckable(True)
        self.action.triggered.connect(self.show_dock)
        self.iface.addToolBarIcon(self.action)
        self.iface.addPluginToRasterMenu(_MENU, self.action)
