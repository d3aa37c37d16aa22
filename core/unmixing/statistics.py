"""Pixel tables as blocks, and the mean and covariance of all their pixels in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Callable, Union

import numpy as np
import numpy.typing as npt

from ..errors import HyperLiftError

FloatArray = npt.NDArray[np.float64]
Table = npt.NDArray[Any]
PixelBlocks = Union[Table, Iterable[Table], Callable[[], Iterable[Table]]]
"""Pixels ``(n, bands)`` in order: one table, or blocks of them that can be gone through again and again."""

CHUNK = 8192
WHOLE = 4 * CHUNK
ROUNDING = 1e-12  # share of the largest variance that rounding of float32 pixels may make


NO_PIXEL = (
    "There is no valid pixel, each is nodata in a band in use: choose another image, or leave out empty "
    "bands by a bad-band list (bbl)."
)


class UnmixingError(HyperLiftError):
    """Pixels that cannot be taken apart into as many endmembers as asked for."""


def chunks(pixels: PixelBlocks) -> Iterator[tuple[int, Table]]:
    """Index of the first pixel and the values ``(n, bands)`` of every :data:`CHUNK` pixels in order.

    The values are float32 or float64 (whatever is neither becomes float32), with nodata as it came. Chunks
    do not depend on how the pixels are cut into blocks, so nor does what is computed from them.

    Raises:
        UnmixingError: tables of different widths, or something that is no table.
        TypeError: an iterator, which can be gone through only once.
    """
    start, held = 0, 0
    waiting: list[Table] = []
    for block in _blocks(pixels):
        done = 0
        while len(block) - done >= CHUNK - held:
            part = block[done : done + CHUNK - held]
            yield start, _real(np.concatenate([*waiting, part]) if waiting else part)
            done, start, waiting, held = done + len(part), start + CHUNK, [], 0
        if done < len(block):
            waiting.append(block[done:].copy())
            held += len(block) - done
    if waiting:
        yield start, _real(np.concatenate(waiting))


def _blocks(pixels: PixelBlocks) -> Iterator[Table]:
    """The tables themselves, all of the same width."""
    if isinstance(pixels, np.ndarray):
        pixels = (pixels,)
    elif isinstance(pixels, Iterator):
        raise TypeError("Pixels are gone through several times: give a list or a function, no iterator.")
    bands = None
    for block in pixels() if callable(pixels) else pixels:
        if block.ndim != 2 or block.shape[1] != (bands or block.shape[1]):
            raise UnmixingError(
                f"Pixels must be tables with a row for each pixel and {bands or 'all the'} bands as columns, "
                f"not {block.shape}."
            )
        bands = block.shape[1]
        yield block


def _real(table: Table) -> Table:
    """``table`` as float32 or float64."""
    return table if table.dtype in (np.float32, np.float64) else table.astype(np.float32)


def valid_rows(table: Table) -> npt.NDArray[np.bool_]:
    """Which rows of ``(n, bands)`` are without NaN and infinity: ``(n,)``."""
    valid: npt.NDArray[np.bool_] = np.isfinite(table @ np.ones(table.shape[1], table.dtype))
    return valid


def rows_at(pixels: PixelBlocks, indices: npt.NDArray[np.int64]) -> Table:
    """The pixels ``(n, bands)`` at the positions ``indices (n,)``, which are in ascending order."""
    found = []
    for start, chunk in chunks(pixels):
        first, last = np.searchsorted(indices, (start, start + len(chunk)))
        found.append(chunk[indices[first:last] - start])
        if last == len(indices):
            break
    return np.concatenate(found)


@dataclass(frozen=True)
class PixelStatistics:
    """Second-order statistics of the valid pixels.

    Attributes:
        count: valid pixels.
        total: pixels with those that are nodata.
        mean: ``(bands,)``.
        covariance: ``(bands, bands)``, divided by ``count``.
    """

    count: int
    total: int
    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, pixels: PixelBlocks, every: int = 1) -> PixelStatistics:
        """One pass over the pixels; rows with NaN or infinity are left out.

        Chunks are merged in float64 (Chan, Golub and LeVeque, 1983, eq. 2.1), each shifted by one of its
        pixels.

        Args:
            pixels: an array, or blocks that can be gone through again and again.
            every: after the first :data:`WHOLE` valid pixels only one of so many is looked at, and counts
                for all of them: the products are most of the work.

        Raises:
            UnmixingError: no valid pixel.
        """
        count = total = weight = 0
        for start, chunk in chunks(pixels):
            total = start + len(chunk)
            valid = valid_rows(chunk)
            chunk = chunk if valid.all() else chunk[valid]
            step = every if count >= WHOLE else 1
            seen = chunk[start // CHUNK % step :: step]
            count += len(chunk)
            if not len(seen):
                continue
            if not weight:
                room = np.empty((CHUNK, seen.shape[1]))
                mean, scatter = np.zeros(seen.shape[1]), np.zeros((seen.shape[1],) * 2)
            own_mean, own_scatter = _moments(seen, room)
            own, apart = step * len(seen), own_mean - mean
            scatter += step * own_scatter + np.outer(apart, apart) * (weight * own / (weight + own))
            mean += apart * (own / (weight + own))
            weight += own
        if not weight:
            raise UnmixingError(NO_PIXEL)
        return cls(count, total, mean, scatter / weight)

    @property
    def bands(self) -> int:
        """Number of bands."""
        return len(self.mean)

    @property
    def second_moment(self) -> FloatArray:
        """Mean of the outer products of the pixels, ``(bands, bands)``."""
        return self.covariance + np.outer(self.mean, self.mean)

    @property
    def variances(self) -> FloatArray:
        """Eigenvalues of the covariance ``(bands,)``, largest first, none negative."""
        return np.clip(np.linalg.eigvalsh(self.covariance)[::-1], 0.0, None)

    @property
    def rank(self) -> int:
        """Dimension of the affine hull of the pixels: variances beyond rounding errors."""
        variances = self.variances
        return int(np.count_nonzero(variances > ROUNDING * variances[0]))

    def principal_axes(self, number: int) -> FloatArray:
        """Unit directions of greatest variance, as columns ``(bands, number)``, greatest first."""
        return leading_axes(self.covariance, number)


def _moments(chunk: Table, room: Table) -> tuple[FloatArray, FloatArray]:
    """Mean and scatter matrix about it of valid pixels ``(n, bands)``; ``room`` is written over."""
    pivot, shifted = chunk[0].astype(np.float64), room[: len(chunk)]
    np.subtract(chunk, pivot, out=shifted)
    offset = shifted.mean(axis=0)
    scatter = shifted.T @ shifted - np.outer(offset, offset) * len(chunk)
    return pivot + offset, scatter


def leading_axes(moment: FloatArray, number: int) -> FloatArray:
    """Eigenvectors ``(bands, number)`` of a symmetric matrix, largest eigenvalue first.

    Of each the component largest in size is positive, so that the sign is determined.
    """
    axes = np.linalg.eigh(moment)[1][:, ::-1][:, :number]
    largest = np.abs(axes).argmax(axis=0)
    signed: FloatArray = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    return signed
