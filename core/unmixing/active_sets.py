"""Least squares under ``a >= 0``, with or without ``sum(a) = 1``, for many right-hand sides at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dtrtri
from scipy.optimize import nnls as lawson_hanson

from .pivoting import IndexArray, MaskArray, Tableaus
from .statistics import FloatArray, UnmixingError

_SLACK = 1e-13  # multipliers above minus this, times one plus the pixel's norm, count as not negative
_CHANCES = 3  # exchanges of all wrong variables without progress, before they are exchanged one by one
_ROUNDS_A_VARIABLE = 20
_ITERATIONS_A_VARIABLE = 30
_FACES_BYTES = 64 * 2**20
_FEW = 7  # variables up to which active sets are so few that their pixels are better gathered
_MANY = 20  # variables beyond which pixels share so few active sets that each is better solved by itself


class Face(NamedTuple):
    """One active set's solution as a map of pixels: ``z = (y @ rotation - centre) @ weights``.

    ``z`` holds the abundances of the variables in the support and the multipliers of the others; where the
    abundances sum to one, the support's first is left at zero, for it is one minus the rest.
    """

    rotation: FloatArray
    centre: FloatArray
    weights: FloatArray


class Group(NamedTuple):
    """Pixels (p, n), one a column, so that what is done to all of them runs along contiguous rows.

    Those of one support lie side by side: ``parts`` are the slices of each. ``places`` (n,) are their numbers
    before they were sorted.
    """

    places: IndexArray
    pixels: FloatArray
    support: MaskArray
    parts: list[slice]


class ActiveSets:
    """Solves ``min |R a - y|^2`` over ``a >= 0`` for pixels ``y``, and remembers every active set's solution.

    A support (the variables that are not held at zero) determines abundances and multipliers linearly, so all
    pixels of one support are solved by two matrix products. Block principal pivoting finds the supports: all
    variables of the wrong sign change sides together; a pixel where that brings no progress changes only its
    last wrong variable (Kim and Park 2011, SIAM J. Sci. Comput. 33(6); by Murty 1974, Opsearch 11, that ends
    where the columns of ``R`` are independent). It holds under the sum to one, too: that problem is
    ``min |(R - y 1^T) a|^2 + (1 - sum(a))^2`` over ``a >= 0`` but for a positive factor in ``a``, which
    leaves all signs as they are. What rounding might keep from ending goes to the method of Lawson and Hanson
    (1974, chapter 23), pixel by pixel.

    With more than a few variables :class:`.Tableaus` are faster, with many the method of Lawson and Hanson;
    what they find is verified, and block pivoting goes on from where it is not optimal.
    """

    def __init__(self, columns: FloatArray, sums_to_one: bool) -> None:
        """Prepare for ``columns`` (p, p): the matrix ``R`` of independent columns with norms up to one."""
        self._columns = columns
        self._sums_to_one = sums_to_one
        self._tableaus = Tableaus(columns, sums_to_one) if _FEW < len(columns) <= _MANY else None
        self._faces: dict[bytes, Face] = {}
        self._capacity = max(1, _FACES_BYTES // (16 * columns.size))

    def solve(self, pixels: FloatArray) -> FloatArray:
        """The minimisers (n, p) over ``a >= 0`` for ``pixels`` (n, p), which must be finite."""
        slack = -_SLACK * (1.0 + np.sqrt(np.einsum("np,np->n", pixels, pixels)))
        if self._tableaus is not None:
            shares = self._tableaus.solve(pixels)
        elif len(self._columns) > _MANY and len(pixels):
            shares = np.array([self._solve_one(pixel) for pixel in pixels])
        else:
            return self._exchange(pixels, np.ones(pixels.shape, bool), slack)
        left = ~self._optimal(pixels, shares, slack)
        support = shares > 0.0
        support[~support.any(axis=1)] = True
        shares[left] = self._exchange(pixels[left], support[left], slack[left])
        return shares

    def _optimal(self, pixels: FloatArray, shares: FloatArray, slack: FloatArray) -> MaskArray:
        """Which rows of ``shares`` (n, p) fulfil the conditions of Karush, Kuhn and Tucker."""
        with np.errstate(all="ignore"):
            multipliers = (shares @ self._columns.T - pixels) @ self._columns
            optimal: MaskArray = np.all(shares >= 0.0, axis=1)
            if self._sums_to_one:
                multipliers -= np.einsum("np,np->n", multipliers, shares)[:, None]
                optimal &= np.abs(shares.sum(axis=1) - 1.0) <= _SLACK
            optimal &= (multipliers >= slack[:, None]).all(axis=1)
            optimal &= (multipliers * (shares > 0.0) <= -slack[:, None]).all(axis=1)
        return optimal

    def _exchange(self, pixels: FloatArray, support: MaskArray, slack: FloatArray) -> FloatArray:
        """The minimisers (n, p) by block principal pivoting from ``support`` (n, p) on."""
        count = len(self._columns)
        group = _grouped(np.ascontiguousarray(pixels.T), np.ascontiguousarray(support.T))
        answer = np.empty_like(group.pixels)
        places, slack = group.places, slack[group.places]
        fewest, chances = np.full(len(places), count + 1), np.full(len(places), _CHANCES)
        for _ in range(_ROUNDS_A_VARIABLE * count):
            values = self._solve_groups(group)
            wrong = (values < slack) | ((values < 0.0) & group.support)
            number = wrong.sum(axis=0)
            done, left = np.flatnonzero(number == 0), np.flatnonzero(number)
            solved = np.where(group.support.take(done, axis=1), values.take(done, axis=1), 0.0)
            answer[:, places[done]] = solved
            if not len(left):
                return np.ascontiguousarray(answer.T)
            progress = number < fewest
            chances = np.where(progress, _CHANCES, chances - 1)
            fewest = np.where(progress, number, fewest)
            stuck = np.flatnonzero(chances < 0)
            wrong[:, stuck] = _last(wrong[:, stuck])
            group = _grouped(group.pixels, group.support ^ wrong, left)
            left = group.places
            places, slack, fewest, chances = places[left], slack[left], fewest[left], chances[left]
        answer[:, places] = np.array([self._solve_one(pixel) for pixel in group.pixels.T]).T
        return np.ascontiguousarray(answer.T)

    def solve_free(self, pixels: FloatArray) -> FloatArray:
        """The minimisers (n, p) for ``pixels`` (n, p) when no bound holds, regardless of sign."""
        result = np.empty_like(pixels)
        self._solve_face(pixels.T, np.ones(pixels.shape[1], bool), result.T)
        return result

    def _solve_groups(self, group: Group) -> FloatArray:
        """Abundances in each pixel's support regardless of sign, multipliers elsewhere, (p, n)."""
        values = np.empty_like(group.pixels)
        for part in group.parts:
            self._solve_face(group.pixels[:, part], group.support[:, part.start], values[:, part])
        return values

    def _solve_face(self, pixels: FloatArray, support: MaskArray, result: FloatArray) -> None:
        """Abundances and multipliers, into ``result``, for pixels (p, n) of one ``support`` (p,)."""
        face = self._face(support)
        rotated = face.rotation.T @ pixels
        rotated -= face.centre[:, None]
        np.matmul(face.weights.T, rotated, out=result)
        if self._sums_to_one:
            result[support.argmax()] = 1.0 - support.astype(np.float64) @ result

    def _face(self, support: MaskArray) -> Face:
        """The face of ``support`` (p,), made on first sight."""
        key = support.tobytes()
        face = self._faces.get(key)
        if face is None:
            if len(self._faces) >= self._capacity:
                self._faces.clear()
            face = self._faces[key] = self._make_face(support)
        return face

    def _make_face(self, support: MaskArray) -> Face:
        """QR of the support's columns: a rotated pixel holds first what the face explains, then the rest."""
        free, held = np.flatnonzero(support), np.flatnonzero(~support)
        columns = self._columns
        origin: FloatArray = np.zeros(len(support))
        if self._sums_to_one:
            origin = columns[:, free[0]]
            columns, free = columns - origin[:, None], free[1:]
        rotation, triangle = np.linalg.qr(columns[:, free], mode="complete")
        rank = len(free)
        weights = np.zeros_like(columns)
        if rank:
            weights[:rank, free] = dtrtri(triangle[:rank])[0].T
        weights[rank:, held] = -rotation[:, rank:].T @ columns[:, held]
        return Face(rotation, origin @ rotation, weights)

    def _solve_one(self, pixel: FloatArray) -> FloatArray:
        """The abundances (p,) of one ``pixel`` (p,) by Lawson and Hanson's method."""
        matrix, side = self._columns, pixel
        if self._sums_to_one:
            scale = 1.0 + np.linalg.norm(pixel)
            matrix = np.vstack([matrix - pixel[:, None], np.full(len(pixel), scale)])
            side = np.append(np.zeros(len(pixel)), scale)
        try:
            solution: FloatArray = lawson_hanson(matrix, side, _ITERATIONS_A_VARIABLE * len(pixel))[0]
        except RuntimeError as error:
            raise UnmixingError(
                f"The abundances could not be found ({error}); leave out endmembers that are almost the "
                "same, or choose scls or ucls."
            ) from error
        return solution / solution.sum() if self._sums_to_one else solution


