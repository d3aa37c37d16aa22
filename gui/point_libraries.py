"""Spectral libraries as points of a GeoPackage: a feature for each pin, its spectrum in fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)

from ..core.errors import SpectralError
from ..core.spectral.library import SpectralLibrary
from ..core.spectral.matching import joined
from .panel.spectra import Pin

_LISTS = ("wavelength_nm", "fwhm_nm", "values")
# As the memory provider reads it: classes for the types of fields differ between versions of Qt.
_FIELDS = (
    "NoGeometry?field=name:string&field=layer:string&field=colour:string"
    "&field=wavelength_nm:string&field=fwhm_nm:string&field=values:string"
)


def write_points(path: str, pins: Sequence[Pin], context: QgsCoordinateTransformContext) -> None:
    """Write a point for each spectrum of each pin, in the CRS of the first pin; lists of numbers are JSON.

    Raises:
        SpectralError: there are no pins, or the file cannot be written.
    """
    if not pins:
        raise SpectralError("There are no pins to export; pin some spectra first.")
    crs = QgsCoordinateReferenceSystem(pins[0].crs)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "spectra"
    fields = QgsVectorLayer(_FIELDS, "", "memory").fields()
    point = QgsWkbTypes.Type.Point
    writer = QgsVectorFileWriter.create(path, fields, point, crs, context, options)
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
    del writer
    if message:
        raise SpectralError(
            f"The points '{path}' could not be written ({message}); choose a folder that can be written to."
        )


def read_points(path: str) -> SpectralLibrary:
    """Read a library that :func:`write_points` wrote; of pins with several spectra the names tell the layer.

    Raises:
        SpectralError: the file holds no such points.
    """
    layer = QgsVectorLayer(f"{path}|layername=spectra", Path(path).stem, "ogr")
    names = layer.fields().names() if layer.isValid() else []
    if not {"name", *_LISTS} <= set(names):
        raise SpectralError(
            f"The GeoPackage '{path}' holds no layer 'spectra' with the fields name, {', '.join(_LISTS)}; "
            "choose one that was exported here."
        )
    rows = [[feature[key] for key in ("name", "layer", *_LISTS)] for feature in layer.getFeatures()]
    titles = [row[0] for row in rows]
    parts = []
    for name, source, centres, widths, values in rows:
        title = name if titles.count(name) == 1 else f"{name} ({source})"
        wavelength, fwhm = _numbers(centres), _numbers(widths)
        parts.append((title, _numbers(values), wavelength, fwhm if wavelength is not None else None))
    return joined(parts)


def _text(values: np.ndarray | None) -> str:
    plain = [] if values is None else [float(value) if np.isfinite(value) else None for value in values]
    return json.dumps(plain)


def _numbers(text: str) -> np.ndarray | None:
    values = np.array(json.loads(text or "[]"), dtype=np.float64)
    return values if len(values) else None
