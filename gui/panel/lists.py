"""The lists beside the plot: layers, pins, libraries and matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from ...core.spectral.library import SpectralLibrary
from ...core.spectral.matching import Match
from .actions import QAction
from .spectra import COLOURS, Pin, Spectrum, spectra_of

_KEY = Qt.ItemDataRole.UserRole
_SHOWN_AT_ONCE = 12  # spectra of a library that are drawn without being asked for


@dataclass(frozen=True)
class LayerEntry:
    """A layer whose spectra can be shown: its ``key``, ``name``, and what there is to say of it."""

    key: str
    name: str
    checked: bool
    note: str = ""


class LayerList(QListWidget):
    """Layers to take spectra from; checked ones are read. U or the menu names the layer of uncertainties."""

    checked_changed = pyqtSignal(str, bool)
    uncertainty_chosen = pyqtSignal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Layers whose spectra are shown"))
        self.itemChanged.connect(self._on_changed)
        choose = QAction(self.tr("Layer of its uncertainty…"), self)
        choose.setShortcut("U")
        choose.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        choose.triggered.connect(self.choose_uncertainty)
        self.addAction(choose)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def choose_uncertainty(self) -> None:
        """Ask which layer holds the uncertainties of the current one's bands."""
        row = self.currentRow()
        items = [(number, self.item(number)) for number in range(self.count()) if number != row]
        if row < 0 or not items:
            return
        own = self.item(row).data(_KEY)  # the list may be made anew while the dialog is open
        # Layers may share a name, and the dialog gives back nothing but a text.
        others = {f"{number + 1}. {item.text()}": item.data(_KEY) for number, item in items}
        keys = {self.tr("None"): "", **others}
        words = self.tr("Uncertainty of {}:").format(self.item(row).text())
        name, chosen = QInputDialog.getItem(self, self.tr("Uncertainty"), words, list(keys), 0, False)
        if chosen:
            self.uncertainty_chosen.emit(own, keys[name])

    def show_layers(self, layers: Sequence[LayerEntry]) -> None:
        """Show these layers, each with the colour of its curves."""
        self.blockSignals(True)
        self.clear()
        for number, layer in enumerate(layers):
            item = QListWidgetItem(swatch(COLOURS[number % len(COLOURS)]), layer.name)
            item.setData(_KEY, layer.key)
            item.setToolTip(layer.note)
            item.setCheckState(Qt.CheckState.Checked if layer.checked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)

    def checked(self) -> list[tuple[str, str]]:
        """Keys and colours of the checked layers, from the top."""
        rows = [(self.item(row), COLOURS[row % len(COLOURS)]) for row in range(self.count())]
        return [
            (item.data(_KEY), colour) for item, colour in rows if item.checkState() == Qt.CheckState.Checked
        ]

    def _on_changed(self, item: QListWidgetItem) -> None:
        self.checked_changed.emit(item.data(_KEY), item.checkState() == Qt.CheckState.Checked)


class PinList(QTreeWidget):
    """Pins: F2 renames, Space shows and hides, C chooses the colour, Delete removes."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pins: list[Pin] = []
        self.setAccessibleName(self.tr("Pins"))
        self.setHeaderLabels([self.tr("Pin"), self.tr("Place"), self.tr("Layers")])
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked
        )
        self.itemChanged.connect(self._on_changed)

    def show_pins(self, pins: Sequence[Pin]) -> None:
        """Show these pins in place of others."""
        chosen = self.current_row()
        self.pins = list(pins)
        self.blockSignals(True)
        self.clear()
        for pin in self.pins:
            item = QTreeWidgetItem()
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable)
            self._write(item, pin)
            self.addTopLevelItem(item)
        if 0 <= chosen < len(self.pins):
            self.setCurrentItem(self.topLevelItem(chosen))
        self.blockSignals(False)

    def current_row(self) -> int:
        """Number of the current pin, -1 if there is none."""
        return self.indexOfTopLevelItem(self.currentItem()) if self.currentItem() else -1

    def add(self, pin: Pin) -> None:
        """Add a pin and make it the current one."""
        self.show_pins([*self.pins, pin])
        self.setCurrentItem(self.topLevelItem(len(self.pins) - 1))
        self.changed.emit()

    def replace(self, row: int, **changes: object) -> None:
        """Change a pin."""
        self.pins[row] = replace(self.pins[row], **changes)
        self.show_pins(self.pins)
        self.changed.emit()

    def remove_selected(self) -> None:
        """Remove the pins that are selected."""
        rows = {self.indexOfTopLevelItem(item) for item in self.selectedItems()}
        if rows:
            self.show_pins([pin for row, pin in enumerate(self.pins) if row not in rows])
            self.changed.emit()

    def choose_colour(self) -> None:
        """Ask for the colour of the current pin."""
        row = self.current_row()
        if row >= 0:
            chosen = QColorDialog.getColor(QColor(self.pins[row].colour), self, self.tr("Colour of the pin"))
            if chosen.isValid():
                self.replace(row, colour=chosen.name())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Remove and colour by key."""
        if event.key() == Qt.Key.Key_Delete:
            self.remove_selected()
        elif event.key() == Qt.Key.Key_C and not event.modifiers():
            self.choose_colour()
        else:
            super().keyPressEvent(event)

    def _on_changed(self, item: QTreeWidgetItem, _column: int) -> None:
        """Take in a name or a tick; the item is changed in place, for Qt is not done with it yet."""
        row = self.indexOfTopLevelItem(item)
        name = item.text(0).strip() or self.pins[row].name
        shown = item.checkState(0) == Qt.CheckState.Checked
        self.pins[row] = replace(self.pins[row], name=name, shown=shown)
        self._write(item, self.pins[row])
        self.changed.emit()

    def _write(self, item: QTreeWidgetItem, pin: Pin) -> None:
        """Fill an item; places and layers are not the user's to edit and are written again."""
        blocked = self.blockSignals(True)
        place = f"{pin.x:.10g}, {pin.y:.10g} ({pin.crs[:20]})"
        for column, text in enumerate((pin.name, place, ", ".join(one.name for one in pin.spectra))):
            item.setText(column, text)
        item.setIcon(0, swatch(pin.colour))
        item.setCheckState(0, Qt.CheckState.Checked if pin.shown else Qt.CheckState.Unchecked)
        self.blockSignals(blocked)


