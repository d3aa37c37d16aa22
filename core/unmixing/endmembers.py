"""Vertex component analysis (Nascimento and Dias, 2005): the purest pixels, found block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Callable

import numpy as np
import numpy.typing as npt

from .statistics import (
    FloatArray,
    PixelBlocks,
    PixelStatistics,
    Table,
    UnmixingError,
    chunks,
    leading_axes,
    rows_at,
    valid_rows,
)

TRIALS = 10
KEPT_BYTES = 512_000_000  # projections of float32 pixels up to this stay in memory; larger ones are made anew


@dataclass(frozen=True)
class Endmembers:
    """Endmembers of an image.

    Attributes:
        spectra: ``(p, bands)``, in the units of the pixels.
        indices: ``(p,)``, positions of the endmembers' pixels in the order of all pixels, nodata included.
    """

    spectra: FloatArray
    indices: npt.NDArray[np.int64]


def vca(
    pixels: PixelBlocks,
    count: int,
    seed: int = 0,
    *,
    trials: int = TRIALS,
    denoised: bool = True,
    statistics: PixelStatistics | None = None,
) -> Endmembers:
    """Vertex component analysis (Nascimento and Dias, 2005) of pixels ``(n, bands)``, in any block sizes.

    Where the signal-to-noise ratio exceeds ``15 + 10 log10(count)`` dB, pixels are projected on ``count``
    dimensions and divided by their brightness, else on ``count - 1`` principal axes with a constant beside
    them. The division amplifies the noise of dark pixels (water, shadow), so the ratio is that of the
    darkest pixel. One run depends much on its random directions: of ``trials`` runs that of the largest
    simplex is taken.

    The spectra are, as in the paper, the pixels freed of the noise outside the ``count`` leading dimensions
    of the image, but not negative where the pixels are not. They are nearer to the true endmembers than the
    pixels as measured, which are at ``indices`` and which ``denoised=False`` returns.

    Args:
        pixels: pixels with nodata as NaN; an array, or blocks that can be gone through again and again.
        count: number of endmembers.
        seed: of the random directions.
        trials: number of runs.
        denoised: whether to return the spectra freed of noise.
        statistics: those of the pixels, where they are known already.

    Raises:
        UnmixingError: no ``count`` endmembers can come from these pixels; :func:`require_endmembers`.
    """
    statistics = statistics or PixelStatistics.of(pixels, every=8)
    require_endmembers(statistics, count, statistics.bands)
    return largest_simplex(pixels, count, seed, trials, denoised, statistics)


def require_endmembers(statistics: PixelStatistics, count: int, most: int) -> None:
    """Check that the pixels span a simplex of ``count`` endmembers, which are ``most`` at most.

    Raises:
        UnmixingError: fewer than two endmembers, more than ``most`` or than valid pixels, or pixels that
            vary in fewer directions than the simplex has.
    """
    if count < 2:
        raise UnmixingError(f"Mixtures have at least two endmembers: ask for 2 or more, not {count}.")
    if count > most:
        raise UnmixingError(
            f"{statistics.bands} bands allow {most} endmembers at most: ask for fewer than {count}."
        )
    if count > statistics.count:
        raise UnmixingError(
            f"The image has {statistics.count} valid pixels, fewer than the {count} endmembers asked for: "
            "ask for fewer or choose a larger image."
        )
    if statistics.rank < count - 1:
        raise UnmixingError(
            f"The pixels are mixtures of only {statistics.rank + 1} spectra: ask for fewer endmembers than "
            f"{count} or choose an image that varies more."
        )


def largest_simplex(
    pixels: PixelBlocks, count: int, seed: int, trials: int, denoised: bool, statistics: PixelStatistics
) -> Endmembers:
    """:func:`vca` without its checks, for up to one endmember more than bands."""
    signal, scale = _signal(pixels, count, statistics)
    draws = np.random.default_rng(seed).random((trials, count, count))
    runs = _pursue(signal, scale, draws)
    seen, places = np.unique(runs, return_inverse=True)
    spectra = rows_at(pixels, seen).astype(np.float64)
    corners = ((spectra - statistics.mean) @ statistics.principal_axes(count - 1))[places.reshape(runs.shape)]
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1]))
    indices = runs[volumes.argmax()]
    spectra = spectra[np.searchsorted(seen, indices)]
    if denoised:
        axes = leading_axes(statistics.second_moment, count)
        spectra = np.maximum(spectra @ axes @ axes.T, np.minimum(spectra, 0.0))
    return Endmembers(spectra, indices)


@dataclass(frozen=True)
class _Signal:
    """Projected pixels ``(count, n)``, made chunk by chunk each time; those of nodata are zero."""

    pixels: PixelBlocks
    project: Callable[[Table], Table]

    def __iter__(self) -> Iterator[tuple[int, Table]]:
        for start, chunk in chunks(self.pixels):
            projected = self.project(chunk)
            projected[:, ~valid_rows(projected.T)] = 0.0
            yield start, projected


def _signal(
    pixels: PixelBlocks, count: int, statistics: PixelStatistics
) -> tuple[Iterable[tuple[int, Table]], FloatArray]:
    """The projection that fits the signal-to-noise ratio, and by what ``(count,)`` to multiply its rows."""
    mean, scale = statistics.mean, np.ones(count)
    project = partial(_affine, axes=statistics.principal_axes(count - 1), mean=mean)
    margin = _signal_to_noise(statistics, count) - 15 - 10 * np.log10(count)
    perspective = margin > 0 and 20 * np.log10(_darkest(pixels, mean)) + margin > 0
    if perspective:
        project = partial(_perspective, axes=leading_axes(statistics.second_moment, count), mean=mean)
    signal: Iterable[tuple[int, Table]] = _Signal(pixels, project)
    if 4 * count * statistics.total <= KEPT_BYTES:
        signal = list(signal)
    if not perspective:
        scale[-1] = max(np.einsum("dn,dn->n", table[:-1], table[:-1]).max() for _, table in signal) ** 0.5
    return signal, scale


def _affine(chunk: Table, axes: FloatArray, mean: FloatArray) -> Table:
    """Principal coordinates of pixels ``(n, bands)`` and a row of ones: ``(count, n)``."""
    centred = _projected(chunk, axes) - (mean @ axes)[:, None].astype(chunk.dtype)
    return np.vstack([centred, np.ones((1, len(chunk)), chunk.dtype)])


def _perspective(chunk: Table, axes: FloatArray, mean: FloatArray) -> Table:
    """Pixels ``(n, bands)`` on ``axes (bands, count)``, divided by their extent along ``mean``."""
    projected = _projected(chunk, axes)
    projected /= (mean @ axes).astype(chunk.dtype) @ projected
    return projected


def _projected(chunk: Table, axes: FloatArray) -> Table:
    """Pixels ``(n, bands)`` on ``axes (bands, d)`` as ``(d, n)``, in their own precision.

    One product for each axis, which for so few axes is faster than that of the matrices.
    """
    return np.stack([chunk @ axis for axis in np.ascontiguousarray(axes.T, dtype=chunk.dtype)])


def _darkest(pixels: PixelBlocks, mean: FloatArray) -> float:
    """Least extent of a pixel along the ``mean``, as a share of the mean's own, above zero."""
    least, own = np.inf, float(mean @ mean)
    for _, chunk in chunks(pixels):
        extent = chunk @ mean.astype(chunk.dtype)
        least = min(least, float(extent.min(where=np.isfinite(extent), initial=np.inf)))
    return max(least / own, 1e-9) if own > 0 else 1e-9


