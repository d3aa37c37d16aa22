"""Spectral libraries as points of a GeoPackage: a feature for each pin, its spectrum in fields."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from ..core.errors import SpectralError
from ..core.spectral.library import SpectralLibrary
from ..core.spectral.matching import joined
from .panel.spectra import Pin

_LISTS = ("wavelength_nm", "fwhm_nm", "values")
# As the memory provider reads it: classes for the types of fields differ between versions of Qt. Length 0 is
# any length.
_FIELDS = "NoGeometry?" + "&".join(f"field={name}:string(0)" for name in ("name", "layer", "colour", *_LISTS))


def write_points(path: str, pins: Sequence[Pin], context: QgsCoordinateTransformContext) -> None:
    """Write a point for each spectrum of each pin, in the CRS of the first pin; lists of numbers are JSON.

    Raises:
        SpectralError: there are no pins, or the file cannot be written.
    """
    if not pins:
        raise SpectralError(_tr("There are no pins to export; pin some spectra first."))
    unfinished = f"{path}.{uuid.uuid4().hex[:8]}.partial.gpkg"
    try:
        message = _write(unfinished, pins, context)
        if not message:
            os.replace(unfinished, path)
    except (OSError, QgsCsException) as error:
        message = str(error)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    if message:
        words = _tr("The points '{}' could not be written ({}); choose a folder that can be written to.")
        raise SpectralError(words.format(path, message))


def read_points(path: str) -> list[tuple[str, SpectralLibrary]]:
    """Read what :func:`write_points` wrote: a library for each layer that spectra are of, with its title.

    Spectra of one layer on different channels come on those of the first.

    Raises:
        SpectralError: the file holds no such points.
    """
    layer = QgsVectorLayer(f"{path}|layername=spectra", Path(path).stem, "ogr")
    names = layer.fields().names() if layer.isValid() else []
    if not {"name", "layer", *_LISTS} <= set(names):
        words = _tr(
            "The GeoPackage '{}' holds no layer 'spectra' with the fields name, layer, {}; choose one that "
            "was exported here."
        )
        raise SpectralError(words.format(path, ", ".join(_LISTS)))
    parts: dict[str, list[tuple]] = {}
    for feature in layer.getFeatures():
        wavelength, fwhm, values = (_numbers(feature[key]) for key in _LISTS)
        group = parts.setdefault(feature["layer"], [])
        group.append((feature["name"], values, wavelength, fwhm if wavelength is not None else None))
    title = Path(path).name
    return [(f"{title}: {name}" if len(parts) > 1 else title, joined(group)) for name, group in parts.items()]


def _write(path: str, pins: Sequence[Pin], context: QgsCoordinateTransformContext) -> str:
    """Write the points; gives what went wrong, or nothing."""
    crs = QgsCoordinateReferenceSystem(pins[0].crs)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "spectra"
    fields = QgsVectorLayer(_FIELDS, "", "memory").fields()
    writer = QgsVectorFileWriter.create(path, fields, QgsWkbTypes.Type.Point, crs, context, options)
    for pin in pins:
        own = QgsCoordinateReferenceSystem(pin.crs)
        place = QgsCoordinateTransform(own, crs, context).transform(QgsPointXY(pin.x, pin.y))
        for spectrum in pin.spectra:
            feature = QgsFeature(fields)
            feature.setGeometry(QgsGeometry.fromPointXY(place))
            lists = [_text(getattr(spectrum, key)) for key in _LISTS]
            feature.setAttributes([pin.name, spectrum.name, pin.colour, *lists])
            writer.addFeature(feature)
    message = writer.errorMessage()
    del writer  # closes the file
    return message


def _tr(text: str) -> str:
    return QCoreApplication.translate("PointLibraries", text)


def _text(values: np.ndarray | None) -> str:
    plain = [] if values is None else [float(value) if np.isfinite(value) else None for value in values]
    return json.dumps(plain)


def _numbers(text: str) -> np.ndarray | None:
    values = np.array(json.loads(text or "[]"), dtype=np.float64)
    return values if len(values) else None
