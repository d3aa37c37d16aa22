"""The actions of the panel, each with a word, a tooltip and a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgis.PyQt.QtCore import QObject, Qt

try:
    from qgis.PyQt.QtGui import QAction
except ImportError:  # Qt 5
    from qgis.PyQt.QtWidgets import QAction

if TYPE_CHECKING:
    from .panel import SpectrumPanel


class Actions(QObject):
    """Actions on reading spectra and on looking at them; keys work while the panel has the focus."""

    def __init__(self, panel: SpectrumPanel) -> None:
        super().__init__(panel)
        tr, plot = self.tr, panel.plot
        self.pick = self._add(
            tr("Pick"), "Alt+K", tr("Click on the map for a spectrum, drag for a mean"), True
        )
        self.follow = self._add(tr("Follow"), "Alt+F", tr("Show the spectrum under the pointer"), True)
        self.pin = self._add(tr("Pin"), "Alt+P", tr("Keep the current spectra"))
        self.all = self._add(tr("Show all"), "Alt+0", tr("Zoom the plot so that everything is seen"))
        self.legend = self._add(tr("Legend"), "Alt+G", tr("Show the legend"), True)
        self.legend.setChecked(True)
        self.load = self._add(tr("Import…"), "Alt+O", tr("Import spectral libraries"))
        self.save = self._add(tr("Export pins…"), "Alt+S", tr("Write the pins as a spectral library"))
        self.identify = self._add(tr("Identify"), "Alt+D", tr("Find the closest spectra of the libraries"))
        self.reading = (self.pick, self.follow, self.pin, self.load, self.save)
        self.looking = (self.all, self.legend, self.identify)
        self.pick.toggled.connect(panel.picking)
        self.follow.toggled.connect(panel.following)
        self.pin.triggered.connect(lambda: panel.pin_asked.emit())
        self.all.triggered.connect(plot.show_all)
        self.legend.toggled.connect(plot.show_legend)
        self.load.triggered.connect(panel.ask_for_files)
        self.save.triggered.connect(panel.ask_where_to_export)
        self.identify.triggered.connect(panel.identify)

    def _add(self, text: str, key: str, tip: str, checkable: bool = False) -> QAction:
        action = QAction(text, self)
        action.setShortcut(key)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({key})")
        action.setCheckable(checkable)
        self.parent().addAction(action)
        return action
