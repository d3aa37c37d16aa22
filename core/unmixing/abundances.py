"""Abundances of known endmembers by least squares, under any of the usual constraints."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..cores import core_count
from .active_sets import ActiveSets
from .statistics import FloatArray, Table, UnmixingError

_RIDGE = 1e-8  # of the largest endmember's norm
_SMALL_PRODUCT = 2**18  # multiplications up to which BLAS leaves a product to the calling thread
_BLOCK = 65536  # pixels that a thread solves at once, at most
_FEW_PIXELS = 4096  # are not divided among threads


class Constraints(NamedTuple):
    """What a method asks of the abundances."""

    sums_to_one: bool
    non_negative: bool


METHODS = {
    "fcls": Constraints(sums_to_one=True, non_negative=True),
    "nnls": Constraints(sums_to_one=False, non_negative=True),
    "scls": Constraints(sums_to_one=True, non_negative=False),
    "ucls": Constraints(sums_to_one=False, non_negative=False),
}


class AbundanceSolver:
    """Least-squares abundances of one set of endmembers; keeps what it learns for the next block of pixels.

    It minimises ``|x - E^T a|^2 + (1e-8 s)^2 |a|^2`` over the abundances ``a`` of a pixel ``x``, ``s`` being
    the norm of the largest endmember. The second term, below the rounding of float32 data, keeps dependent
    endmembers apart: the result is a minimiser to rounding whatever the endmembers are. Abundances come from
    QR factors of the endmembers in float64, or are verified with them: their Gram matrix, with which some
    are found, would lose twice as many digits of nearly dependent endmembers.
    """

    def __init__(self, endmembers: npt.ArrayLike, method: str = "fcls") -> None:
        """Prepare for ``endmembers`` (p, bands) and a ``method`` of :data:`METHODS`.

        Raises:
            UnmixingError: the method is unknown, there is no endmember, an endmember is not finite, or there
                are more of them than the bands can tell apart where no bound keeps them: ``p > bands`` for
                ``ucls``, ``p > bands + 1`` for ``scls``.
        """
        if method not in METHODS:
            raise UnmixingError(f"There is no method '{method}'; choose one of {', '.join(METHODS)}.")
        self._constraints = METHODS[method]
        self.endmembers = _checked(endmembers, self._constraints)
        count, bands = self.endmembers.shape
        scale = float(np.linalg.norm(self.endmembers, axis=1).max()) or 1.0
        rotation, triangle = np.linalg.qr(np.vstack([self.endmembers.T / scale, _RIDGE * np.eye(count)]))
        self._projection = rotation[:bands] / scale
        self._sets = ActiveSets(triangle, self._constraints.sums_to_one)

    def __call__(self, pixels: npt.ArrayLike) -> FloatArray:
        """Abundances (n, p) of ``pixels`` (n, bands), float64; a pixel that is not finite gets NaN.

        Raises:
            UnmixingError: the pixels have another number of bands than the endmembers.
        """
        pixels = _matching(pixels, self.endmembers)
        result = np.empty((len(pixels), len(self.endmembers)))

        def solve(rows: slice) -> None:
            """Runs on one thread of several."""
            result[rows] = self._solve(pixels[rows])

        cores = core_count()
        size = min(_BLOCK, max(_FEW_PIXELS, -(-len(pixels) // cores)))
        with ThreadPoolExecutor(cores) as threads:
            list(threads.map(solve, _blocks(len(pixels), size)))
        return result

    def _solve(self, pixels: Table) -> FloatArray:
        """Abundances of one block."""
        projected = np.empty((len(pixels), len(self.endmembers)))
        with np.errstate(invalid="ignore", over="ignore"):
            for rows in _small_products(pixels, self.endmembers):
                np.matmul(_float64(pixels[rows]), self._projection, out=projected[rows])
            valid = np.isfinite(projected.sum(axis=1))
        if not valid.all():
            projected[~valid] = 0.0
        if self._constraints.non_negative:
            result = self._sets.solve(projected)
        else:
            result = self._sets.solve_free(projected)
        result[~valid] = np.nan
        return result


def fcls(pixels: npt.ArrayLike, endmembers: npt.ArrayLike) -> FloatArray:
    """Fully constrained abundances (n, p): not negative, with a sum of one.

    Heinz and Chang (2001), IEEE TGRS 39(3), solved exactly. ``pixels`` are (n, bands), ``endmembers``
    (p, bands), in one unit. Raises :class:`UnmixingError` as :class:`AbundanceSolver` does.
    """
    return AbundanceSolver(endmembers, "fcls")(pixels)


def nnls(pixels: npt.ArrayLike, endmembers: npt.ArrayLike) -> FloatArray:
    """Non-negative abundances (n, p) of ``pixels`` (n, bands); see :class:`AbundanceSolver`."""
    return AbundanceSolver(endmembers, "nnls")(pixels)


def scls(pixels: npt.ArrayLike, endmembers: npt.ArrayLike) -> FloatArray:
    """Abundances (n, p) of ``pixels`` (n, bands), with a sum of one; see :class:`AbundanceSolver`."""
    return AbundanceSolver(endmembers, "scls")(pixels)


def ucls(pixels: npt.ArrayLike, endmembers: npt.ArrayLike) -> FloatArray:
    """Unconstrained abundances (n, p) of ``pixels`` (n, bands); see :class:`AbundanceSolver`."""
    return AbundanceSolver(endmembers, "ucls")(pixels)


def residual_rmse(pixels: npt.ArrayLike, endmembers: npt.ArrayLike, abundances: FloatArray) -> FloatArray:
    """Root mean square over the bands of ``x - E^T a`` for each pixel, (n,), in the pixels' unit.

    ``pixels`` (n, bands), ``endmembers`` (p, bands), ``abundances`` (n, p). It is taken from the residual
    itself: the difference of norms that avoids it loses half the digits where the fit is good.

    Raises:
        UnmixingError: the pixels have another number of bands than the endmembers.
    """
    spectra = np.asarray(endmembers, np.float64)
    pixels = _matching(pixels, spectra)
    result = np.empty(len(pixels))
    with np.errstate(invalid="ignore", over="ignore"):
        for rows in _small_products(pixels, spectra):
            residual = abundances[rows] @ spectra
            residual -= pixels[rows]
            np.einsum("nb,nb->n", residual, residual, out=result[rows])
    rmse: FloatArray = np.sqrt(result / spectra.shape[1])
    return rmse


def _checked(endmembers: npt.ArrayLike, constraints: Constraints) -> FloatArray:
    """The endmembers as float64 (p, bands)."""
    spectra = np.array(endmembers, np.float64)
    if spectra.ndim != 2 or spectra.size == 0:
        raise UnmixingError("There is no endmember; give at least one spectrum, one a row.")
    if not np.isfinite(spectra).all():
        raise UnmixingError("An endmember has values that are not finite; leave it or those bands out.")
    count, bands = spectra.shape
    most = bands + constraints.sums_to_one
    if count > most and not constraints.non_negative:
        raise UnmixingError(
            f"{bands} bands tell {most} endmembers apart, not {count}; give fewer, or choose fcls or nnls."
        )
    return spectra


def _matching(pixels: npt.ArrayLike, endmembers: FloatArray) -> Table:
    """The pixels as an array (n, bands)."""
    values = np.asarray(pixels)
    bands = endmembers.shape[1]
    if values.ndim != 2 or values.shape[1] != bands:
        raise UnmixingError(
            f"The endmembers have {bands} bands, the pixels are {values.shape}; give both the same bands."
        )
    return values


def _float64(pixels: Table) -> FloatArray:
    """The pixels in float64, in the memory order they have."""
    return pixels.astype(np.float64, order="K", copy=False)


def _small_products(pixels: Table, endmembers: FloatArray) -> Iterator[slice]:
    """Slices of pixels (n, bands) so short that work on them stays in the cache and in its thread."""
    return _blocks(len(pixels), max(1, _SMALL_PRODUCT // endmembers.size))


def _blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``count`` rows."""
    return (slice(start, start + size) for start in range(0, count, size))
