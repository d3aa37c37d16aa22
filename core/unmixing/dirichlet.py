"""The Dirichlet distribution of abundances: its likelihood, and its parameters by Newton's method."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln, polygamma

from .statistics import FloatArray

STEPS = 100
PRECISION = 1e-10


def log_normaliser(alpha: FloatArray) -> float:
    """Logarithm of what the product of the abundances to the powers ``alpha - 1`` is multiplied by."""
    return float(gammaln(alpha.sum()) - gammaln(alpha).sum())


def fit_dirichlet(mean_log: FloatArray, start: FloatArray) -> FloatArray:
    """Parameters ``alpha (p,)`` of greatest likelihood, from the means of the logarithms of the abundances.

    Newton's method with the Hessian inverted in closed form, Minka, "Estimating a Dirichlet distribution"
    (2000), eqs. 4 to 18. A step that would leave the positive numbers is halved until it does not. An
    abundance of exactly zero has no logarithm: replace it by a small number before.

    Args:
        mean_log: ``(p,)``, all negative and finite.
        start: positive ``(p,)``.
    """
    alpha = np.array(start, dtype=np.float64)
    for _ in range(STEPS):
        gradient = digamma(alpha.sum()) - digamma(alpha) + mean_log
        diagonal, common = -polygamma(1, alpha), polygamma(1, alpha.sum())
        shift = (gradient / diagonal).sum() / (1.0 / common + (1.0 / diagonal).sum())
        step = (gradient - shift) / diagonal
        while np.any(alpha <= step):
            step = step / 2.0
        alpha = alpha - step
        if np.all(np.abs(step) <= PRECISION * alpha):
            break
    return alpha
