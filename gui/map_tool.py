"""The map tool of the dock: click for a pixel, drag for an area, move to follow."""

from __future__ import annotations

from qgis.core import QgsGeometry, QgsPointXY, QgsRectangle
from qgis.gui import QgsMapCanvas, QgsMapMouseEvent, QgsMapTool, QgsRubberBand
from qgis.PyQt.QtCore import QPoint, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QApplication

_FILL = QColor(31, 119, 180, 50)
_EDGE = QColor(31, 119, 180, 220)


class SpectrumMapTool(QgsMapTool):
    """Tells where the user points, in the CRS of the canvas."""

    clicked = pyqtSignal(QgsPointXY)
    dragged = pyqtSignal(QgsRectangle)
    hovered = pyqtSignal(QgsPointXY)

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self._pressed: QPoint | None = None
        self._band: QgsRubberBand | None = None
        self.setCursor(Qt.CursorShape.CrossCursor)

    def canvasPressEvent(self, event: QgsMapMouseEvent) -> None:
        """Remember where it began."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.pos()

    def canvasMoveEvent(self, event: QgsMapMouseEvent) -> None:
        """Draw the rectangle, or tell where the pointer is."""
        if self._pressed is None:
            self.hovered.emit(self.toMapCoordinates(event.pos()))
        elif self._far(event.pos()):
            self._draw(self._rectangle(event.pos()))

    def canvasReleaseEvent(self, event: QgsMapMouseEvent) -> None:
        """Tell what was clicked or dragged."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed is None:
            return
        far, rectangle = self._far(event.pos()), self._rectangle(event.pos())
        self._pressed = None
        self._clear()
        if far:
            self.dragged.emit(rectangle)
        else:
            self.clicked.emit(self.toMapCoordinates(event.pos()))

    def keyPressEvent(self, event: object) -> None:
        """Escape gives up a rectangle."""
        if event.key() == Qt.Key.Key_Escape and self._pressed is not None:
            self._pressed = None
            self._clear()
            event.ignore()

    def deactivate(self) -> None:
        """Leave nothing on the canvas."""
        self._pressed = None
        self._clear()
        super().deactivate()

    def _far(self, position: QPoint) -> bool:
        return (position - self._pressed).manhattanLength() >= QApplication.startDragDistance()

    def _rectangle(self, position: QPoint) -> QgsRectangle:
        return QgsRectangle(self.toMapCoordinates(self._pressed), self.toMapCoordinates(position))

    def _draw(self, rectangle: QgsRectangle) -> None:
        if self._band is None:
            self._band = QgsRubberBand(self.canvas())
            self._band.setFillColor(_FILL)
            self._band.setStrokeColor(_EDGE)
        self._band.setToGeometry(QgsGeometry.fromRect(rectangle))

    def _clear(self) -> None:
        if self._band is not None:
            self.canvas().scene().removeItem(self._band)
            self._band = None
