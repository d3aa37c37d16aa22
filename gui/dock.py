"""The spectrum dock: what the panel shows, read from the layers of the project at places of the map."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qgis.core import QgsPointXY, QgsProject, QgsRasterLayer, QgsRectangle
from qgis.gui import QgisInterface, QgsMapTool
from qgis.PyQt.QtCore import QCoreApplication, QTimer
from qgis.PyQt.QtWidgets import QDockWidget

from .background import Background
from .layers import (
    UNCERTAINTY,
    Answer,
    OpenSources,
    Question,
    question_of,
    sentence_of,
    source_of,
    spectral_layers,
)
from .map_tool import SpectrumMapTool
from .marks import Marks
from .panel.lists import LayerEntry
from .panel.panel import SpectrumPanel
from .panel.spectra import Spectrum
from .pin_keeper import PinKeeper

_CHECKED = "hyperlift/spectrum"  # custom property of layers
_CHECKED_AT_FIRST = 3
_REST_MS = 60
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_NUMBERS = re.compile(rf"\s*({_NUMBER})\s*[,;\s]\s*({_NUMBER})\s*", re.IGNORECASE)


class SpectrumDock(QDockWidget):
    """Spectra of the checked layers under the pointer, and pins that the project keeps."""

    def __init__(self, iface: QgisInterface) -> None:
        super().__init__(QCoreApplication.translate("SpectrumDock", "Spectra"), iface.mainWindow())
        self.setObjectName("HyperLiftSpectra")
        self._iface, self._canvas, self._project = iface, iface.mapCanvas(), QgsProject.instance()
        self._background, self._sources = Background(), OpenSources()
        self.panel = SpectrumPanel(self._background, self)
        self.setWidget(self.panel)
        self.tool, self.marks = SpectrumMapTool(self._canvas), Marks(self._canvas)
        self.pins = PinKeeper(self.panel, self.marks, self._canvas, self._project)
        self._place: QgsPointXY | QgsRectangle | None = None
        self._former_tool: QgsMapTool | None = None
        self._closed = False
        # QGIS adds layers to the project before they are in its tree, and often several at once.
        self._relist = QTimer(self)
        self._relist.setSingleShot(True)
        self._relist.timeout.connect(self.list_layers)
        # Where the pointer rests, the spectra are read ahead of the click: tiles take time to be unpacked.
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._read_ahead)
        self._pointer: QgsPointXY | None = None
        self._connect()
        self.list_layers()
        self.pins.read_project()

    def look_at(self, place: QgsPointXY | QgsRectangle, slot: str = "") -> None:
        """Read and show the spectra of the checked layers at a place of the map.

        Args:
            place: point, or rectangle for a mean, in the CRS of the canvas.
            slot: requests under one name replace each other while they wait.
        """
        questions, colours = self._questions(place)
        if not questions:
            self.panel.say(self.tr("No layer is checked; check those whose spectra are to be shown."))
            return
        self._background.submit(
            lambda: [self._sources.answer(question) for question in questions],
            lambda answers: self._show(place, answers, colours),
            self.panel.say,
            slot or "place",
        )

    def list_layers(self) -> None:
        """Bring the list of layers up to date, and open those that are checked."""
        if self._closed:
            return
        layers = spectral_layers(self._project)
        entries = []
        for number, layer in enumerate(layers):
            stored = layer.customProperty(_CHECKED)
            checked = number < _CHECKED_AT_FIRST if stored is None else str(stored).lower() == "true"
            words = self.tr("{} bands, {}").format(layer.bandCount(), layer.crs().authid())
            entries.append(LayerEntry(layer.id(), layer.name(), checked, words))
        self.panel.layers.show_layers(entries)
        readable = [source_of(one, self._project) for one in layers if one.providerType() == "gdal"]
        paths = {path for one in readable for path in (one.path, one.uncertainty)}
        checked = {entry.key for entry in entries if entry.checked}
        ahead = [one for one in readable if one.key in checked]

        def prepare() -> None:
            self._sources.keep_only(paths)
            for one in ahead:
                self._sources.prepare(one)

        self._background.submit(prepare, lambda _: None, self.panel.say, slot="prepare")

    def idle(self) -> bool:
        """Whether nothing waits to be read."""
        return self._background.idle()

    def shut_down(self) -> None:
        """Leave nothing behind: no thread, no mark, no open file."""
        if self._closed:
            return
        self._closed = True
        self._relist.stop()
        self._rest.stop()
        self._disconnect()
        self._background.close()
        self._sources.keep_only(set())
        self.marks.clear()
        if self._canvas.mapTool() is self.tool:
            self._canvas.unsetMapTool(self.tool)

    def _connect(self) -> None:
        panel = self.panel
        self.tool.clicked.connect(self.look_at)
        self.tool.dragged.connect(self.look_at)
        self.tool.hovered.connect(self._on_hovered)
        panel.picking.connect(self._on_picking)
        panel.following.connect(self._on_following)
        panel.pin_asked.connect(lambda: self.pins.pin(self._place))
        panel.place_typed.connect(self._on_typed)
        panel.layers.checked_changed.connect(self._on_checked)
        panel.layers.uncertainty_chosen.connect(self._on_uncertainty)
        self.visibilityChanged.connect(self._on_visibility)
        for signal, slot in self._outside():
            signal.connect(slot)

    def _outside(self) -> list[tuple]:
        """Signals of QGIS, which outlives the dock."""
        project, canvas, tree = self._project, self._canvas, self._project.layerTreeRoot()
        return [
            (tree.layerOrderChanged, self._on_layers),
            (tree.nameChanged, self._on_layers),
            (project.layersAdded, self._on_layers),
            (project.layersRemoved, self._on_layers),
            (project.readProject, self._on_project),
            (project.cleared, self._on_project),
            (canvas.destinationCrsChanged, self.pins.mark),
            (canvas.mapToolSet, self._on_tool),
        ]

    def _disconnect(self) -> None:
        for signal, slot in self._outside():
            signal.disconnect(slot)

    def _show(
        self, place: QgsPointXY | QgsRectangle, answers: Sequence[Answer], colours: Sequence[str]
    ) -> None:
        spectra = [
            (Spectrum.of_sample(answer.source.name, answer.sample), colour)
            for answer, colour in zip(answers, colours)
            if answer.sample is not None and answer.sample.valid
        ]
        self._place = place
        centre = place.center() if isinstance(place, QgsRectangle) else place
        self.marks.show_current(centre)
        words = {
            "outside": self.tr("{} does not reach here."),
            "nodata": self.tr("{} has no data here (nodata)."),
            "some": self.tr("{} has no data in {} of {} bands here."),
            "pixels": self.tr("{}: mean and standard deviation of {} of {} pixels."),
        }
        crs = self._canvas.mapSettings().destinationCrs().authid()
        where = f"x {centre.x():.10g}, y {centre.y():.10g}{f' ({crs})' if crs else ''}."
        self.panel.show_current(spectra, f"{where} {sentence_of(answers, words)}".strip())

    def _questions(self, place: QgsPointXY | QgsRectangle) -> tuple[list[Question], list[str]]:
        """What to ask of the checked layers at a place, and the colours of their curves."""
        layers = [(self._project.mapLayer(key), colour) for key, colour in self.panel.layers.checked()]
        layers = [(layer, colour) for layer, colour in layers if isinstance(layer, QgsRasterLayer)]
        crs = self._canvas.mapSettings().destinationCrs()
        questions = [question_of(layer, place, crs, self._project) for layer, _ in layers]
        return questions, [colour for _, colour in layers]

    def _on_hovered(self, place: QgsPointXY) -> None:
        if self.panel.commands.follow.isChecked():
            self.look_at(place, slot="follow")
        else:
            self._pointer = place
            self._rest.start(_REST_MS)

    def _read_ahead(self) -> None:
        """Read where the pointer rests and show nothing: the click that follows finds everything unpacked."""
        questions, _ = self._questions(self._pointer)
        if not questions:
            return
        self._background.submit(
            lambda: [self._sources.answer(question) for question in questions],
            lambda _: None,
            lambda _: None,
            slot="ahead",
        )

    def _on_visibility(self, _visible: bool) -> None:
        """Leave no mark on the map and no tool while the dock is closed; one behind a tab is not."""
        if self._closed:
            return
        if self.isHidden():
            self.marks.clear()
            self.panel.commands.pick.setChecked(False)
        else:
            self.pins.mark()

    def _on_picking(self, on: bool) -> None:
        if on:
            self._former_tool = self._canvas.mapTool()
            self._canvas.setMapTool(self.tool)
        elif self._canvas.mapTool() is self.tool:
            self._canvas.setMapTool(self._former_tool) if self._former_tool else self._canvas.unsetMapTool(
                self.tool
            )

    def _on_following(self, on: bool) -> None:
        if on:
            self.panel.commands.pick.setChecked(True)

    def _on_tool(self, tool: QgsMapTool | None, _former: QgsMapTool | None = None) -> None:
        """Another tool was chosen elsewhere, or this one."""
        self.panel.commands.pick.setChecked(tool is self.tool)

    def _on_typed(self, text: str) -> None:
        match = _NUMBERS.fullmatch(text)
        if match is None:
            self.panel.say(self.tr("Type two numbers, such as 500105, 5299895, in the CRS of the project."))
            return
        self.look_at(QgsPointXY(float(match[1]), float(match[2])))

    def _on_checked(self, key: str, checked: bool) -> None:
        layer = self._project.mapLayer(key)
        if layer is not None:
            layer.setCustomProperty(_CHECKED, "true" if checked else "false")
        if self._place is not None:
            self.look_at(self._place)

    def _on_uncertainty(self, key: str, other: str) -> None:
        """Keep which layer holds the uncertainties of another one."""
        layer = self._project.mapLayer(key)
        if layer is not None:  # it may have been removed while the question was open
            layer.setCustomProperty(UNCERTAINTY, other)
        if self._place is not None:
            self.look_at(self._place)

    def _on_layers(self, *_: object) -> None:
        self._relist.start(0)

    def _on_project(self, *_: object) -> None:
        self._place = None
        self.marks.show_current(None)
        self.panel.show_current([], "")
        self.list_layers()
        self.pins.read_project()
