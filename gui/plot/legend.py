"""Where the names of the legend go: in rows below the axes, where they hide nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QFontMetrics

from .curves import Line

SAMPLE = 22  # pixels, of the piece of a line beside its name
_LEFT, _BESIDE_SAMPLE, _BESIDE_NAME = 6, 5, 14
_ROWS_SHARE = 0.25  # of the widget's height


@dataclass(frozen=True)
class Entry:
    """A name in the legend.

    Attributes:
        name: as it is written, shortened where it is long.
        line: that it stands for, None for the words that say how many find no room.
        left: pixels from the edge of the widget.
        row: from 0.
        width: of the name in pixels.
    """

    name: str
    line: Line | None
    left: int
    row: int
    width: int

    @property
    def name_left(self) -> int:
        """Where the name begins, beside the piece of the line if it has one."""
        return self.left + _before_name(self.line)


def entries_of(lines: Sequence[Line], metrics: QFontMetrics, widget: QSize, more: str) -> list[Entry]:
    """Entries for lines on a widget of a size: libraries first, then one for each layer and each pin.

    ``more`` says how many find no room, with a ``{}``.
    """
    listed: dict[tuple[str, str], Line] = {}
    for line in sorted(lines, key=lambda one: not one.curve.dashed):
        listed.setdefault((line.curve.listed_as, line.curve.colour), line)
    names = [(name, line) for (name, _), line in listed.items()]
    rows = max(1, int(_ROWS_SHARE * widget.height() / row_height(metrics)))
    width = widget.width() - 2 * _LEFT
    for count in range(min(len(names), rows * (width // SAMPLE)), 0, -1):
        rest = len(names) - count
        entries = _in_rows([*names[:count], *([(more.format(rest), None)] if rest else [])], metrics, width)
        if entries[-1].row < rows:
            return entries
    return []


def row_height(metrics: QFontMetrics) -> int:
    """Pixels of a row."""
    return metrics.height() + 1


def height_of(entries: Sequence[Entry], metrics: QFontMetrics) -> int:
    """Pixels that a legend takes."""
    return row_height(metrics) * (entries[-1].row + 1) if entries else 0


def _in_rows(names: Sequence[tuple[str, Line | None]], metrics: QFontMetrics, width: int) -> list[Entry]:
    """Names one after the other, in a new row where the last one is full."""
    entries: list[Entry] = []
    left = row = 0
    widest = (width - _BESIDE_NAME) // 2
    for full_name, line in names:
        before = _before_name(line)
        name = metrics.elidedText(full_name, Qt.TextElideMode.ElideMiddle, widest - before)
        long = metrics.horizontalAdvance(name)
        if left and left + before + long > width:
            left, row = 0, row + 1
        entries.append(Entry(name, line, _LEFT + left, row, long))
        left += before + long + _BESIDE_NAME
    return entries


def _before_name(line: Line | None) -> int:
    return 0 if line is None else SAMPLE + _BESIDE_SAMPLE