def _signal_to_noise(statistics: PixelStatistics, count: int) -> float:
    """Signal-to-noise ratio in dB of pixels in ``count`` dimensions (Nascimento and Dias, 2005, eq. 13)."""
    if count >= statistics.bands:
        return -np.inf  # no dimension is left to see the noise in
    constant = float(statistics.mean @ statistics.mean)
    within, beyond = np.split(statistics.variances, [count])
    noise = float(beyond.sum())
    signal = constant + float(within.sum()) - count / statistics.bands * (constant + within.sum() + noise)
    if noise <= 0:
        return np.inf
    return 10 * np.log10(signal / noise) if signal > 0 else -np.inf


def _pursue(
    signal: Iterable[tuple[int, Table]], scale: FloatArray, draws: FloatArray
) -> npt.NDArray[np.int64]:
    """Positions ``(trials, count)`` of the pixels that the runs with ``draws (trials, count, count)`` take.

    Each step of a run takes the pixel farthest along a random direction orthogonal to those it took before.
    """
    trials, count, _ = draws.shape
    corners = np.zeros((trials, count, count))
    corners[:, -1, 0] = 1.0
    indices = np.full((trials, count), -1, dtype=np.int64)
    for step in range(count):
        drawn = draws[:, step, :, None]
        directions = (drawn - corners @ (np.linalg.pinv(corners) @ drawn))[..., 0]
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        indices[:, step], projection = _farthest(signal, directions * scale, indices)
        corners[:, :, step] = projection * scale
    return indices


def _farthest(
    signal: Iterable[tuple[int, Table]], directions: FloatArray, taken: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Position and projection of the first pixel farthest along each of ``directions``, none twice."""
    every = np.arange(len(directions))
    distance, where, projection = np.zeros(len(every)), np.full(len(every), -1), np.zeros_like(directions)
    for start, projected in signal:
        distances = np.abs(directions.astype(projected.dtype) @ projected)
        run, step = np.nonzero((taken >= start) & (taken < start + projected.shape[1]))
        distances[run, taken[run, step] - start] = 0.0
        first = distances.argmax(axis=1)
        better = np.flatnonzero(distances[every, first] > distance)
        distance[better] = distances[better, first[better]]
        where[better] = start + first[better]
        projection[better] = projected[:, first[better]].T
    if (where < 0).any():
        raise UnmixingError("The pixels are mixtures of too few spectra: ask for fewer endmembers.")
    return where, projection
