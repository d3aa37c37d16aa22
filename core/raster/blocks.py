"""The protocol between rasters and the scene runner.

Pixels never travel without their mask and their place: a :class:`Source` yields :class:`Block` objects, a
:class:`Sink` takes them, and both know the georeference and the wavelengths. Backends live beside this file
(GDAL, plain arrays) and in ``cli`` (rasterio).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

PixelArray = npt.NDArray[np.float32]
MaskArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: first ``row`` and ``column``, ``height`` and ``width``."""

    row: int
    column: int
    height: int
    width: int

    def expanded(self, margin: int, shape: tuple[int, int]) -> Window:
        """This window with ``margin`` pixels more on every side, cut at ``shape`` (rows, columns)."""
        top, left = max(self.row - margin, 0), max(self.column - margin, 0)
        bottom = min(self.row + self.height + margin, shape[0])
        right = min(self.column + self.width + margin, shape[1])
        return Window(top, left, bottom - top, right - left)

    def scaled(self, factor: int) -> Window:
        """The same ground on a grid with ``factor`` times as many pixels along each side."""
        return Window(self.row * factor, self.column * factor, self.height * factor, self.width * factor)

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Row and column slices that cut this window out of an array that covers ``outer``."""
        row, column = self.row - outer.row, self.column - outer.column
        return slice(row, row + self.height), slice(column, column + self.width)


@dataclass(frozen=True)
class Georeference:
    """Where a raster lies: GDAL's affine ``transform`` (six numbers) and its ``crs_wkt`` (empty: unknown)."""

    transform: tuple[float, float, float, float, float, float] = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    crs_wkt: str = ""

    @property
    def known(self) -> bool:
        """Whether the transform places the pixels; where it does not, rows run down from y = 0 in QGIS."""
        return self.transform != Georeference.transform

    @property
    def rotated(self) -> bool:
        """Whether rows or columns run askew to the axes of the CRS."""
        return self.transform[2] != 0.0 or self.transform[4] != 0.0

    def of_window(self, window: Window, factor: int = 1) -> Georeference:
        """Georeference of a window of this raster, with ``factor`` times as many pixels along each side."""
        x0, dx, rx, y0, ry, dy = self.transform
        x = x0 + window.column * dx + window.row * rx
        y = y0 + window.column * ry + window.row * dy
        return Georeference((x, dx / factor, rx / factor, y, ry / factor, dy / factor), self.crs_wkt)


@dataclass(frozen=True)
class BandTable:
    """What is known of a raster's bands.

    Attributes:
        names: band descriptions, empty where there is none.
        wavelength_nm: centres in nm, NaN where unknown, one for each band.
        fwhm_nm: widths in nm, NaN where unknown, one for each band.
    """

    names: tuple[str, ...]
    wavelength_nm: tuple[float, ...]
    fwhm_nm: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Calibration:
    """Reflectance = stored number * ``scale`` + ``offset``, one of each for every band."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Block:
    """A window's ``pixels`` (bands, height, width) and where they are ``valid`` (height, width)."""

    window: Window
    pixels: PixelArray
    valid: MaskArray


class Source(Protocol):
    """A raster to read from. Numbers are as stored: scale and offset are told, not applied."""

    @property
    def name(self) -> str:
        """What to call the raster in messages and provenance."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def block_shape(self) -> tuple[int, int]:
        """Rows and columns of the pieces in which the numbers are stored, each read as a whole."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the stored numbers."""

    @property
    def bands(self) -> BandTable:
        """Names and wavelengths of the bands."""

    @property
    def georeference(self) -> Georeference:
        """Where the raster lies."""

    @property
    def calibration(self) -> Calibration | None:
        """Scale and offset that the file states, or None when it states none."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The file's own metadata items, those of its ENVI header among them."""

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """Read a window that lies inside the raster.

        Args:
            window: the part to read.
            numbers: of the bands to read (from 1), in this order; empty for all. A pixel is valid when every
                one of these is; what other bands hold does not count.

        Raises:
            RasterError: the file cannot be read there.
        """

    def release(self) -> None:
        """Drop whatever was cached, so that memory does not grow with the scene."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class RasterProfile:
    """What a :class:`Sink` needs to know before the first block.

    Attributes:
        shape: rows and columns.
        bands: one entry for each output band.
        georeference: of the output.
        tile: side in pixels of the blocks that will come; they start at multiples of it.
        data_type: ``int16`` (scale 1e-4) or ``float32``.
        natural_colour: band numbers (from 1) to show as red, green and blue, or None.
        metadata: provenance, written into the file.
    """

    shape: tuple[int, int]
    bands: BandTable
    georeference: Georeference
    tile: int
    data_type: str = "int16"
    natural_colour: tuple[int, int, int] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Sink(Protocol):
    """A raster to write to; nothing stands under its name before :meth:`commit`."""

    def write(self, block: Block) -> None:
        """Write a block of reflectance; pixels that are not valid become nodata.

        Raises:
            RasterError: the block cannot be written.
        """

    def finish(self) -> None:
        """Finish the file under its temporary name; :meth:`commit` does so where nobody has."""

    def commit(self) -> None:
        """Finish the file and give it its name."""

    def discard(self) -> None:
        """Remove everything written so far."""
