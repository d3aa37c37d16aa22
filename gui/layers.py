"""Raster layers of a project as the dock sees them, and their spectra at a place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsMapLayer,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..core.errors import HyperLiftError, RasterError
from ..core.raster.gdal_points import SpectrumSource
from ..core.raster.samples import Sample, uncertainty_file
from ..core.spectral.grids import FloatArray

FEWEST_BANDS = 4
UNCERTAINTY = "hyperlift/uncertainty"  # custom property: id of a layer or path of a raster
_PROPERTY_PREFIXES = ("QGISPAM/band/", "hyperlift/")
_PROPERTIES = ("wavelength", "wavelength_unit", "wavelength_units", "fwhm", "bbl")
_EDGE_POINTS = 16  # along each side of a rectangle that is brought into another CRS

Point = tuple[float, float]
Outline = tuple[Point, ...]


@dataclass(frozen=True)
class LayerSource:
    """What the background needs of a layer to read it: nothing here belongs to QGIS.

    Attributes:
        key: id of the layer.
        name: for people.
        path: what GDAL opens.
        properties: custom properties that say something of the bands.
        uncertainty: raster with the uncertainties of the bands, empty where none is named.
        problem: why the one that is named cannot be used.
    """

    key: str
    name: str
    path: str
    properties: tuple[tuple[str, object], ...] = ()
    uncertainty: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Question:
    """A layer and the place in its CRS to read: a point, or the outline of an area; or why there is none."""

    source: LayerSource
    place: Point | Outline | None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a layer holds at the place: a sample, None outside of it or where it cannot be read.

    Attributes:
        source: the layer.
        sample: what it holds.
        problem: why there is no sample.
        note: what else is to be said of it.
    """

    source: LayerSource
    sample: Sample | None
    problem: str = ""
    note: str = ""


def spectral_layers(project: QgsProject) -> list[QgsRasterLayer]:
    """The rasters of a project that have spectra, as they are ordered in its tree."""
    nodes = project.layerTreeRoot().findLayers()
    layers = [node.layer() for node in nodes]
    return [
        layer
        for layer in layers
        if isinstance(layer, QgsRasterLayer) and layer.isValid() and layer.bandCount() >= FEWEST_BANDS
    ]


def source_of(layer: QgsRasterLayer, project: QgsProject) -> LayerSource:
    """What to read a layer by.

    Raises:
        RasterError: it is no raster that GDAL opens.
    """
    path = _path_of(layer)
    keys = [
        key for key in layer.customPropertyKeys() if key in _PROPERTIES or key.startswith(_PROPERTY_PREFIXES)
    ]
    properties = tuple((key, _plain(layer.customProperty(key))) for key in sorted(keys))
    named = str(layer.customProperty(UNCERTAINTY) or "")
    other = project.mapLayer(named) if named else None
    source = LayerSource(layer.id(), layer.name(), path, properties)
    try:
        return replace(source, uncertainty=named if other is None else _path_of(other))
    except RasterError as error:
        return replace(source, problem=str(error))


def question_of(
    layer: QgsRasterLayer,
    place: QgsPointXY | QgsRectangle,
    crs: QgsCoordinateReferenceSystem,
    project: QgsProject,
) -> Question:
    """A layer with a place of the map brought into its CRS; must be asked in the main thread."""
    try:
        source = source_of(layer, project)
    except RasterError as error:
        return Question(LayerSource(layer.id(), layer.name(), ""), None, str(error))
    transform = QgsCoordinateTransform(crs, layer.crs(), project.transformContext())
    points = [place] if isinstance(place, QgsPointXY) else _outline(place)
    try:
        moved = [transform.transform(point) for point in points]
    except QgsCsException:
        words = _tr("'{}' does not reach here: the place is not in its CRS.")
        return Question(source, None, words.format(layer.name()))
    pairs = tuple((point.x(), point.y()) for point in moved)
    return Question(source, pairs[0] if isinstance(place, QgsPointXY) else pairs)


