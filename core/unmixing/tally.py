"""What the abundances of an image are like, counted while its pixels stream through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .statistics import FloatArray, Table

PERCENTAGES = (5, 25, 50, 75, 95)
_DROPPED_BITS = 12  # of float32; numbers that agree in the others differ by 0.05 % at most


@dataclass(frozen=True)
class AbundanceSummary:
    """What the abundances of an image are like.

    Attributes:
        mean: abundances averaged over the valid pixels, shape ``(p,)``.
        rmse_mean: average of the RMSE of the residuals over the valid pixels, in the pixels' unit.
        rmse_percentiles: of the same, by :data:`PERCENTAGES`, to 0.05 %.
        pixels: number of valid pixels.
        pixel_mean: average of their values over all bands.
    """

    mean: FloatArray
    rmse_mean: float
    rmse_percentiles: dict[int, float]
    pixels: int
    pixel_mean: float


class Tally:
    """Sums over pixels, and a histogram of their RMSE whose bins are the leading bits of float32."""

    def __init__(self, endmembers: int) -> None:
        self._abundances = np.zeros(endmembers)
        self._rmse = 0.0
        self._values = 0.0
        self._counts = np.zeros(2 ** (31 - _DROPPED_BITS), np.int64)

    def add(self, abundances: FloatArray, rmse: FloatArray, means: Table) -> None:
        """Count pixels with their abundances ``(n, p)``, RMSE and mean values ``(n,)``.

        None of no finite RMSE counts.
        """
        finite = np.isfinite(rmse)
        if not finite.all():
            abundances, rmse, means = abundances[finite], rmse[finite], means[finite]
        self._abundances += abundances.sum(axis=0)
        self._rmse += float(rmse.sum())
        self._values += float(means.sum(dtype=np.float64))
        bins, counts = np.unique(_bits(rmse), return_counts=True)
        self._counts[bins] += counts

    @property
    def pixels(self) -> int:
        """Number of pixels that were counted."""
        return int(self._counts.sum())

    def summary(self) -> AbundanceSummary:
        """What was counted: at least one pixel."""
        below, total = np.cumsum(self._counts), self.pixels
        bins = np.searchsorted(below, np.array(PERCENTAGES) / 100 * total)
        edges = (np.stack([bins, bins + 1]).astype(np.uint32) << _DROPPED_BITS).view(np.float32)
        middles = edges.mean(axis=0, dtype=np.float64)
        percentiles = {percentage: float(value) for percentage, value in zip(PERCENTAGES, middles)}
        mean = np.asarray(self._abundances / total, np.float64)
        return AbundanceSummary(mean, self._rmse / total, percentiles, total, self._values / total)


def _bits(rmse: FloatArray) -> npt.NDArray[np.uint32]:
    """Leading bits of the numbers as float32, in the order of the numbers."""
    bits: npt.NDArray[np.uint32] = rmse.astype(np.float32).view(np.uint32) >> np.uint32(_DROPPED_BITS)
    return bits
