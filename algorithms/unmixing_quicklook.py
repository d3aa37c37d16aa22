"""Small pictures of results, taken while they are written: no result is read again, however large."""

from __future__ import annotations

import math

import numpy as np

from ..core.raster.blocks import Block, PixelArray, RasterProfile, Sink
from ..core.raster.gdal_backend import GdalSink

SIDE = 400  # pixels of the longer side, at most


class Quicklook:
    """A sink that keeps every so-many-th pixel, and hands the blocks on to a GeoTIFF if there is to be one.

    Attributes:
        step: one row and column in so many is kept.
        pixels: ``(bands, rows, columns)``, NaN where they are not valid; empty before :meth:`open`.
    """

    def __init__(self, path: str = "") -> None:
        """Keep a picture of what is written to ``path``; of nothing but the picture where that is empty."""
        self._path = path
        self._file: Sink | None = None
        self.step = 1
        self.pixels: PixelArray = np.empty((0, 0, 0), dtype=np.float32)

    def open(self, profile: RasterProfile) -> Sink:
        """Begin with the file of this profile."""
        self.step = max(1, math.ceil(max(profile.shape) / SIDE))
        rows, columns = (math.ceil(length / self.step) for length in profile.shape)
        self.pixels = np.full((len(profile.bands), rows, columns), np.nan, dtype=np.float32)
        self._file = GdalSink(self._path, profile) if self._path else None
        return self

    def write(self, block: Block) -> None:
        """Keep a block's pixels of the grid and hand the block on."""
        window, step = block.window, self.step
        row, column = -(-window.row // step), -(-window.column // step)
        every = (slice(row * step - window.row, None, step), slice(column * step - window.column, None, step))
        kept = np.where(block.valid[every], block.pixels[(slice(None), *every)], np.nan)
        self.pixels[:, row : row + kept.shape[1], column : column + kept.shape[2]] = kept
        if self._file is not None:
            self._file.write(block)

    def finish(self) -> None:
        """Finish the file under its temporary name."""
        if self._file is not None:
            self._file.finish()

    def commit(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.commit()

    def discard(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.discard()
