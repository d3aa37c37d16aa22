"""Which value of a plot is meant, and what it is in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qgis.PyQt.QtCore import QPointF

from .curves import Line
from .scale import Scale


def nearest(lines: Sequence[Line], scale: Scale, pixel: QPointF, within: float) -> tuple[int, int] | None:
    """Line and band of the value nearest to a pixel, None if none lies within so many pixels."""
    best, found = within, None
    for number, line in enumerate(lines):
        x, y = _pixels(line, scale)
        distance = np.hypot(x - pixel.x(), y - pixel.y())
        if np.isfinite(distance).any():
            band = int(np.nanargmin(distance))
            if distance[band] < best:
                best, found = float(distance[band]), (number, band)
    return found


def text_of(line: Line, band: int, unit: str, band_words: str) -> str:
    """A value in words: name, value, spread, wavelength in ``nm`` or ``um``, band (words with a {})."""
    value = f"{line.y[band]:.5g}"
    if line.spread is not None and np.isfinite(line.spread[band]):
        value += f" ± {line.spread[band]:.2g}"
    words = band_words.format(band + 1)
    if not line.curve.has_wavelengths:
        return f"{line.curve.name}: {value}, {words}"
    place = f"{line.x[band]:.1f} nm" if unit == "nm" else f"{line.x[band] / 1e3:.4f} µm"
    return f"{line.curve.name}: {value}, {place} ({words})"


def _pixels(line: Line, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    corner, other = scale.point(0.0, 0.0), scale.point(1.0, 1.0)
    x = corner.x() + line.x * (other.x() - corner.x())
    y = corner.y() + line.y * (other.y() - corner.y())
    return x, y