class LibraryList(QTreeWidget):
    """Spectral libraries; checked spectra are drawn. Delete takes libraries away."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.libraries: list[tuple[str, SpectralLibrary]] = []
        self.setAccessibleName(self.tr("Spectral libraries"))
        self.setHeaderLabels([self.tr("Library")])
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.itemChanged.connect(lambda *_: self.changed.emit())

    def add(self, title: str, library: SpectralLibrary) -> None:
        """Add a library; of a small one all spectra are drawn."""
        self.blockSignals(True)
        self.libraries.append((title, library))
        top = QTreeWidgetItem([f"{title} ({len(library)})"])
        for name in library.names:
            item = QTreeWidgetItem([name])
            few = len(library) <= _SHOWN_AT_ONCE
            item.setCheckState(0, Qt.CheckState.Checked if few else Qt.CheckState.Unchecked)
            top.addChild(item)
        self.addTopLevelItem(top)
        top.setExpanded(len(library) <= _SHOWN_AT_ONCE)
        self.blockSignals(False)
        self.changed.emit()

    def checked(self) -> list[Spectrum]:
        """The spectra to draw."""
        found = []
        for number, (_, library) in enumerate(self.libraries):
            top = self.topLevelItem(number)
            for row, spectrum in enumerate(spectra_of(library)):
                if top.child(row).checkState(0) == Qt.CheckState.Checked:
                    found.append(spectrum)
        return found

    def remove_selected(self) -> None:
        """Take away the libraries that are selected, wholly or by one of their spectra."""
        rows = {self.indexOfTopLevelItem(item.parent() or item) for item in self.selectedItems()}
        for row in sorted(rows, reverse=True):
            del self.libraries[row]
            self.takeTopLevelItem(row)
        self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take away by key."""
        if event.key() == Qt.Key.Key_Delete:
            self.remove_selected()
        else:
            super().keyPressEvent(event)


class MatchTable(QTreeWidget):
    """The library spectra that are most like a pin, with their scores; the selected ones are drawn."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.matches: list[tuple[str, Match, Spectrum]] = []
        self.setAccessibleName(self.tr("Closest spectra"))
        titles = [self.tr("Material"), self.tr("Angle (°)"), self.tr("Correlation"), self.tr("Library")]
        self.setHeaderLabels(titles)
        self.setRootIsDecorated(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)

    def show_matches(self, matches: Sequence[tuple[str, Match, Spectrum]]) -> None:
        """Show these matches: title of the library, scores, and the spectrum."""
        self.matches = list(matches)
        self.clear()
        for title, match, _ in self.matches:
            score = "-" if match.correlation != match.correlation else f"{match.correlation:.3f}"
            item = QTreeWidgetItem([match.name, f"{match.angle_deg:.2f}", score, title])
            for column in (1, 2):
                item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight)
            self.addTopLevelItem(item)
        if self.matches:
            self.setCurrentItem(self.topLevelItem(0))

    def selected(self) -> list[Spectrum]:
        """The spectra of the selected matches."""
        return [self.matches[self.indexOfTopLevelItem(item)][2] for item in self.selectedItems()]


def swatch(colour: str) -> QIcon:
    """A small square in a colour."""
    square = QPixmap(12, 12)
    square.fill(QColor(colour))
    return QIcon(square)
