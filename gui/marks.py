"""Marks on the map: the current place and the pins with their names and colours."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsPointXY,
    QgsProject,
)
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from qgis.PyQt.QtWidgets import QApplication, QStyleOptionGraphicsItem, QWidget

from .panel.spectra import Pin

_RADIUS = 5.0
_HALO = 3.0
_CURRENT = "#202020"  # neutral, for pins and curves have the colours


class Mark(QgsMapCanvasItem):
    """A disc with a name beside it, or a cross without one; readable on any map by its halo."""

    def __init__(self, canvas: QgsMapCanvas, place: QgsPointXY, name: str, colour: str) -> None:
        super().__init__(canvas)
        self.place, self.name, self.colour = place, name, colour
        self.setZValue(100)
        self.updatePosition()
        self.show()

    def updatePosition(self) -> None:
        """Follow the map."""
        self.setPos(self.toCanvasCoordinates(self.place))

    def boundingRect(self) -> QRectF:
        """What the mark covers, around its place."""
        metrics = QFontMetricsF(QApplication.font())
        width = metrics.horizontalAdvance(self.name) + 2 * _RADIUS + 8
        height = max(metrics.height(), 2 * _RADIUS) + 2 * _HALO
        return QRectF(-_RADIUS - 8, -height / 2 - 8, width + _RADIUS + 16, height + 16)

    def paint(
        self,
        painter: QPainter,
        _option: QStyleOptionGraphicsItem | None = None,
        _widget: QWidget | None = None,
    ) -> None:
        """Draw it."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        if self.name:
            shape.addEllipse(QPointF(0, 0), _RADIUS, _RADIUS)
            metrics = QFontMetricsF(QApplication.font())
            words = QPainterPath()
            middle = (metrics.ascent() - metrics.descent()) / 2
            words.addText(QPointF(_RADIUS + 4, middle), QApplication.font(), self.name)
            painter.setPen(QPen(QColor("white"), _HALO))
            painter.drawPath(words)
            painter.fillPath(words, QColor("black"))
        else:
            for x, y in ((8, 0), (0, 8)):
                shape.moveTo(-x, -y)
                shape.lineTo(x, y)
        painter.setPen(QPen(QColor("white"), 2 + _HALO))
        painter.drawPath(shape)
        painter.setPen(QPen(QColor(self.colour), 2))
        painter.setBrush(QColor(self.colour) if self.name else Qt.BrushStyle.NoBrush)
        painter.drawPath(shape)


class Marks:
    """The marks of the dock on a canvas."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        self._canvas = canvas
        self._current: Mark | None = None
        self._pins: list[Mark] = []

    def show_current(self, place: QgsPointXY | None) -> None:
        """Mark the place whose spectra are shown."""
        self._remove([self._current] if self._current else [])
        self._current = None if place is None else Mark(self._canvas, place, "", _CURRENT)

    def show_pins(self, pins: Sequence[Pin], project: QgsProject) -> None:
        """Mark the pins; those whose CRS does not reach the map have no mark."""
        self._remove(self._pins)
        self._pins = []
        for pin in pins:
            crs = QgsCoordinateReferenceSystem(pin.crs)
            transform = QgsCoordinateTransform(
                crs, self._canvas.mapSettings().destinationCrs(), project.transformContext()
            )
            try:
                place = transform.transform(QgsPointXY(pin.x, pin.y))
            except QgsCsException:
                continue
            self._pins.append(Mark(self._canvas, place, pin.name, pin.colour))

    @property
    def pins(self) -> list[Mark]:
        """The marks of the pins."""
        return list(self._pins)

    def clear(self) -> None:
        """Take all marks away."""
        self.show_current(None)
        self._remove(self._pins)
        self._pins = []

    def _remove(self, marks: Sequence[Mark]) -> None:
        for mark in marks:
            self._canvas.scene().removeItem(mark)
