"""Smooth band shapes on a grid, and how wide bands of known cameras are.

Where nobody measured a camera, its bands are most likely like those of others: the published centres and
widths of cameras in ``tables/known_bands.csv`` are the prior for both. WorldView-3, PlanetScope SuperDove
(SD8) and Landsat 8 and 9 are not in it: they are what blind estimation is measured on.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np

from .grids import FloatArray, Grid
from .responses import hat_matrix, super_gaussian

_TABLE = Path(__file__).parent / "tables" / "known_bands.csv"
FAINT = 0.03  # share of a row's maximum below which a band has no response
_EXPONENT = 4  # between a Gaussian (2) and a box
_STEP_NM = 2.0
_NEAR = 0.02  # bands whose centres differ by this share of the wavelength are taken for relatives
_TYPICAL_WIDTH = 0.07  # of the centre, where no camera has a band
_SELDOM = 0.02  # weight of that guess
_LOOSE, _LEAST = 0.6, 0.17  # deviation of the logarithm of that guess; of any width


@dataclass(frozen=True, eq=False)
class BandShapes:
    """Rows of a response matrix for bands of given centres and widths on a grid of ``C`` channels."""

    grid: Grid

    @cached_property
    def _samples(self) -> tuple[FloatArray, FloatArray]:
        """Wavelengths in nm ``(L,)`` and the weights ``(L, C)`` of the channels at them."""
        centres, widths = self.grid.wavelength_nm, self.grid.fwhm_nm
        at = np.arange((centres - widths).min(), (centres + widths).max(), _STEP_NM)
        weights: FloatArray = hat_matrix(centres, at) * self.grid.covers(at)[:, None]
        return at, weights

    def rows(self, centre_nm: FloatArray, width_nm: FloatArray, exponent: float = _EXPONENT) -> FloatArray:
        """Response ``(c, C)``: non-negative, of unit sum, super-Gaussians of these centres and widths."""
        at, weights = self._samples
        curves = [super_gaussian(at, centre, width, exponent) for centre, width in zip(centre_nm, width_nm)]
        sums = np.array(curves) @ weights + 1e-12 / len(self.grid)
        rows: FloatArray = sums / sums.sum(axis=1, keepdims=True)
        return rows

    def centre_and_width(self, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Centroid and full width at half maximum in nm, each ``(c,)``, of rows ``(c, C)``.

        A row holds weights of channels; per nanometre they make a curve, linear between the channels.
        """
        centres = self.grid.wavelength_nm[self.grid.order]
        centroid = rows @ self.grid.wavelength_nm / rows.sum(axis=1)
        return centroid, np.array([_half_width(centres, curve) for curve in self.per_nm(rows)])

    def per_nm(self, rows: FloatArray) -> FloatArray:
        """Rows ``(c, C)`` divided by what each channel stands for, in the order of increasing wavelength.

        Where detectors meet channels lie close together and have small weights, but the response has no dip.
        """
        centres = self.grid.wavelength_nm[self.grid.order]
        hole = 3.0 * float(np.median(np.diff(centres)))
        curves: FloatArray = rows[:, self.grid.order] / _reach(centres, hole)
        return curves


def _reach(centres: FloatArray, hole: float) -> FloatArray:
    """Wavelengths in nm that each channel stands for, ``(C,)``; holes of the grid are not shared out."""
    gaps = np.minimum(np.diff(centres), hole)
    reach: FloatArray = np.concatenate([[gaps[0]], gaps]) / 2 + np.concatenate([gaps, [gaps[-1]]]) / 2
    return reach


def _half_width(centres: FloatArray, curve: FloatArray) -> float:
    """Distance in nm of the outermost places where a curve passes half of its maximum."""
    half = curve.max() / 2.0
    above = np.flatnonzero(curve >= half)
    first, last = int(above[0]), int(above[-1])
    low, high = centres[first], centres[last]
    if first > 0:
        low -= (
            (centres[first] - centres[first - 1]) * (curve[first] - half) / (curve[first] - curve[first - 1])
        )
    if last < len(curve) - 1:
        high += (centres[last + 1] - centres[last]) * (curve[last] - half) / (curve[last] - curve[last + 1])
    return float(high - low)


@cache
def known_bands() -> tuple[tuple[FloatArray, FloatArray], ...]:
    """Centres and widths in nm of the bands of each known camera."""
    found: dict[str, list[tuple[float, float]]] = {}
    with _TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["sensor"], []).append((float(row["centre_nm"]), float(row["fwhm_nm"])))
    tables = (np.array(bands).T for bands in found.values())
    return tuple((centre, width) for centre, width in tables)


def typical_widths(
    centre_nm: FloatArray, cameras: Sequence[tuple[FloatArray, FloatArray]] | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of the logarithm of the widths (nm) of bands with these centres ``(c,)``.

    Bands of known cameras (``cameras``, by default :func:`known_bands`) count by their nearness, and more if
    all bands of their camera are near.
    """
    usual = np.log(_TYPICAL_WIDTH * centre_nm)
    weight = np.full(len(centre_nm), _SELDOM)
    first, second = weight * usual, weight * (usual**2 + _LOOSE**2)
    for centre, width in known_bands() if cameras is None else cameras:
        near = np.exp(-0.5 * ((centre_nm[:, None] - centre) / (_NEAR * centre_nm[:, None])) ** 2)
        near = near * near.max(axis=1).mean() ** 4
        weight = weight + near.sum(axis=1)
        first, second = first + near @ np.log(width), second + near @ np.log(width) ** 2
    mean = first / weight
    return mean, np.sqrt((second / weight - mean**2).clip(_LEAST**2))
