"""Consistency with the input: does the result, seen again through the sensor, give the input back?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..raster.blocks import MaskArray, PixelArray
from ..spectral import Grid, Sensor, parametric_response, response_matrix

_STEP = 4  # every fourth row and column
_BIN = 1e-4
_BINS = 5000


class ConsistencyGauge:
    """Medians of ``|Y - R X|`` for each band over a scene that streams through.

    A histogram for each band (bins of 1e-4 reflectance up to 0.5) is filled from every fourth row and column;
    where the result has more pixels than the input, their mean is compared. Only bands that the output's
    grid supports are gauged (not B1 on ``aviris172``).
    """

    def __init__(
        self,
        sensor: Sensor,
        grid: Grid,
        scale_factor: int = 1,
        skip: tuple[str, ...] = (),
        response: npt.NDArray[Any] | None = None,
    ) -> None:
        """Prepare a gauge.

        Args:
            sensor: of the input ``Y``, ``c`` bands.
            grid: of the result ``X``, ``C`` channels.
            scale_factor: pixels of the result per pixel of the input along each side.
            skip: bands that were not measured.
            response: ``R`` (c, C), None for what follows from the sensor's centres and widths.
        """
        if response is None:
            matrix, supported = response_matrix(parametric_response(sensor), grid)
        else:
            matrix, supported = response, np.ones(len(response), np.bool_)
        measured = np.array([name not in skip for name in sensor.band_names])
        self._places = np.flatnonzero(supported & measured)
        self._matrix = matrix[self._places].astype(np.float32)
        self._names = [sensor.band_names[place] for place in self._places]
        self._factor = scale_factor
        self._counts = np.zeros((len(self._places), _BINS), np.int64)

    def add(
        self,
        msi: PixelArray,
        hsi: PixelArray,
        valid: MaskArray,
        response: npt.NDArray[Any] | None = None,
    ) -> None:
        """Count a block: ``msi`` (c, h, w), ``hsi`` (C, f*h, f*w), ``valid`` (h, w).

        ``response`` (c, C) is that of the block, where it has one of its own.
        """
        chosen = valid[::_STEP, ::_STEP]
        matrix = self._matrix if response is None else response[self._places].astype(np.float32)
        seen = np.tensordot(matrix, self._thinned(hsi), axes=1)[:, chosen]
        error = np.abs(msi[self._places, ::_STEP, ::_STEP][:, chosen] - seen)
        bins = np.nan_to_num(np.minimum(error / _BIN, _BINS - 1), nan=_BINS - 1).astype(np.int64)
        for count, row in zip(self._counts, bins):
            count += np.bincount(row, minlength=_BINS)

    def medians(self) -> dict[str, float]:
        """Median of each gauged band in reflectance; empty when nothing was counted."""
        if not self._counts.any():
            return {}
        return {name: _median(count) for name, count in zip(self._names, self._counts)}

    def median(self) -> float | None:
        """Median over all gauged bands together, None when nothing was counted."""
        return _median(self._counts.sum(axis=0)) if self._counts.any() else None

    def _thinned(self, hsi: PixelArray) -> PixelArray:
        """Every fourth input pixel's mean over the result's pixels in it, ``(C, ceil(h/4), ceil(w/4))``."""
        factor, stride = self._factor, self._factor * _STEP
        parts = [hsi[:, row::stride, column::stride] for row in range(factor) for column in range(factor)]
        mean: PixelArray = np.mean(parts, axis=0, dtype=np.float32)
        return mean


def _median(counts: npt.NDArray[np.int64]) -> float:
    """Median of a histogram, linear inside its bin."""
    below = np.cumsum(counts)
    half = below[-1] / 2.0
    place = int(np.searchsorted(below, half))
    before = below[place] - counts[place]
    return float((place + (half - before) / counts[place]) * _BIN)
