"""Spectra at places of a raster over GDAL: single pixels and areas, several bands at the same time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from osgeo import gdal

from ..errors import RasterError
from ..spectral.grids import FloatArray
from .blocks import Window
from .gdal_backend import GdalSource, gdal_calls
from .input import shared_and_own, unopened, unreadable
from .samples import Sample, SpectralBands, spectral_bands

_MOST_THREADS = 8
_BANDS_PER_THREAD = 16
MOST_PIXELS = 4_000_000  # of an area; of larger ones every second, third, ... row and column is read


class Stored(NamedTuple):
    """Numbers of some bands of a window as stored and where they are valid, both ``(bands, h, w)``."""

    numbers: FloatArray
    valid: npt.NDArray[np.bool_]


class SpectrumSource(GdalSource):
    """A raster to take spectra from. Not to be used from several threads at the same time.

    Attributes:
        spectral: what is known of its bands.
    """

    def __init__(
        self, path: str | os.PathLike[str], properties: Mapping[str, object] | None = None, threads: int = 0
    ) -> None:
        """Open a raster.

        Args:
            path: of it, or anything else that GDAL opens.
            properties: custom properties of its QGIS layer, see :func:`.spectral_bands`.
            threads: how many read at the same time, each through a handle of its own; 0 chooses.

        Raises:
            RasterError: GDAL cannot open it, or it lies on the map by ground control points alone.
        """
        super().__init__(path)
        if self._dataset.GetGCPCount() and not self.georeference.known:
            raise RasterError(
                f"'{self.name}' is placed by ground control points; warp it first "
                "(Raster > Projections > Warp)."
            )
        self.spectral: SpectralBands = spectral_bands(self, properties)
        self._inverse = gdal.InvGeoTransform(self.georeference.transform)
        if self._inverse is None:
            raise RasterError(f"'{self.name}' has pixels without extent; correct its georeference first.")
        count = len(self._numbers)
        wanted = threads or min(_MOST_THREADS, os.cpu_count() or 1)
        used = max(1, min(wanted, count // _BANDS_PER_THREAD))
        self._parts = [part.tolist() for part in np.array_split(np.arange(count), used)]
        self._handles = [self._opened_again() for _ in self._parts]
        self._own_masks = [self._masks_of(handle) for handle in self._handles]
        self._pool = ThreadPoolExecutor(used, thread_name_prefix="spectrum")

    @property
    def _each(self) -> range:
        return range(len(self._parts))

    def pixel_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Row and column of the pixel that holds a place in the raster's CRS, None outside.

        The numbers are those of ``gdallocationinfo -geoloc``; without a transform rows run down from y = 0,
        as QGIS draws them.
        """
        column, row = self.pixel_coordinates([(x, y)])[0]
        place = int(np.floor(row)), int(np.floor(column))
        rows, columns = self.shape
        return place if 0 <= place[0] < rows and 0 <= place[1] < columns else None

    def pixel_coordinates(self, points: Sequence[tuple[float, float]]) -> FloatArray:
        """Places in the raster's CRS as columns and rows ``(n, 2)``, whole numbers at the pixels' edges."""
        if not self.georeference.known:
            return np.array([(x, -y) for x, y in points])
        return np.array([gdal.ApplyGeoTransform(self._inverse, x, y) for x, y in points])

    def pixel(self, row: int, column: int) -> Sample:
        """The spectrum of a pixel.

        Raises:
            RasterError: the file cannot be read there.
        """
        window = Window(row, column, 1, 1)
        parts = list(self._pool.map(lambda part: self._read(part, self._parts[part], window), self._each))
        numbers, known = (np.concatenate([part[which][:, 0, 0] for part in parts]) for which in (0, 1))
        numbers[~known] = np.nan
        return Sample(self.spectral, numbers, None, 1, int(known.any()), (row, column))

    def area(self, outline: Sequence[tuple[float, float]]) -> Sample | None:
        """Mean and spread of the pixels whose centres lie inside an outline; None where it meets no pixel.

        Args:
            outline: corners of a polygon in the raster's CRS. One that holds no centre takes the pixel at its
                own centre. Of more than :data:`MOST_PIXELS` pixels only every n-th row and column counts.

        Raises:
            RasterError: the file cannot be read there.
        """
        corners = self.pixel_coordinates(outline)
        rows, columns = self.shape
        low = np.clip(np.floor(corners.min(axis=0)), 0, (columns, rows)).astype(int)
        high = np.clip(np.ceil(corners.max(axis=0)), 0, (columns, rows)).astype(int)
        width, height = (int(length) for length in high - low)
        if width < 1 or height < 1:
            return None
        step = min(int(np.ceil(np.sqrt(width * height / MOST_PIXELS))), width, height)
        window = Window(int(low[1]), int(low[0]), height // step * step, width // step * step)
        inside = _inside(corners, window, step)
        if not inside.any():
            middle = corners.mean(axis=0)
            row, column = int(np.floor(middle[1])), int(np.floor(middle[0]))
            return self.pixel(row, column) if 0 <= row < rows and 0 <= column < columns else None
        return self._statistics(window, inside, step)

    def close(self) -> None:
        """Close the file."""
        self._pool.shutdown()
        self._own_masks, self._handles = [], []
        super().close()

    def _opened_again(self) -> Any:
        """Another handle, which leaves overviews alone: their numbers may be averages."""
        try:
            with gdal_calls():
                return gdal.OpenEx(self.name, gdal.OF_RASTER, open_options=["OVERVIEW_LEVEL=NONE"])
        except RuntimeError as error:
            raise unopened(self.name, error) from error

    def _masks_of(self, handle: Any) -> dict[int, Any]:
        """The masks that do more than compare, through another handle."""
        return {
            number: handle.GetRasterBand(self._numbers[max(number - 1, 0)]).GetMaskBand()
            for number in self._masks
        }

    def _read(self, part: int, places: Sequence[int], window: Window, step: int = 1) -> Stored:
        """Bands of a part in a window, or of every ``step``-th row and column of it."""
        handle, bands = self._handles[part], [self._numbers[place] for place in places]
        shape = (window.height // step, window.width // step)
        area = (window.column, window.row, window.width, window.height, shape[1], shape[0])
        try:
            with gdal_calls():
                data = handle.ReadRaster(*area, buf_type=gdal.GDT_Float64, band_list=bands)
                masks = {key: _mask(mask, area) for key, mask in self._own_masks[part].items()}
        except RuntimeError as error:
            raise unreadable(self.name, window, error) from error
        numbers = np.frombuffer(data, np.float64).reshape(len(bands), *shape).copy()
        valid = np.isfinite(numbers)
        for number, place in enumerate(places):
            valid[number] &= ~_equals(
                numbers[number], self._nodata[place], handle.GetRasterBand(bands[number])
            )
            for mask in shared_and_own(masks, [place + 1]):
                valid[number] &= mask != 0
        return Stored(numbers, valid)

    def _statistics(self, window: Window, inside: npt.NDArray[np.bool_], step: int) -> Sample:
        """Mean and standard deviation, one band at a time in each thread, so that memory stays small."""

        def of_part(part: int) -> tuple[list[float], list[float], npt.NDArray[np.bool_]]:
            """Means, deviations and where any band is valid, of the bands of one thread."""
            means, spreads, any_valid = [], [], np.zeros(int(inside.sum()), np.bool_)
            for place in self._parts[part]:
                stored = self._read(part, [place], window, step)
                known = stored.valid[0][inside]
                numbers = stored.numbers[0][inside][known]
                any_valid |= known
                means.append(float(numbers.mean()) if len(numbers) else np.nan)
                spreads.append(float(numbers.std()) if len(numbers) else np.nan)
            return means, spreads, any_valid

        results = list(self._pool.map(of_part, self._each))
        means, spreads = (np.concatenate([result[which] for result in results]) for which in (0, 1))
        valid = np.logical_or.reduce([result[2] for result in results])
        place = (window.row, window.column)
        return Sample(self.spectral, means, spreads, len(valid), int(valid.sum()), place)


def _mask(band: Any, area: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """A mask in a window: ``area`` is its column, row, width and height, then columns and rows to give."""
    data = band.ReadRaster(*area, buf_type=gdal.GDT_Byte)
    if data is None:
        raise RuntimeError(gdal.GetLastErrorMsg())
    return np.frombuffer(data, np.uint8).reshape(area[5], area[4])


def _equals(numbers: FloatArray, nodata: float | None, band: Any) -> npt.NDArray[np.bool_]:
    """Where numbers are the nodata value, which float32 bands hold rounded."""
    if nodata is None or not np.isfinite(nodata):
        return np.zeros(numbers.shape, np.bool_)
    with np.errstate(over="ignore"):
        held = float(np.float32(nodata)) if band.DataType == gdal.GDT_Float32 else nodata
    found: npt.NDArray[np.bool_] = numbers == held
    return found


def _inside(corners: FloatArray, window: Window, step: int) -> npt.NDArray[np.bool_]:
    """Whether the centres of a window's pixels lie inside a polygon ``(n, 2)``, by the sides beyond them."""
    columns = window.column + (np.arange(window.width // step) + 0.5) * step
    rows = window.row + (np.arange(window.height // step) + 0.5) * step
    inside = np.zeros((len(rows), len(columns)), np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0)):
        crossing = np.flatnonzero((rows >= min(y1, y2)) & (rows < max(y1, y2)))
        if len(crossing):
            at = x1 + (rows[crossing] - y1) * (x2 - x1) / (y2 - y1)
            inside[crossing] ^= columns[None, :] < at[:, None]
    return inside
