"""Pins between panel, map and project: kept with the project, marked on the map, written as libraries."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsPointXY, QgsProject, QgsRectangle
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject

from ..core.errors import HyperLiftError
from ..core.spectral.library import write_library
from .marks import Marks
from .panel.panel import SpectrumPanel
from .panel.spectra import Pin, library_of, next_colour, next_name, pins_from_json, pins_to_json
from .point_libraries import read_points, write_points

_ENTRY = ("HyperLift", "pins")


class PinKeeper(QObject):
    """The pins of a panel in the project and on the map."""

    def __init__(self, panel: SpectrumPanel, marks: Marks, canvas: QgsMapCanvas, project: QgsProject) -> None:
        super().__init__(panel)
        self._panel, self._marks, self._canvas, self._project = panel, marks, canvas, project
        panel.pins.changed.connect(self._store)
        panel.export_asked.connect(self.export)
        panel.import_asked.connect(self.import_points)

    def pin(self, place: QgsPointXY | QgsRectangle | None) -> None:
        """Keep the spectra that are shown, which are those of a place of the map."""
        panel = self._panel
        if place is None or not panel.current:
            panel.say(self.tr("There is nothing to pin: click on the map first."))
            return
        centre = place.center() if isinstance(place, QgsRectangle) else place
        crs = self._canvas.mapSettings().destinationCrs()
        pins = panel.pins.pins
        name, colour = next_name(pins, self.tr("Pin {}")), next_colour(pins)
        where = centre.x(), centre.y(), crs.authid() or crs.toWkt()
        panel.pins.add(Pin(name, colour, *where, tuple(panel.current)))

    def export(self, path: str) -> None:
        """Write the pins as a library (.sli, .csv) or as points (.gpkg)."""
        pins = self._panel.selected_pins()
        try:
            if Path(path).suffix.lower() == ".gpkg":
                write_points(path, pins, self._project.transformContext())
            else:
                write_library(path, library_of(pins))
        except HyperLiftError as error:
            self._panel.say(str(error))
            return
        self._panel.say(self.tr("{} pins were written to {}.").format(len(pins), path))

    def import_points(self, path: str) -> None:
        """Read points as libraries."""
        try:
            for title, library in read_points(path):
                self._panel.add_library(title, library)
        except HyperLiftError as error:
            self._panel.say(str(error))

    def read_project(self) -> None:
        """Take the pins from the project."""
        text, _ = self._project.readEntry(*_ENTRY, "")
        self._panel.pins.show_pins(pins_from_json(text))
        self._panel.redraw()
        self.mark()

    def mark(self) -> None:
        """Mark the pins on the map."""
        self._marks.show_pins(self._panel.pins.pins, self._project)

    def _store(self) -> None:
        self._project.writeEntry(*_ENTRY, pins_to_json(self._panel.pins.pins))
        self.mark()
