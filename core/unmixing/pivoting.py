"""Many constrained least-squares problems at once, by principal pivoting on a tableau for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .statistics import FloatArray

MaskArray = npt.NDArray[np.bool_]

_SLACK = 1e-10
_STEPS_A_VARIABLE = 3
_TABLEAU_BYTES = 2 * 2**20  # of the pixels that are pivoted at once; they stay in the processor's cache
_REFINEMENTS = 2
_CROWDED = 0.7  # share of unfinished pixels below which the finished ones are dropped


class Tableaus:
    """Abundances that likely solve ``min |R a - y|^2`` over ``a >= 0``, ``sum(a) = 1`` or not.

    Every pixel has a tableau of its own (Cottle, Pang and Stone 2009, The Linear Complementarity Problem,
    chapter 4). One sweep updates those of all pixels together, each at its most wrong variable, from the
    nearest endmember on (from nothing where there is no sum). Sweeps work on the Gram matrix and in any
    order of size, so what they find is refined by its residual, and is to be verified.
    """

    def __init__(self, columns: FloatArray, sums_to_one: bool) -> None:
        """Prepare for ``columns`` (p, p), ``R``."""
        self._columns = columns
        self._sums_to_one = sums_to_one
        self._gram: FloatArray = columns.T @ columns
        if sums_to_one:
            self._corners = _corner_tableaus(columns)

    def solve(self, pixels: FloatArray) -> FloatArray:
        """Abundances (n, p) of ``pixels`` (n, p); anything, NaN included, where pivoting fails."""
        shares = np.empty_like(pixels)
        size = max(1, _TABLEAU_BYTES // self._columns.nbytes)
        with np.errstate(all="ignore"):
            for start in range(0, len(pixels), size):
                shares[start : start + size] = self._solve(pixels[start : start + size])
        return shares

    def _solve(self, pixels: FloatArray) -> FloatArray:
        """The abundances of one block; finished pixels are swept along until there are enough to drop."""
        tableau, values, support = self._start(pixels)
        shares = np.empty_like(pixels)
        rows = np.arange(len(pixels))
        busy = np.ones(len(pixels), bool)
        for _ in range(_STEPS_A_VARIABLE * pixels.shape[1]):
            wrong = np.where(support, -values, values - _SLACK)
            pivots = wrong.argmax(axis=1)
            done = busy & (wrong.max(axis=1) <= 0.0)
            shares[rows[done]] = self._refined(pixels[rows[done]], tableau[done], values[done], support[done])
            busy &= ~done
            if np.count_nonzero(busy) < _CROWDED * len(busy):
                tableau, values, support = tableau[busy], values[busy], support[busy]
                rows, pivots, busy = rows[busy], pivots[busy], busy[busy]
            if not len(rows):
                break
            _sweep(tableau, values, support, pivots)
        shares[rows[busy]] = np.where(support, values, 0.0)[busy]
        return shares

    def _refined(
        self, pixels: FloatArray, tableau: FloatArray, values: FloatArray, support: MaskArray
    ) -> FloatArray:
        """The abundances (n, p) in the ``support`` after steps along the gradient of the residual itself."""
        shares = np.where(support, values, 0.0)
        for _ in range(_REFINEMENTS):
            if self._sums_to_one:
                shares /= shares.sum(axis=1, keepdims=True)
            descent = (pixels - shares @ self._columns.T) @ self._columns
            step = np.einsum("nij,nj->ni", tableau, np.where(support, descent, 0.0))
            shares -= np.where(support, step, 0.0)
        return shares

    def _start(self, pixels: FloatArray) -> tuple[FloatArray, FloatArray, MaskArray]:
        """Tableaus (n, p, p), values (n, p) and supports (n, p) to start from.

        A value is the abundance of a variable in the support, and minus the multiplier of any other.
        """
        values = pixels @ self._columns
        support = np.zeros(pixels.shape, bool)
        if not self._sums_to_one:
            return np.repeat(self._gram[None], len(pixels), axis=0), values, support
        rows, squares = np.arange(len(pixels)), np.diag(self._gram)
        nearest = (values - squares / 2.0).argmax(axis=1)
        values += (squares[nearest] - values[rows, nearest])[:, None] - self._gram[nearest]
        values[rows, nearest] = 1.0
        support[rows, nearest] = True
        return self._corners[nearest], values, support


def _corner_tableaus(columns: FloatArray) -> FloatArray:
    """Tableaus (p, p, p) where a single variable is one and the others grow at its cost."""
    steps = columns[:, None, :] - columns[:, :, None]
    tableaus: FloatArray = np.einsum("cji,cjk->jik", steps, steps)
    every = np.arange(len(columns))
    tableaus[every, every, :] = tableaus[every, :, every] = 1.0
    tableaus[every, every, every] = 0.0
    return tableaus


def _sweep(tableau: FloatArray, values: FloatArray, support: MaskArray, pivots: npt.NDArray[np.intp]) -> None:
    """Move each pixel's variable ``pivots`` (n,) into its support or out of it, in place."""
    rows = np.arange(len(pivots))
    row, value = tableau[rows, pivots], values[rows, pivots]
    inverse = 1.0 / row[rows, pivots]
    scaled = row * inverse[:, None]
    tableau -= row[:, :, None] * scaled[:, None, :]
    values -= scaled * value[:, None]
    sign = np.where(support[rows, pivots], -1.0, 1.0)
    scaled *= sign[:, None]
    scaled[rows, pivots] = -inverse
    tableau[rows, pivots] = scaled
    tableau[rows, :, pivots] = scaled
    values[rows, pivots] = value * inverse * sign
    support[rows, pivots] ^= True
