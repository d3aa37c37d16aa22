"""A photograph of any size and place, read where the pixels of another grid lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import RasterError
from ..raster.blocks import MaskArray, PixelArray, Source, Window
from ..registration import Affine, Step
from ..registration.affine import FloatArray
from ..registration.steps import untold
from ..registration.views import block_mean

_SPLINE = 14  # pixels after which what a cubic spline owes to a pixel is below rounding
_COLLAR = 2  # pixels beside a black or empty collar that are mixed with it
_STRIP = 256  # pixels of the grid along each side that are placed at once
_PIECE = 2048  # pixels of the photograph along each side that are read at once, where they are averaged
_BESIDE = 16  # pixels beside a piece that fill its gaps
_INSIDE = 0.01


@dataclass(frozen=True, eq=False)
class Photograph:
    """A source as a photograph of three bands.

    Attributes:
        source: with three bands or more, of which the first three count, or one.
        place: from coarse pixels of an image (x, y, from its corner) to pixels of the photograph.
        white: number of the photograph that counts as brightness one.
    """

    source: Source
    place: Affine
    white: float = 1.0

    @property
    def numbers(self) -> tuple[int, int, int]:
        """Bands that are read."""
        return (1, 2, 3) if len(self.source.bands) >= 3 else (1, 1, 1)

    def on_grid(
        self, there: Affine, first: tuple[int, int], shape: tuple[int, int], step: Step = untold
    ) -> tuple[PixelArray, MaskArray]:
        """Brightness ``(3, h, w)`` at pixels of a grid, and where there is any.

        Args:
            there: from the grid's pixels (x, y, from its corner) to the photograph's.
            first: row and column of the first pixel.
            shape: rows and columns.
            step: is told of the progress, with every piece that is read.
        """
        pixels, valid = np.zeros((3, *shape), np.float32), np.zeros(shape, bool)
        for row in range(0, shape[0], _STRIP):
            for column in range(0, shape[1], _STRIP):
                told = partial(step, (row + column / shape[1] * _STRIP) / (shape[0] + _STRIP))
                part = np.s_[row : row + _STRIP, column : column + _STRIP]
                y, x = np.meshgrid(
                    first[0] + np.arange(shape[0])[part[0]] + 0.5,
                    first[1] + np.arange(shape[1])[part[1]] + 0.5,
                    indexing="ij",
                )
                pixels[:, part[0], part[1]], valid[part] = self._at(*there(x, y), _coarser(there), told)
        return pixels / np.float32(self.white), valid

    def _at(
        self, x: FloatArray, y: FloatArray, size: int, told: Callable[[], None]
    ) -> tuple[PixelArray, MaskArray]:
        """Values and validity at places of the photograph, means of ``size`` pixels along each side."""
        from scipy.ndimage import distance_transform_edt, map_coordinates

        blank = np.zeros((3, *x.shape), np.float32), np.zeros(x.shape, bool)
        rows, columns = self.source.shape
        box = _box(x, y, size, (rows, columns))
        if box is None:
            return blank
        planes, share, known = self._means(box, size, told)
        if not known.any():
            return blank
        if not known.all():
            near = distance_transform_edt(~known, return_distances=False, return_indices=True)
            planes = planes[:, near[0], near[1]]
        places = [(y - box.row) / size - 0.5, (x - box.column) / size - 0.5]
        inside = (x >= -_INSIDE) & (y >= -_INSIDE) & (x <= columns + _INSIDE) & (y <= rows + _INSIDE)
        inside &= map_coordinates(share, places, order=1, mode="nearest") > 0.99
        values = [map_coordinates(plane, places, order=3, mode="nearest") for plane in planes]
        return np.stack(values).astype(np.float32), inside

    def _means(
        self, box: Window, size: int, told: Callable[[], None]
    ) -> tuple[PixelArray, PixelArray, MaskArray]:
        """Means of squares of ``size`` pixels of a box, read in pieces; ``told`` is called before each.

        Returns:
            Brightness ``(3, h, w)``, the share ``(h, w)`` of each square that lies clear of edges, and where
            brightness is known: in squares of pieces that hold a valid pixel.
        """
        shape = box.height // size, box.width // size
        planes, share = np.zeros((3, *shape), np.float32), np.zeros(shape, np.float32)
        known, side = np.zeros(shape, bool), max(1, _PIECE // size)
        for row in range(0, shape[0], side):
            for column in range(0, shape[1], side):
                told()
                height, width = min(side, shape[0] - row), min(side, shape[1] - column)
                part = np.s_[row : row + height, column : column + width]
                found = self._means_of_piece(box, Window(row, column, height, width).scaled(size), size)
                if found is not None:
                    planes[:, part[0], part[1]], share[part] = found
                    known[part] = True
        return planes, share, known

    def _means_of_piece(self, box: Window, piece: Window, size: int) -> tuple[PixelArray, PixelArray] | None:
        """Means and clear shares of the squares of a piece of the box; None without a valid pixel."""
        from scipy.ndimage import distance_transform_edt

        wide = piece.expanded(_BESIDE, (box.height, box.width))
        there = Window(box.row + wide.row, box.column + wide.column, wide.height, wide.width)
        block = self.source.read(there, self.numbers)
        valid, own = block.valid & (block.pixels != 0).any(axis=0), piece.within(wide)
        if not valid.any():
            return None
        filled, clear = block.pixels, valid
        if not valid.all():
            near = distance_transform_edt(~valid, return_distances=False, return_indices=True)
            filled = filled[:, near[0], near[1]]
            clear = distance_transform_edt(valid) > _COLLAR
        every = np.ones((piece.height, piece.width), bool)
        planes, _ = block_mean(filled[:, own[0], own[1]], every, size)
        share, _ = block_mean(clear[own][None].astype(np.float32), every, size)
        return planes, share[0]


def _coarser(there: Affine) -> int:
    """How many pixels of the photograph, along each side, a pixel of the grid is."""
    return max(1, int(np.linalg.svd(there.matrix)[1].min() + 1e-6))


def _box(x: FloatArray, y: FloatArray, size: int, shape: tuple[int, int]) -> Window | None:
    """Pixels of the photograph that values at places depend on, from and to multiples of ``size``."""
    margin = _SPLINE * size
    top, left = (max(int((at.min() - margin) // size) * size, 0) for at in (y, x))
    bottom, right = (
        min(-int(-(at.max() + margin) // size) * size, side // size * size) for at, side in zip((y, x), shape)
    )
    if bottom <= top or right <= left:
        return None
    return Window(top, left, bottom - top, right - left)


def place_by_extent(image: tuple[int, int], photo: tuple[int, int]) -> Affine:
    """The photograph's extent taken as the image's; both shapes are rows and columns."""
    return Affine(np.diag([photo[1] / image[1], photo[0] / image[0]]), np.zeros(2))


def check_photograph(source: Source) -> None:
    """Refuse what cannot be a photograph.

    Raises:
        RasterError: it has two bands, or is smaller than four pixels.
    """
    if len(source.bands) == 2:
        raise RasterError(
            f"The reference '{source.name}' has two bands; give a photograph with red, green and blue "
            "bands, or with one."
        )
    if min(source.shape) < 4:
        raise RasterError(
            f"The reference '{source.name}' has {source.shape[0]} x {source.shape[1]} pixels; "
            "give a larger one."
        )
