"""The panel of the spectrum dock: plot, lists, and the actions on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSplitter,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from ...core.spectral.library import read_library
from ...core.spectral.matching import ANGLE, CORRELATION
from ..background import Background
from ..plot.curves import CONTINUUM, DERIVATIVE, VALUES
from ..plot.plot import NM, UM, SpectrumPlot
from .actions import Actions
from .identifying import Found, closest_in, is_itself
from .lists import LayerList, LibraryList, MatchTable, PinList
from .spectra import COLOURS, Pin, Spectrum

_LIBRARIES = "*.sli *.csv *.gpkg *.asd *.txt"
_MATCHES = 10


class SpectrumPanel(QWidget):
    """Shows spectra, keeps pins and libraries, and compares them. Where spectra come from, others know.

    Files that it cannot write or read itself (GeoPackages) go out by ``import_asked`` and ``export_asked``.
    """

    picking = pyqtSignal(bool)
    following = pyqtSignal(bool)
    pin_asked = pyqtSignal()
    place_typed = pyqtSignal(str)
    import_asked = pyqtSignal(str)
    export_asked = pyqtSignal(str)

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._current: list[tuple[Spectrum, str]] = []
        self.plot = SpectrumPlot(self)
        self.layers, self.pins, self.library, self.matches = (
            kind(self) for kind in (LayerList, PinList, LibraryList, MatchTable)
        )
        self.place, self.view, self.unit, self.method = QLineEdit(), QComboBox(), QComboBox(), QComboBox()
        self.status, self.value = QLabel(), QLabel()
        self.commands = Actions(self)
        self._fill_choices()
        self._lay_out()
        self._connect()
        self.plot.show_message(self.tr("Check layers, then click on the map with the tool “Pick”."))

    def show_current(self, spectra: Sequence[tuple[Spectrum, str]], sentence: str) -> None:
        """Show the spectra at the current place, each with its colour, and say where and what they are."""
        self._current = list(spectra)
        self.status.setText(sentence)
        self.plot.show_message(sentence)
        self.redraw()

    @property
    def current(self) -> list[Spectrum]:
        """The spectra at the current place."""
        return [spectrum for spectrum, _ in self._current]

    def say(self, sentence: str) -> None:
        """Tell the user something."""
        self.status.setText(sentence)

    def redraw(self) -> None:
        """Draw what is current, pinned, checked in libraries and matched."""
        curves = [one.curve(one.name, colour, thick=True) for one, colour in self._current]
        for pin in self.pins.pins:
            curves += pin.curves() if pin.shown else []
        matched = self.matches.selected()
        own = [one for one in self.library.checked() if all(one.name != other.name for other in matched)]
        for number, one in enumerate([*matched, *own]):
            curves.append(one.curve(one.name, _library_colour(number), dashed=True))
        self.plot.show_curves(curves)
        if self.plot.left_out:
            names = ", ".join(curve.name for curve in self.plot.left_out)
            self.say(self.tr("Not drawn, because their wavelengths are unknown: {}.").format(names))

    def add_files(self, paths: Sequence[str]) -> None:
        """Import spectral libraries; GeoPackages are left to the owner of the panel."""
        for path in paths:
            if Path(path).suffix.lower() == ".gpkg":
                self.import_asked.emit(path)
                continue
            title = Path(path).name
            self._background.submit(
                lambda path=path: read_library(path),
                lambda library, title=title: self.add_library(title, library),
                self.say,
            )

    def add_library(self, title: str, library: object) -> None:
        """Add a library that was read."""
        self.library.add(title, library)
        self.tabs.setCurrentWidget(self.library)
        self.say(self.tr("{}: {} spectra. Tick those to draw.").format(title, len(library)))

    def identify(self) -> None:
        """Compare the current pin, or what is under the cursor, with all libraries."""
        chosen = self._asked_about()
        if chosen is None:
            self.say(self.tr("There is no spectrum to identify: click on the map or choose a pin."))
            return
        if not self.library.libraries:
            self.say(self.tr("There is no library to compare with: import one, or drop one onto the plot."))
            return
        name, spectrum = chosen
        libraries, method = list(self.library.libraries), self.method.currentData()
        self._background.submit(
            lambda: closest_in(libraries, spectrum, method, _MATCHES),
            lambda matches: self._show_matches(name, spectrum, matches),
            self.say,
            slot="identify",
        )

    def selected_pins(self) -> list[Pin]:
        """The pins that are selected, or all."""
        rows = sorted(self.pins.indexOfTopLevelItem(item) for item in self.pins.selectedItems())
        return [self.pins.pins[row] for row in rows] if len(rows) > 1 else self.pins.pins

    def ask_for_files(self) -> None:
        """Choose libraries to import."""
        kinds = self.tr("Spectral libraries ({});;All files (*)").format(_LIBRARIES)
        paths, _ = QFileDialog.getOpenFileNames(self, self.tr("Import spectral libraries"), "", kinds)
        self.add_files(paths)

    def ask_where_to_export(self) -> None:
        """Choose the file that pins are exported to."""
        if not self.pins.pins:
            self.say(self.tr("There are no pins to export; pin some spectra first."))
            return
        kinds = self.tr("ENVI spectral library (*.sli);;Table (*.csv);;Points (*.gpkg)")
        path, kind = QFileDialog.getSaveFileName(self, self.tr("Export the pins as a library"), "", kinds)
        if path:
            suffix = kind.split("*")[-1].rstrip(")")
            self.export_asked.emit(path if Path(path).suffix else path + suffix)

    def _asked_about(self) -> tuple[str, Spectrum] | None:
        row = self.pins.current_row()
        if row >= 0 and self.pins.pins[row].main() is not None:
            return self.pins.pins[row].name, self.pins.pins[row].main()
        found = max(self.current, key=lambda one: len(one.values), default=None)
        return None if found is None else (found.name, found)

    def _show_matches(self, name: str, spectrum: Spectrum, matches: Sequence[Found]) -> None:
        """List what was found and draw the closest; that a spectrum is like itself is no news."""
        self.matches.show_matches(matches)
        self.tabs.setCurrentWidget(self.matches)
        others = []
        for row, found in enumerate(matches):
            if is_itself(found, spectrum):
                self.matches.topLevelItem(row).setText(0, self.tr("{} (itself)").format(found[1].name))
            else:
                others.append(row)
        if others:
            self.matches.setCurrentItem(self.matches.topLevelItem(others[0]))
            best = matches[others[0]][1]
            words = self.tr("{} is closest to {}: angle {:.2f}°, correlation without continuum {:.3f}.")
            self.say(words.format(name, best.name, best.angle_deg, best.correlation))
        else:
            self.say(self.tr("The libraries hold nothing but {} itself; import another one.").format(name))
        self.redraw()

    def _fill_choices(self) -> None:
        for text, key in (
            (self.tr("Reflectance"), VALUES),
            (self.tr("Continuum removed"), CONTINUUM),
            (self.tr("Derivative"), DERIVATIVE),
        ):
            self.view.addItem(text, key)
        self.unit.addItem("nm", NM)
        self.unit.addItem("µm", UM)
        self.method.addItem(self.tr("by angle"), ANGLE)
        self.method.addItem(self.tr("by correlation"), CORRELATION)
        self.place.setPlaceholderText(self.tr("x, y"))
        self.place.setMaximumWidth(190)
        for widget, name in (
            (self.view, self.tr("View of the spectra")),
            (self.unit, self.tr("Unit of the wavelengths")),
            (self.method, self.tr("How spectra are compared")),
            (self.place, self.tr("Place to read, in the coordinates of the project; press Enter")),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(name)

    def _lay_out(self) -> None:
        first, second = QToolBar(self), QToolBar(self)
        for action in self.commands.reading:
            first.addAction(action)
        first.addWidget(self.place)
        for widget in (self.view, self.unit):
            second.addWidget(widget)
        for action in self.commands.looking:
            second.addAction(action)
        second.addWidget(self.method)
        self.tabs = QTabWidget(self)
        for widget, title in (
            (self.layers, self.tr("&Layers")),
            (self.pins, self.tr("P&ins")),
            (self.library, self.tr("Li&braries")),
            (self.matches, self.tr("&Matches")),
        ):
            self.tabs.addTab(widget, title)
        self.pins.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.pins.header().setStretchLastSection(False)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.addWidget(self.plot)
        splitter.addWidget(self.tabs)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([560, 380])
        self.status.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.setSpacing(2)
        for widget in (first, second, splitter, self.value, self.status):
            box.addWidget(widget)
        box.setStretchFactor(splitter, 1)

    def _connect(self) -> None:
        self.view.currentIndexChanged.connect(lambda _: self.plot.show_view(self.view.currentData()))
        self.unit.currentIndexChanged.connect(lambda _: self.plot.show_unit(self.unit.currentData()))
        self.place.returnPressed.connect(lambda: self.place_typed.emit(self.place.text()))
        self.plot.read_out.connect(self.value.setText)
        self.plot.files_dropped.connect(self.add_files)
        self.pins.changed.connect(self.redraw)
        self.library.changed.connect(self.redraw)
        self.matches.itemSelectionChanged.connect(self.redraw)


def _library_colour(number: int) -> str:
    """Colours of library spectra, from the end of the list: layers and pins start at its beginning."""
    return COLOURS[-1 - number % len(COLOURS)]