class OpenSources:
    """Rasters that were read before stay open, with what is known of their bands. For one thread.

    A raster is opened again when its file or the layer's properties have changed.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, object], tuple[object, SpectrumSource]] = {}

    def opened(self, path: str, properties: tuple[tuple[str, object], ...] = ()) -> SpectrumSource:
        """The raster at a path.

        Raises:
            RasterError: it cannot be opened.
        """
        key, stamp = (path, repr(properties)), _stamp(path)
        known = self._open.get(key)
        if known is not None and known[0] == stamp:
            return known[1]
        if known is not None:
            self._open.pop(key)[1].close()
        source = SpectrumSource(path, dict(properties))
        self._open[key] = (stamp, source)
        return source

    def keep_only(self, paths: set[str]) -> None:
        """Close all other rasters, so that they can be written or removed."""
        for key in [key for key in self._open if key[0] not in paths]:
            self._open.pop(key)[1].close()

    def answer(self, question: Question) -> Answer:
        """Read a layer at a place; problems become sentences."""
        if question.place is None:
            return Answer(question.source, None, question.problem)
        try:
            return self._read(question.source, question.place)
        except (HyperLiftError, OSError) as error:
            return Answer(question.source, None, str(error))

    def prepare(self, source: LayerSource) -> None:
        """Open a raster before it is asked for; problems are told when it is."""
        try:
            self.opened(source.path, source.properties)
        except (HyperLiftError, OSError):
            return

    def _read(self, source: LayerSource, place: Point | Outline) -> Answer:
        raster = self.opened(source.path, source.properties)
        if isinstance(place[0], tuple):
            return Answer(source, raster.area(place))
        pixel = raster.pixel_at(*place)
        if pixel is None:
            return Answer(source, None)
        sample = raster.pixel(*pixel)
        try:
            return Answer(source, replace(sample, uncertainty=self._uncertainty(source, raster, place)))
        except (HyperLiftError, OSError) as error:
            words = _tr("{} is shown without its uncertainty. {}")
            return Answer(source, sample, note=words.format(source.name, error))

    def _uncertainty(self, source: LayerSource, raster: SpectrumSource, place: Point) -> FloatArray | None:
        """Uncertainties ``(C,)`` of a pixel's values, None where no raster holds them.

        Raises:
            RasterError: the raster that holds them cannot be read or does not fit.
        """
        if source.problem:
            raise RasterError(source.problem)
        path = source.uncertainty or uncertainty_file(raster)
        if not path:
            return None
        other = self.opened(path)
        if len(other.bands) != len(raster.bands):
            words = _tr("'{}' has {} bands and the layer {}; choose one with an uncertainty for each band.")
            raise RasterError(words.format(other.name, len(other.bands), len(raster.bands)))
        at = other.pixel_at(*place)
        if at is None:
            raise RasterError(_tr("'{}' does not reach here.").format(other.name))
        return other.pixel(*at).values


def sentence_of(answers: Sequence[Answer], words: dict[str, str]) -> str:
    """What is to be said of the layers at a place: where there is nodata, what could not be read.

    Args:
        answers: of the layers.
        words: sentences ``outside``, ``nodata``, ``some``, ``pixels`` with places for names and numbers.
    """
    parts = []
    for answer in answers:
        sample, name = answer.sample, answer.source.name
        if answer.problem:
            parts.append(answer.problem)
        elif sample is None:
            parts.append(words["outside"].format(name))
        elif not sample.valid:
            parts.append(words["nodata"].format(name))
        else:
            missing = int(np.isnan(sample.stored).sum())
            if missing:
                parts.append(words["some"].format(name, missing, len(sample.stored)))
            if sample.pixels > 1:
                parts.append(words["pixels"].format(name, sample.valid, sample.pixels))
            parts += [*sample.bands.notes, *filter(None, [answer.note])]
    return " ".join(parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SpectrumLayers", text)


def _path_of(layer: QgsMapLayer) -> str:
    """What GDAL opens to read a layer.

    Raises:
        RasterError: it is no raster that GDAL opens.
    """
    if layer.providerType() != "gdal":
        words = _tr(
            "'{}' comes from the provider '{}' and has no spectra that can be read; export it to a GeoTIFF "
            "(Export > Save As...)."
        )
        raise RasterError(words.format(layer.name(), layer.providerType()))
    return layer.source().split("|option:")[0]


def _outline(rectangle: QgsRectangle) -> list[QgsPointXY]:
    """Points along the sides of a rectangle, whose straight sides another CRS bends."""
    corners = [
        (rectangle.xMinimum(), rectangle.yMinimum()),
        (rectangle.xMaximum(), rectangle.yMinimum()),
        (rectangle.xMaximum(), rectangle.yMaximum()),
        (rectangle.xMinimum(), rectangle.yMaximum()),
    ]
    points = []
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]]):
        for share in np.arange(_EDGE_POINTS) / _EDGE_POINTS:
            points.append(QgsPointXY(x1 + share * (x2 - x1), y1 + share * (y2 - y1)))
    return points


def _plain(value: object) -> object:
    """A property as it can be compared and handed to another thread."""
    return tuple(str(entry) for entry in value) if isinstance(value, (list, tuple)) else str(value)


def _stamp(path: str) -> object:
    """What changes when a file does; None for what is no file."""
    try:
        state = os.stat(Path(path))
    except (OSError, ValueError):
        return None
    return state.st_mtime_ns, state.st_size
