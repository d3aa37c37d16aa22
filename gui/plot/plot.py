"""The plot as a widget: zoom, pan, readout and dropped files, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from qgis.PyQt.QtWidgets import QSizePolicy, QWidget

from .curves import CONTINUUM, DERIVATIVE, VALUES, Curve, Line, line_of
from .legend import Entry, entries_of, height_of
from .painting import Painting
from .readout import nearest, text_of
from .scale import Scale, whole_range

NM, UM = "nm", "um"
_PER_UNIT = {NM: 1.0, UM: 1e3}
_WHEEL, _KEY = 1.2, 1.25
_PAN = 0.1
_NEAR = 25.0  # pixels from the pointer to the value that is read out


class SpectrumPlot(QWidget):
    """Spectra over wavelength.

    Drag to pan, turn the wheel to zoom (with Ctrl only upwards, with Shift only sideways), double-click to
    see everything. Keys: arrows walk along the curves, with Shift they pan, ``+`` and ``-`` zoom, Home shows
    everything.
    """

    read_out = pyqtSignal(str)
    files_dropped = pyqtSignal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view, self.unit = VALUES, NM
        self.with_legend = True
        self.message = ""
        self.value_name = self.tr("Reflectance")
        self.lines: list[Line] = []
        self._curves: list[Curve] = []
        self._zoomed: Scale | None = None
        self._cursor: tuple[int, int] | None = None  # line and band
        self._dragged: QPointF | None = None
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Plot of spectra"))

    def sizeHint(self) -> QSize:
        """A size at which the axes can be read."""
        return QSize(520, 300)

    def minimumSizeHint(self) -> QSize:
        """The least size."""
        return QSize(240, 150)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Show these curves in place of others; the zoom stays."""
        self._curves = list(curves)
        shown = [curve for curve in curves if curve.has_wavelengths] or list(curves)
        self.lines = [line_of(curve, self.view) for curve in shown]
        self._keep_cursor()
        self.update()

    @property
    def curves(self) -> list[Curve]:
        """The curves that are shown."""
        return [line.curve for line in self.lines]

    @property
    def left_out(self) -> list[Curve]:
        """Curves without wavelengths, which have no place beside those that have some."""
        shown = self.curves
        return [curve for curve in self._curves if curve not in shown]

    def show_view(self, view: str) -> None:
        """Look at the curves as one of :data:`.VIEWS`."""
        self.view = view
        self._zoomed = None
        self.show_curves(self._curves)

    def show_unit(self, unit: str) -> None:
        """Number the axis in ``nm`` or ``um``."""
        self.unit = unit
        self._tell()
        self.update()

    def show_legend(self, shown: bool) -> None:
        """Show or hide the legend."""
        self.with_legend = shown
        self.update()

    def show_message(self, message: str) -> None:
        """Say something where there is no curve."""
        self.message = message
        self.update()

    def show_all(self) -> None:
        """Zoom so that everything is seen."""
        self._zoomed = None
        self.update()

    @property
    def scale(self) -> Scale:
        """What is shown, and where on the widget."""
        frame = self._frame()
        if self._zoomed is None:
            return Scale(*whole_range(self.lines), frame)
        return Scale(self._zoomed.x, self._zoomed.y, frame)

    @property
    def legend(self) -> list[Entry]:
        """The entries of the legend, none while it is hidden."""
        lines = self.lines if self.with_legend else []
        return entries_of(lines, self.fontMetrics(), self.size(), self.tr("and {} more"))

    def zoom(self, factor: float, about: QPointF | None = None, x: bool = True, y: bool = True) -> None:
        """Stretch what is shown by a factor (below 1: closer), about a pixel or the middle."""
        scale = self.scale
        place = scale.place(scale.frame.center() if about is None else about)
        self._zoomed = scale.zoomed(factor, place, x, y)
        self.update()

    def pan(self, right: float, up: float) -> None:
        """Move what is shown by shares of its width and height."""
        self._zoomed = self.scale.moved(right, up)
        self.update()

    def step(self, bands: int, lines: int) -> None:
        """Walk the readout along the bands of a curve, or to another curve at about the same place."""
        if not self.lines:
            return
        if self._cursor is None:
            self._set_cursor(0, self._walkable(0)[:1])
            return
        line, band = self._cursor
        if lines:
            x = self.lines[line].x[band]
            line = (line + lines) % len(self.lines)
            walkable = self._walkable(line)
            self._set_cursor(line, walkable[np.abs(self.lines[line].x[walkable] - x).argsort()[:1]])
            return
        walkable = self._walkable(line)
        at = int(np.flatnonzero(walkable == band)[0]) + bands
        self._set_cursor(line, walkable[max(0, min(at, len(walkable) - 1)) :][:1])

    def cursor_text(self) -> str:
        """What is read out; empty when nothing is."""
        if self._cursor is None:
            return ""
        line, band = self._cursor
        return text_of(self.lines[line], band, self.unit, self.tr("band {}"))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw everything."""
        painter = QPainter(self)
        painting = Painting(painter, self.scale, self.palette())
        x_title, per_unit = self._x_axis()
        painting.axes(x_title, self._y_title(), per_unit)
        painting.curves(self.lines)
        painting.legend(self.legend)
        if self._cursor is not None:
            painting.cursor(self.lines[self._cursor[0]], self._cursor[1])
        if not self.lines and self.message:
            painting.message(self.message)
        if self.hasFocus():
            painting.focus(self.palette())
        painter.end()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        turned = event.angleDelta().y() or event.angleDelta().x()
        keys = event.modifiers()
        only_y = bool(keys & Qt.KeyboardModifier.ControlModifier)
        only_x = bool(keys & Qt.KeyboardModifier.ShiftModifier)
        if turned:
            self.zoom(_WHEEL ** (-turned / 120), QPointF(event.position()), x=not only_y, y=not only_x)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Start to pan."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = _position(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or read out the nearest value."""
        at = _position(event)
        if self._dragged is not None and event.buttons() & Qt.MouseButton.LeftButton:
            frame, moved = self._frame(), at - self._dragged
            self.pan(-moved.x() / frame.width(), moved.y() / frame.height())
            self._dragged = at
            return
        self._cursor = nearest(self.lines, self.scale, at, _NEAR)
        self._tell()
        self.update()

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Pan no more."""
        self._dragged = None

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """See everything."""
        self.show_all()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, pan and zoom."""
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        arrows = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, 1),
            Qt.Key.Key_Down: (0, -1),
        }
        if key in arrows and shift:
            self.pan(_PAN * arrows[key][0], _PAN * arrows[key][1])
        elif key in arrows:
            self.step(arrows[key][0], -arrows[key][1])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(1 / _KEY)
        elif key == Qt.Key.Key_Minus:
            self.zoom(_KEY)
        elif key == Qt.Key.Key_Home:
            self.show_all()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Hand on the paths of dropped files."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(paths)

    def _frame(self) -> QRectF:
        metrics = self.fontMetrics()
        left = metrics.height() + metrics.horizontalAdvance("-0.0000") + 10
        below = 2 * metrics.height() + 8 + height_of(self.legend, metrics)
        size = max(self.width() - left - 10, 10), max(self.height() - below - 8, 10)
        return QRectF(left, 8, *size)

    def _x_axis(self) -> tuple[str, float]:
        if self.lines and not self.lines[0].curve.has_wavelengths:
            return self.tr("Band"), 1.0
        titles = {NM: self.tr("Wavelength (nm)"), UM: self.tr("Wavelength (µm)")}
        return titles[self.unit], _PER_UNIT[self.unit]

    def _y_title(self) -> str:
        titles = {
            VALUES: self.value_name,
            CONTINUUM: self.tr("Continuum removed"),
            DERIVATIVE: self.tr("Derivative (per nm)"),
        }
        return titles[self.view]

    def _walkable(self, line: int) -> np.ndarray:
        """Numbers of the bands that have a value, in the order of wavelength."""
        runs = self.lines[line].stretches()
        return np.concatenate(runs) if runs else np.array([], dtype=int)

    def _set_cursor(self, line: int, bands: np.ndarray) -> None:
        if len(bands):
            self._cursor = (line, int(bands[0]))
            self._tell()
            self.update()

    def _keep_cursor(self) -> None:
        """Leave the readout where it is if there is still a value."""
        if self._cursor is not None:
            line, band = self._cursor
            if line >= len(self.lines) or band not in self._walkable(line):
                self._cursor = None
            self._tell()

    def _tell(self) -> None:
        text = self.cursor_text()
        self.setAccessibleDescription(text)
        self.read_out.emit(text)


def _position(event: QMouseEvent) -> QPointF:
    """Where the mouse is: Qt 5 and 6 name it differently."""
    return event.position() if hasattr(event, "position") else event.localPos()
