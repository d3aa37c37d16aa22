"""Many constrained least-squares problems at once, by principal pivoting on tableaus that they share."""

from __future__ import annotations

from threading import Lock
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from .statistics import FloatArray

MaskArray = npt.NDArray[np.bool_]
IndexArray = npt.NDArray[np.int64]

_SLACK = 1e-10
_STEPS_A_VARIABLE = 3
_TABLE_BYTES = 64 * 2**20  # of tableaus that are kept; a full table is begun anew
_BLOCK = 4096  # pixels that are pivoted at once, at most
_CACHE_BYTES = 2**20  # of the tableaus that are worked on at once; they stay in the processor's cache
_REFINEMENTS = 2


class Tableaus:
    """Abundances that likely solve ``min |R a - y|^2`` over ``a >= 0``, ``sum(a) = 1`` or not.

    Each pixel pivots at its most wrong variable (Cottle, Pang and Stone 2009, The Linear Complementarity
    Problem, chapter 4), from the nearest endmember on (from nothing where there is no sum). A tableau depends
    on the support alone, so it is made once, from that of a neighbouring support, and pixels carry only
    their values from one to the next: the abundances in the support, the multipliers elsewhere. Tableaus come
    from the Gram matrix and by any number of pivots, so what they give is refined by its residual, and is to
    be verified.
    """

    def __init__(self, columns: FloatArray, sums_to_one: bool) -> None:
        """Prepare for ``columns`` (p, p), ``R``."""
        self._columns = columns
        self._sums_to_one = sums_to_one
        self._gram: FloatArray = columns.T @ columns
        self._most = _TABLE_BYTES // columns.nbytes
        self._table = self._new_table()

    def _new_table(self) -> _Table:
        """The tableaus to start from: of single variables, or of none."""
        count = len(self._columns)
        capacity = min(2**count, 2 * self._most)
        if self._sums_to_one:
            return _Table(_corner_tableaus(self._columns), np.eye(count, dtype=bool), capacity)
        return _Table(self._gram[None], np.zeros((1, count), bool), capacity)

    def solve(self, pixels: FloatArray) -> FloatArray:
        """Abundances (n, p) of ``pixels`` (n, p); anything, NaN included, where pivoting fails."""
        shares = np.empty_like(pixels)
        size = min(_BLOCK, max(1, self._most // len(self._columns)))
        with np.errstate(all="ignore"):
            for start in range(0, len(pixels), size):
                if len(self._table) > self._most:
                    self._table = self._new_table()
                shares[start : start + size] = self._solve(pixels[start : start + size], self._table)
        return shares

    def _solve(self, pixels: FloatArray, table: _Table) -> FloatArray:
        """The abundances of one block."""
        faces, values = self._start(pixels)
        ends, shares = faces.copy(), np.zeros_like(pixels)
        rows: IndexArray = np.arange(len(pixels))
        for _ in range(_STEPS_A_VARIABLE * pixels.shape[1]):
            pivots = values.argmin(axis=1)
            least = values[np.arange(len(pivots)), pivots]
            busy = (least < -_SLACK) | ((least < 0.0) & table.support[faces, pivots])
            done, left = np.flatnonzero(~busy), np.flatnonzero(busy)
            if len(done):
                ends[rows[done]], shares[rows[done]] = faces[done], values[done]
                rows, faces, pivots = rows[left], faces[left], pivots[left]
                values = values.take(left, axis=0)
            if not len(left):
                break
            faces = table.pivot(faces, pivots, values)
        else:
            ends[rows], shares[rows] = faces, values
        size = max(1, _CACHE_BYTES // self._columns.nbytes)
        for start in range(0, len(pixels), size):
            part = slice(start, start + size)
            self._refine(pixels[part], shares[part], table.tableau[ends[part]], table.support[ends[part]])
        return shares

    def _refine(
        self, pixels: FloatArray, shares: FloatArray, tableau: FloatArray, support: MaskArray
    ) -> None:
        """Steps of the ``shares`` (n, p) along the gradient of the residual itself, in place."""
        shares[~support] = 0.0
        for _ in range(_REFINEMENTS):
            if self._sums_to_one:
                shares /= shares.sum(axis=1, keepdims=True)
            descent = (pixels - shares @ self._columns.T) @ self._columns
            descent *= support
            step = np.einsum("nij,nj->ni", tableau, descent)
            step *= support
            shares += step

    def _start(self, pixels: FloatArray) -> tuple[IndexArray, FloatArray]:
        """Faces (n,) and values (n, p) to start from."""
        values = pixels @ -self._columns
        if not self._sums_to_one:
            return np.zeros(len(pixels), np.int64), values
        rows, squares = np.arange(len(pixels)), np.diag(self._gram)
        nearest = (values + squares / 2.0).argmin(axis=1)
        values += self._gram[nearest] - (squares[nearest] + values[rows, nearest])[:, None]
        values[rows, nearest] = 1.0
        return nearest, values


class _Table:
    """The tableaus of the supports seen so far, the faces; threads may share it.

    Attributes:
        tableau: ``(faces, p, p)``. When variable ``k`` moves, a pixel's values lose row ``k``, times the
            ratio of value and tableau at ``k``.
        support: ``(faces, p)``.
    """

    def __init__(self, tableaus: FloatArray, supports: MaskArray, capacity: int) -> None:
        """Begin with ``tableaus`` (k, p, p) of ``supports`` (k, p), and room for ``capacity`` of them."""
        self._count = len(supports)
        self.tableau, self.support = tableaus, supports
        self._neighbour = np.full(supports.shape, -1)
        # A support is named by a sum of random numbers that wraps. Should two ever share a name, what comes
        # of it is found wrong as anything is that pivoting gets wrong.
        self._names = np.random.default_rng(0).integers(-(2**63), 2**63, supports.shape[1])
        self._name: IndexArray = supports @ self._names
        self._faces = dict(zip(cast(list[int], self._name.tolist()), range(self._count)))
        self._lock = Lock()
        self._reserve(max(capacity, self._count))

    def __len__(self) -> int:
        return self._count

    def pivot(self, faces: IndexArray, pivots: IndexArray, values: FloatArray) -> IndexArray:
        """Move each pixel's variable ``pivots`` (n,) into its support or out of it.

        Args:
            faces: (n,), of the pixels.
            pivots: (n,).
            values: (n, p), of the pixels; become those of the new tableaus.

        Returns:
            The new faces, (n,).
        """
        after = self._neighbour[faces, pivots]
        unknown = after < 0
        if unknown.any():
            with self._lock:
                self._extend(faces[unknown], pivots[unknown])
                after = self._neighbour[faces, pivots]
        rows, row = np.arange(len(faces)), self.tableau[faces, pivots]
        step = values[rows, pivots] / row[rows, pivots]
        row *= step[:, None]
        values -= row
        values[rows, pivots] = -step
        return after

    def _extend(self, faces: IndexArray, pivots: IndexArray) -> None:
        """Find or make the neighbours of ``faces`` (k,) across ``pivots`` (k,)."""
        count = len(self._names)
        faces, pivots = np.divmod(np.unique(faces * count + pivots), count)
        leaving = self.support[faces, pivots]
        name = self._name[faces] + np.where(leaving, -1, 1) * self._names[pivots]
        names = cast(list[int], name.tolist())
        new = {one: place for place, one in enumerate(names) if one not in self._faces}
        if new:
            made = np.fromiter(new.values(), np.int64)
            start, stop = self._count, self._count + len(made)
            if stop > len(self._name):
                self._reserve(2 * stop)
            self._name[start:stop] = name[made]
            self._sweep(faces[made], pivots[made])
            self._faces.update(zip(new, range(start, stop)))
            self._count = stop
        after = [self._faces[one] for one in names]
        self._neighbour[faces, pivots] = after
        self._neighbour[after, pivots] = faces

    def _sweep(self, faces: IndexArray, pivots: IndexArray) -> None:
        """Append the neighbours of ``faces`` (k,) across ``pivots`` (k,); what others read stays as it is."""
        size = max(1, _CACHE_BYTES // self.tableau[0].nbytes)
        for first in range(0, len(faces), size):
            face, pivot = faces[first : first + size], pivots[first : first + size]
            new = slice(self._count + first, self._count + first + len(face))
            rows = np.arange(len(face))
            support = self.support[face]
            support[rows, pivot] ^= True
            self.support[new], self._neighbour[new] = support, -1
            _pivoted(self.tableau[face], pivot, self.tableau[new])

    def _reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` faces."""
        self.tableau, self.support, self._neighbour, self._name = (
            _enlarged(array, capacity) for array in (self.tableau, self.support, self._neighbour, self._name)
        )


def _enlarged(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """A copy with as many rows as ``length``; those beyond the array's own are not touched, nor in memory."""
    longer = np.empty((length, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


def _corner_tableaus(columns: FloatArray) -> FloatArray:
    """Tableaus (p, p, p) where a single variable is one and the others grow at its cost."""
    steps = columns[:, None, :] - columns[:, :, None]
    tableaus: FloatArray = np.einsum("cji,cjk->jik", steps, steps)
    every = np.arange(len(columns))
    tableaus[every, every, :] = 1.0
    tableaus[every, :, every] = -1.0
    tableaus[every, every, every] = 0.0
    return tableaus


def _pivoted(tableau: FloatArray, pivots: IndexArray, result: FloatArray) -> None:
    """Put into ``result`` the ``tableau`` (n, p, p) after variables ``pivots`` (n,) moved."""
    rows = np.arange(len(pivots))
    row, column = tableau[rows, pivots], tableau[rows, :, pivots]
    inverse = 1.0 / row[rows, pivots]
    row *= inverse[:, None]
    np.subtract(tableau, column[:, :, None] * row[:, None, :], out=result)
    column *= -inverse[:, None]
    result[rows, pivots] = row
    result[rows, :, pivots] = column
    result[rows, pivots, pivots] = inverse