def _last(wrong: MaskArray) -> MaskArray:
    """Only the last true variable of each column."""
    last = len(wrong) - 1 - wrong[::-1].argmax(axis=0)
    only: MaskArray = np.arange(len(wrong))[:, None] == last
    return only


def _grouped(pixels: FloatArray, support: MaskArray, chosen: IndexArray | None = None) -> Group:
    """The columns ``chosen``, or all, of ``pixels`` and ``support`` (p, n), sorted by their supports."""
    codes = _codes(support)
    if chosen is not None:
        codes = codes[chosen]
    order = np.argsort(codes, kind="stable")
    places = order if chosen is None else chosen[order]
    parts = list(_runs(codes[order]))
    return Group(places, pixels.take(places, axis=1), support.take(places, axis=1), parts)


def _codes(support: MaskArray) -> npt.NDArray[np.generic]:
    """One sortable value for each column of ``support`` (p, n)."""
    if len(support) <= 8:
        code = np.zeros(support.shape[1], np.uint8)
        for bit, row in enumerate(support):
            code |= row.view(np.uint8) << bit
        return code
    packed = np.packbits(support, axis=0)
    width = len(packed)
    padded = next((size for size in (2, 4, 8) if size >= width), width)
    packed = np.pad(np.ascontiguousarray(packed.T), ((0, 0), (0, padded - width)))
    return packed.view(f"u{padded}" if padded <= 8 else f"S{padded}")[:, 0]


def _runs(codes: npt.NDArray[np.generic]) -> Iterator[slice]:
    """The runs of equal values in sorted ``codes``."""
    edges = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    bounds = [0, *map(int, edges), len(codes)] if len(codes) else []
    return (slice(start, stop) for start, stop in zip(bounds, bounds[1:]))
