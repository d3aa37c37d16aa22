"""Images taken apart: pixel tables of a raster, and maps of abundances."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import CancelledError, RasterError
from ..inference.bands import sentinel2_lines
from ..inference.profile import public_name
from ..inference.report import Monitor, SilentMonitor
from ..inference.tiling import tiles
from ..raster.blocks import Block, Source, Window
from ..raster.input import undeclared_nodata
from ..raster.tags import folded
from ..raster.wavelengths import good_bands
from ..spectral.library import SpectralLibrary
from .endmembers import Endmembers
from .statistics import FloatArray, Table

BLOCK_BYTES = 64 * 2**20
_TILE_SIDES = (512, 256, 128, 64, 32, 16)
# Where pieces of the file reach into later windows the source keeps so many rows decoded.
_CACHED_ROWS = 512


class ImagePixels:
    """The pixels of a raster in reflectance, as tables that can be gone through again and again.

    Attributes:
        source: the raster.
        monitor: is told of the progress of each passage and asked whether to stop.
        bands: numbers (from 1) of the bands in use: all that no list ``bbl`` in the metadata calls bad.
        wavelength_nm: their centres in nm, shape ``(bands,)``; Sentinel-2's where the file has none and the
            names of the bands are that sensor's; None unless all are known.
        fwhm_nm: their widths in nm, likewise.
        shape: rows and columns.
    """

    def __init__(self, source: Source, monitor: Monitor | None = None) -> None:
        """Take a raster.

        Raises:
            RasterError: its list of bad bands leaves none.
        """
        self.source = source
        self.monitor = monitor or SilentMonitor()
        self._undeclared: set[float] = set()  # numbers that were met and taken for nodata
        self._told: set[float] = set()
        self.bands = _good_bands(source, self.monitor)
        self.shape = source.shape
        self.wavelength_nm = self._of_bands(source.bands.wavelength_nm)
        self.fwhm_nm = self._of_bands(source.bands.fwhm_nm)
        lines = sentinel2_lines([source.bands.names[number - 1] for number in self.bands])
        if self.wavelength_nm is None and lines is not None:
            self.wavelength_nm, self.fwhm_nm = lines

    def _of_bands(self, values: tuple[float, ...]) -> FloatArray | None:
        used = np.array([values[number - 1] for number in self.bands])
        return used if (np.isfinite(used) & (used > 0)).all() else None

    def only(self, used: npt.NDArray[np.bool_]) -> ImagePixels:
        """The same pixels without those of the bands in use that ``used``, shape ``(bands,)``, leaves out."""
        part = copy.copy(self)
        part.bands = tuple(band for band, is_used in zip(self.bands, used) if is_used)
        part.wavelength_nm, part.fwhm_nm = (
            None if values is None else values[used] for values in (self.wavelength_nm, self.fwhm_nm)
        )
        return part

    def __iter__(self) -> Iterator[Table]:
        """Float32 tables ``(n, bands)`` of one window after another; nodata are rows of NaN.

        Raises:
            RasterError: the raster cannot be read.
            CancelledError: the monitor asked to stop.
        """
        done = 0
        for window in self.windows:
            self.check_cancelled()
            block = self.read(window)
            self.release_after(window)
            if not block.valid.all():
                block.pixels[:, ~block.valid] = np.nan
            yield table_of(block)
            done += block.valid.size
            self.monitor.progress(done / (self.shape[0] * self.shape[1]))
        self.check_cancelled()

    @property
    def windows(self) -> list[Window]:
        """What the tables are of, in order: tiles where the file is stored in such, else whole rows."""
        rows, columns = self.shape
        whole = Window(0, 0, rows, columns)
        if self.source.block_shape[1] < columns:
            return list(tiles(whole, tile_side(len(self.bands))))
        height = max(1, BLOCK_BYTES // (4 * columns * len(self.bands)))
        return [Window(row, 0, min(height, rows - row), columns) for row in range(0, rows, height)]

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """Bands of a window, those in use if none are named, in reflectance where the file states it.

        Pixels with the same number up to -999 in all bands, as stored, are no data though nobody says so.

        Raises:
            RasterError: the raster cannot be read.
        """
        numbers = numbers or self.bands
        block = self._without_fill(self.source.read(window, numbers))
        calibration = self.source.calibration
        if calibration is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                for number, band in zip(numbers, block.pixels):
                    band *= np.float32(calibration.scale[number - 1])
                    band += np.float32(calibration.offset[number - 1])
        return block

    def _without_fill(self, block: Block) -> Block:
        if len(block.pixels) < 2:  # of one band any number is the same in all
            return block
        fill = block.valid & undeclared_nodata(block.pixels)
        self._undeclared.update(np.unique(block.pixels[0, fill]).tolist())
        return Block(block.window, block.pixels, block.valid & ~fill)

    def release_after(self, window: Window) -> None:
        """Drop what the source cached, unless windows that follow this one, row by row, need it still."""
        (rows, columns), (height, width) = self.shape, self.source.block_shape
        bottom, right = window.row + window.height, window.column + window.width
        last = right == columns
        complete = (bottom == rows or bottom % height == 0) and (last or right % width == 0)
        if complete or (last and bottom // _CACHED_ROWS > window.row // _CACHED_ROWS):
            self.source.release()

    def place(self, index: int) -> tuple[int, int]:
        """Row and column of the pixel at a position in the tables, one after another."""
        left = int(index)
        for window in self.windows:
            if left < window.height * window.width:
                row, column = divmod(left, window.width)
                return window.row + row, window.column + column
            left -= window.height * window.width
        raise IndexError(f"There is no pixel {index}.")

    def check_cancelled(self) -> None:
        """Tell what is taken for nodata, and stop if the monitor says so; for the thread of the caller.

        Raises:
            CancelledError: it does.
        """
        for number in sorted(self._undeclared - self._told):
            self._told.add(number)
            self.monitor.warning(
                f"Pixels of '{public_name(self.source.name)}' that are {number:g} in all bands are taken for "
                "nodata; declare it as the nodata value of the raster."
            )
        if self.monitor.cancelled():
            raise CancelledError("Cancelled; nothing was written.")


def endmember_library(pixels: ImagePixels, endmembers: Endmembers) -> SpectralLibrary:
    """The endmembers of an image as a library, named ``endmember 1`` and so on."""
    names = tuple(f"endmember {number}" for number in range(1, len(endmembers.spectra) + 1))
    return SpectralLibrary(names, endmembers.spectra, pixels.wavelength_nm, pixels.fwhm_nm)


def table_of(block: Block) -> Table:
    """The pixels of a block as a view ``(n, bands)``, row by row."""
    return block.pixels.reshape(len(block.pixels), -1).T


def tile_side(planes: int) -> int:
    """The largest side of tiles of which so many float32 planes take at most :data:`BLOCK_BYTES`."""
    fitting = (side for side in _TILE_SIDES if 4 * side**2 * planes <= BLOCK_BYTES)
    return next(fitting, _TILE_SIDES[-1])


def _good_bands(source: Source, monitor: Monitor) -> tuple[int, ...]:
    """Numbers of the bands that are not called bad: ENVI's list ``bbl`` has a 0 for those that are."""
    name, count = public_name(source.name), len(source.bands)
    text = folded(source.metadata).get("bbl", "")
    listed = good_bands(text, count)
    if listed is None:
        monitor.warning(
            f"The bad-band list (bbl) of '{name}' has {len(text.split(','))} entries for {count} bands and "
            "is not used."
        )
        listed = (True,) * count
    good = tuple(number for number, is_good in enumerate(listed, start=1) if is_good)
    if not good:
        raise RasterError(f"The bad-band list (bbl) of '{name}' leaves no band; correct or remove it.")
    return good
