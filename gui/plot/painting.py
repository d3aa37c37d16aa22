"""Drawing of axes, curves, legend and marks with QPainter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF, QTextOption

from .curves import Line
from .legend import SAMPLE, Entry, row_height
from .scale import Scale, tick_labels, ticks, visible

_SPREAD_ALPHA = 55
_GRID_ALPHA = 45
_POINT = 3.5
_PIXELS_PER_TICK = (75, 38)


class Painting:
    """One picture of the plot."""

    def __init__(self, painter: QPainter, scale: Scale, palette: QPalette) -> None:
        self.painter, self.scale = painter, scale
        self.background = palette.color(QPalette.ColorRole.Base)
        self.text = palette.color(QPalette.ColorRole.Text)
        self.outside = palette.color(QPalette.ColorRole.WindowText)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def axes(self, x_title: str, y_title: str, x_per_unit: float) -> None:
        """Grid, numbers and titles; ``x_per_unit`` numbers of the plane make one of the axis."""
        painter, frame = self.painter, self.scale.frame
        painter.fillRect(frame, self.background)
        x_range = (self.scale.x[0] / x_per_unit, self.scale.x[1] / x_per_unit)
        across = ticks(x_range, int(frame.width() // _PIXELS_PER_TICK[0]))
        upward = ticks(self.scale.y, int(frame.height() // _PIXELS_PER_TICK[1]))
        grid = QColor(self.text)
        grid.setAlpha(_GRID_ALPHA)
        height = painter.fontMetrics().height()
        for value, label in zip(across, tick_labels(across)):
            x = self.scale.point(value * x_per_unit, 0.0).x()
            self._line(grid, QPointF(x, frame.top()), QPointF(x, frame.bottom()))
            self._title(QRectF(x - 50, frame.bottom() + 3, 100, height), label)
        for value, label in zip(upward, tick_labels(upward)):
            y = self.scale.point(0.0, value).y()
            self._line(grid, QPointF(frame.left(), y), QPointF(frame.right(), y))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            self._title(QRectF(height + 4, y - height / 2, frame.left() - height - 9, height), label, right)
        painter.setPen(QPen(self.text, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame)
        self._title(QRectF(frame.left(), frame.bottom() + height + 4, frame.width(), height), x_title)
        painter.save()
        painter.translate(2, frame.bottom())
        painter.rotate(-90)
        self._title(QRectF(0, 0, frame.height(), height), y_title)
        painter.restore()

    def curves(self, lines: Sequence[Line]) -> None:
        """Spreads first, then lines and points, inside the frame."""
        self.painter.save()
        self.painter.setClipRect(self.scale.frame)
        for line in lines:
            if line.spread is not None:
                self._spread(line, line.spread)
        for line in lines:
            self._line_of(line)
            if line.curve.broad:
                self._points(line)
        self.painter.restore()

    def legend(self, entries: Sequence[Entry]) -> None:
        """Names below the title of the axis, each with a piece of its line."""
        metrics = self.painter.fontMetrics()
        height, top = row_height(metrics), self.scale.frame.bottom() + 2 * metrics.height() + 5
        left_aligned = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for entry in entries:
            y = top + entry.row * height
            if entry.line is not None:
                self._sample_of(entry.line, QPointF(entry.left, y + height / 2))
            self._title(QRectF(entry.name_left, y, entry.width + 4, height), entry.name, left_aligned)

    def cursor(self, line: Line, band: int) -> None:
        """A ring around the value that is read out, and a line down to the axis."""
        at = self.scale.point(line.x[band], line.y[band])
        frame = self.scale.frame
        self.painter.setPen(QPen(self.text, 1, Qt.PenStyle.DotLine))
        self.painter.drawLine(QPointF(at.x(), frame.top()), QPointF(at.x(), frame.bottom()))
        self.painter.setPen(QPen(self.text, 1.5))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawEllipse(at, _POINT + 2, _POINT + 2)

    def message(self, text: str) -> None:
        """Words in the middle, where there is nothing else to see."""
        self._words(self.scale.frame.adjusted(20, 20, -20, -20), text)

    def focus(self, palette: QPalette) -> None:
        """The frame in the colour of what the keyboard acts on."""
        self.painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 2))
        self.painter.setBrush(Qt.BrushStyle.NoBrush)
        self.painter.drawRect(self.scale.frame)

    def _colour(self, line: Line) -> QColor:
        return visible(line.curve.colour, self.background)

    def _pen(self, line: Line) -> QPen:
        style = Qt.PenStyle.DashLine if line.curve.dashed else Qt.PenStyle.SolidLine
        width = 2.2 if line.curve.thick else 1.4
        return QPen(self._colour(line), width * (0.6 if line.curve.broad else 1.0), style)

    def _line(self, colour: QColor, start: QPointF, end: QPointF) -> None:
        self.painter.setPen(QPen(colour, 1))
        self.painter.drawLine(start, end)

    def _words(
        self, room: QRectF, text: str, alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignCenter
    ) -> None:
        """Words inside the frame."""
        self.painter.setPen(self.text)
        self.painter.drawText(room, text, QTextOption(alignment))

    def _title(
        self, room: QRectF, text: str, alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignCenter
    ) -> None:
        """Words outside the frame."""
        option = QTextOption(alignment)
        option.setWrapMode(QTextOption.WrapMode.NoWrap)
        self.painter.setPen(self.outside)
        self.painter.drawText(room, text, option)

    def _polygon(self, x: np.ndarray, y: np.ndarray) -> QPolygonF:
        return QPolygonF([self.scale.point(float(a), float(b)) for a, b in zip(x, y)])

    def _line_of(self, line: Line) -> None:
        """The line, broken at gaps; a value between two gaps is a dot."""
        self.painter.setPen(self._pen(line))
        for run in line.stretches():
            if len(run) > 1:
                self.painter.drawPolyline(self._polygon(line.x[run], line.y[run]))
            elif not line.curve.broad:
                self.painter.setBrush(self._colour(line))
                self.painter.drawEllipse(self.scale.point(line.x[run[0]], line.y[run[0]]), 1.5, 1.5)

    def _spread(self, line: Line, spread: np.ndarray) -> None:
        """The band between the curve less and plus its spread; bars at the points of broad bands."""
        colour = self._colour(line)
        if line.curve.broad:
            self.painter.setPen(QPen(colour, 1.2))
            for band in np.flatnonzero(np.isfinite(line.y) & np.isfinite(line.x) & np.isfinite(spread)):
                low, high = line.y[band] - spread[band], line.y[band] + spread[band]
                self.painter.drawLine(
                    self.scale.point(line.x[band], low), self.scale.point(line.x[band], high)
                )
            return
        colour.setAlpha(_SPREAD_ALPHA)
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(colour)
        for run in line.stretches():
            known = run[np.isfinite(spread[run])]
            x, y, half = line.x[known], line.y[known], spread[known]
            self.painter.drawPolygon(
                self._polygon(np.concatenate([x, x[::-1]]), np.concatenate([y - half, (y + half)[::-1]]))
            )

    def _points(self, line: Line) -> None:
        """Points with the bands' widths as horizontal bars."""
        colour, widths = self._colour(line), line.curve.fwhm_nm
        has_widths = widths is not None and line.curve.has_wavelengths
        for band in np.flatnonzero(np.isfinite(line.x) & np.isfinite(line.y)):
            x, y = line.x[band], line.y[band]
            self.painter.setPen(QPen(colour, 2))
            if has_widths and np.isfinite(widths[band]):
                half = widths[band] / 2
                self.painter.drawLine(self.scale.point(x - half, y), self.scale.point(x + half, y))
            self.painter.setPen(QPen(self.background, 1))
            self.painter.setBrush(colour)
            self.painter.drawEllipse(self.scale.point(x, y), _POINT, _POINT)

    def _sample_of(self, line: Line, left: QPointF) -> None:
        """A piece of the curve for the legend."""
        right = QPointF(left.x() + SAMPLE, left.y())
        self.painter.setPen(self._pen(line))
        self.painter.drawLine(left, right)
        if line.curve.broad:
            self.painter.setPen(Qt.PenStyle.NoPen)
            self.painter.setBrush(self._colour(line))
            self.painter.drawEllipse(QPointF((left.x() + right.x()) / 2, left.y()), _POINT, _POINT)
