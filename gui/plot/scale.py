"""From numbers to pixels and back, round numbers for the axes, and colours that can be seen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from qgis.PyQt.QtCore import QPointF, QRectF
from qgis.PyQt.QtGui import QColor

from .curves import Line

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_MARGIN = 0.05
_LEAST_SPAN = 1e-9
_CONTRAST = 3.0  # of WCAG for lines and marks

Range = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """What part of the plane is shown, and where on the widget."""

    x: Range
    y: Range
    frame: QRectF

    def point(self, x: float, y: float) -> QPointF:
        """Pixel of a place in the plane."""
        return QPointF(
            self.frame.left() + (x - self.x[0]) / (self.x[1] - self.x[0]) * self.frame.width(),
            self.frame.bottom() - (y - self.y[0]) / (self.y[1] - self.y[0]) * self.frame.height(),
        )

    def place(self, pixel: QPointF) -> tuple[float, float]:
        """Place in the plane of a pixel."""
        right = (pixel.x() - self.frame.left()) / max(self.frame.width(), 1.0)
        up = (self.frame.bottom() - pixel.y()) / max(self.frame.height(), 1.0)
        return self.x[0] + right * (self.x[1] - self.x[0]), self.y[0] + up * (self.y[1] - self.y[0])

    def zoomed(self, factor: float, about: tuple[float, float], x: bool = True, y: bool = True) -> Scale:
        """The scale with spans ``factor`` times as long on the chosen axes; ``about`` stays where it is."""
        return replace(
            self,
            x=_stretched(self.x, factor, about[0]) if x else self.x,
            y=_stretched(self.y, factor, about[1]) if y else self.y,
        )

    def moved(self, right: float, up: float) -> Scale:
        """The scale shifted by shares of its spans."""
        dx, dy = right * (self.x[1] - self.x[0]), up * (self.y[1] - self.y[0])
        return replace(self, x=(self.x[0] + dx, self.x[1] + dx), y=(self.y[0] + dy, self.y[1] + dy))


def whole_range(lines: Iterable[Line]) -> tuple[Range, Range]:
    """Ranges that hold all lines with their spreads and a margin; 400 to 2500 nm and 0 to 1 for none."""
    xs, ys = [], []
    for line in lines:
        shown = np.isfinite(line.x) & np.isfinite(line.y)
        if shown.any():
            spread = 0.0 if line.spread is None else np.nan_to_num(line.spread[shown])
            half = 0.0
            if line.curve.broad and line.curve.has_wavelengths and line.curve.fwhm_nm is not None:
                half = np.nan_to_num(line.curve.fwhm_nm[shown]) / 2
            xs += [(line.x[shown] - half).min(), (line.x[shown] + half).max()]
            ys += [(line.y[shown] - spread).min(), (line.y[shown] + spread).max()]
    if not xs:
        return (400.0, 2500.0), (0.0, 1.0)
    return _with_margin(min(xs), max(xs), 0.02), _with_margin(min(ys), max(ys), _MARGIN)


def ticks(span: Range, most: int) -> list[float]:
    """At most about ``most`` round numbers in a range."""
    length = span[1] - span[0]
    rough = length / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in _ROUND if power * digit >= rough * (1 - 1e-9))
    first, last = math.ceil(span[0] / step - 1e-9), math.floor(span[1] / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def tick_labels(values: list[float]) -> list[str]:
    """Numbers with as many decimals as tell them apart, in powers of ten where they are very small."""
    if len(values) < 2:
        return [f"{value:.4g}" for value in values]
    step = values[1] - values[0]
    if step < 1e-4:
        return [f"{round(value / step) * step:.2e}" if abs(value) > step / 2 else "0" for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, decimals) != step and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return [f"{value + 0.0:.{decimals}f}" for value in values]


def visible(colour: str, background: QColor) -> QColor:
    """The colour, darker or lighter until it stands out against the background."""
    seen = QColor(colour)
    dark = _luminance(background) < 0.2
    for _ in range(12):
        if contrast(seen, background) >= _CONTRAST:
            break
        seen = _blended(seen, QColor("white" if dark else "black"), 0.12)
    return seen


def _with_margin(low: float, high: float, share: float) -> Range:
    margin = (high - low) * share or max(abs(low), 1e-3) * 0.1
    return float(low - margin), float(high + margin)


def _stretched(span: Range, factor: float, about: float) -> Range:
    low, high = about + (span[0] - about) * factor, about + (span[1] - about) * factor
    return (low, high) if high - low > _LEAST_SPAN else span


def _blended(one: QColor, other: QColor, share: float) -> QColor:
    parts = zip(one.getRgb()[:3], other.getRgb()[:3])
    return QColor(*(round(a + share * (b - a)) for a, b in parts))


def _luminance(colour: QColor) -> float:
    """Relative luminance as WCAG defines it."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.getRgbF()[:3]
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: QColor, other: QColor) -> float:
    """Contrast of two colours as WCAG defines it, from 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
