"""A network with statistics of whole images on squares of the size of its training, blended.

Attention between channels and pooled gates depend on everything that a network sees at once, and attention
in windows on where these begin. The squares are therefore fixed to the scene, not to the tiles that are
written, and where two overlap one fades into the other. What comes out does not depend on the tiles at
all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..raster.blocks import PixelArray, Window

_KEPT = 512  # squares in memory


class PatchBlender:
    """Blends answers on fixed squares over a scene of a ``shape`` (rows, columns)."""

    def __init__(
        self,
        answer: Callable[[Window], PixelArray],
        channels: int,
        shape: tuple[int, int],
        patch: int,
        overlap: int,
    ) -> None:
        """Take squares of side ``patch`` that overlap by ``overlap``.

        Args:
            answer: ``(channels, h, w)`` for a square, cut at the scene.
            channels: as said.
            shape: of the scene.
            patch: as said.
            overlap: as said.
        """
        self._answer, self._shape, self._patch, self._overlap = answer, shape, patch, overlap
        self._channels, self._step = channels, patch - overlap
        self._kept: OrderedDict[tuple[int, int], PixelArray] = OrderedDict()

    def window(self, window: Window) -> PixelArray:
        """The blended answer ``(c, h, w)``."""
        total = np.zeros((self._channels, window.height, window.width), np.float32)
        for i in self._touching(window.row, window.height):
            rows = self._range(i, self._shape[0])
            for j in self._touching(window.column, window.width):
                columns = self._range(j, self._shape[1])
                square = Window(rows.start, columns.start, len(rows), len(columns))
                if square.height <= 0 or square.width <= 0:
                    continue
                values = self._square(i, j, square)
                top, left = max(square.row, window.row), max(square.column, window.column)
                bottom = min(square.row + square.height, window.row + window.height)
                right = min(square.column + square.width, window.column + window.width)
                part = Window(top, left, bottom - top, right - left)
                inner, outer = part.within(square), part.within(window)
                weight = self._weights(i, rows)[:, None] * self._weights(j, columns)[None, :]
                total[:, outer[0], outer[1]] += values[:, inner[0], inner[1]] * weight[inner]
        return total

    def _touching(self, start: int, length: int) -> range:
        """Numbers of the squares that touch pixels from ``start`` on."""
        half = self._overlap // 2
        first = (start - half) // self._step
        last = (start + length - 1 + half) // self._step
        return range(max(first, 0), last + 1)

    def _range(self, number: int, size: int) -> range:
        """Pixels of a square along an axis of ``size``, cut at the scene."""
        start = number * self._step - self._overlap // 2
        return range(max(start, 0), min(start + self._patch, size))

    def _weights(self, number: int, pixels: range) -> npt.NDArray[np.float32]:
        """How much a square counts at its pixels; over all squares they add up to one."""
        at = np.arange(pixels.start, pixels.stop) + 0.5 - number * self._step
        if not self._overlap:
            return np.ones(len(at), np.float32)
        rise = np.clip(at / self._overlap + 0.5, 0.0, 1.0) if number else np.ones(len(at))
        fall = np.clip((self._step - at) / self._overlap + 0.5, 0.0, 1.0)
        return (rise * fall).astype(np.float32)

    def _square(self, i: int, j: int, square: Window) -> PixelArray:
        key = (i, j)
        if key not in self._kept:
            self._kept[key] = self._answer(square)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]
