"""Between a coarse grid and one with ``scale`` times as many pixels along each side, as matrices.

Both grids cover the same area, corner to corner. Each function gives the weights of a range of pixels along
one axis, so that windows of an image are exactly what the whole image would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..raster.blocks import PixelArray, Window

_CUBIC = -0.5  # Keys (1981)
_REACH = 3.2  # standard deviations of a point spread
CUBIC_HALO = 2  # coarse pixels that a fine pixel depends on beside its own


@dataclass(frozen=True, eq=False)
class Weights:
    """``matrix`` (outputs, inputs) to pixels from those that begin at ``first``."""

    first: int
    matrix: PixelArray

    def rows_from(self, start: int) -> slice:
        """Where the inputs are in an array whose first pixel is ``start``."""
        return slice(self.first - start, self.first - start + self.matrix.shape[1])


def _cubic(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    d, a = np.abs(distance), _CUBIC
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    weights: npt.NDArray[np.float64] = np.where(d < 1, near, np.where(d < 2, far, 0.0))
    return weights


@lru_cache(maxsize=256)
def upsampling(start: int, stop: int, scale: int, size: int) -> Weights:
    """Cubic convolution to fine pixels ``start`` to ``stop`` from ``size`` coarse ones, edges repeated."""
    centre = (np.arange(start, stop) + 0.5) / scale - 0.5
    taps = np.floor(centre).astype(int)[:, None] + np.arange(-1, 3)
    values = _cubic(centre[:, None] - taps)
    return _gathered(np.clip(taps, 0, size - 1), values)


@lru_cache(maxsize=256)
def observation(start: int, stop: int, scale: int, size: int, blur: float) -> Weights:
    """A Gaussian point spread at coarse pixels ``start`` to ``stop`` over the fine ones of ``size`` coarse.

    ``blur`` is its standard deviation in coarse pixels; beyond the edges nothing counts.
    """
    centre = (np.arange(start, stop) + 0.5) * scale - 0.5
    reach = int(np.ceil(_REACH * blur * scale)) + 1
    taps = np.floor(centre).astype(int)[:, None] + np.arange(-reach, reach + 1)
    values = np.exp(-0.5 * ((taps - centre[:, None]) / (blur * scale)) ** 2)
    values *= (taps >= 0) & (taps < size * scale)
    values /= values.sum(axis=1, keepdims=True)
    return _gathered(np.clip(taps, 0, size * scale - 1), values)


def _gathered(taps: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Weights:
    first = int(taps.min())
    matrix = np.zeros((len(taps), int(taps.max()) - first + 1))
    np.add.at(matrix, (np.arange(len(taps))[:, None], taps - first), values)
    return Weights(first, matrix.astype(np.float32))


def apply(pixels: PixelArray, outer: Window, rows: Weights, columns: Weights) -> PixelArray:
    """Weigh ``pixels`` (c, h, w), which cover ``outer``, along both axes: ``(c, outputs, outputs)``."""
    part = pixels[:, rows.rows_from(outer.row), columns.rows_from(outer.column)]
    weighed: PixelArray = rows.matrix @ (part @ columns.matrix.T)
    return weighed


def upsample(
    pixels: PixelArray, outer: Window, window: Window, scale: int, shape: tuple[int, int]
) -> PixelArray:
    """The fine pixels of the coarse ``window`` by cubic convolution.

    Args:
        pixels: ``(c, h, w)``, which cover ``outer``: the window with :data:`CUBIC_HALO` around, cut at the
            image.
        outer: as said.
        window: coarse pixels.
        scale: fine pixels for each coarse one along each side.
        shape: rows and columns of the coarse image.
    """
    fine = window.scaled(scale)
    rows = upsampling(fine.row, fine.row + fine.height, scale, shape[0])
    columns = upsampling(fine.column, fine.column + fine.width, scale, shape[1])
    return apply(pixels, outer, rows, columns)


def observe(
    pixels: PixelArray, outer: Window, window: Window, scale: int, shape: tuple[int, int], blur: float
) -> PixelArray:
    """What coarse pixels of ``window`` see of fine ``pixels`` (c, H, W).

    These cover ``outer`` in coarse pixels, the window with :func:`observation_halo` around, cut at the image.
    """
    fine = outer.scaled(scale)
    rows = observation(window.row, window.row + window.height, scale, shape[0], blur)
    columns = observation(window.column, window.column + window.width, scale, shape[1], blur)
    return apply(pixels, fine, rows, columns)


def observation_halo(blur: float) -> int:
    """Coarse pixels around one that its point spread reaches."""
    return int(np.ceil(_REACH * blur)) + 1
