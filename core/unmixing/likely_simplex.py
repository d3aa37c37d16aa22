"""The simplex that makes noisy mixtures most likely."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr

from .mixture_likelihood import inverse_mills
from .statistics import FloatArray

MOST_NOISE = 0.1  # share of a coordinate's variance that is taken for noise while the facets are sought
LEAST_NOISE = 1e-6
THICKNESS = 0.3  # largest uncertainty of an abundance; without it facets of noise alone would meet
LEAST_SIGNAL = 1e-4


def likely_simplex(points: FloatArray, noise_variance: float, start: FloatArray) -> FloatArray:
    """Vertices ``(p, p - 1)`` that make ``points (n, p - 1)`` likely mixtures with white noise.

    For evenly distributed abundances ``b = Q [x, 1]`` of a pixel, each with noise of standard deviation
    ``t_i``, the density is close to ``|det Q| prod_i Phi(b_i / t_i)``, the facets taken as independent. Its
    product over the pixels is maximised by L-BFGS. In a direction where noise is most of the variance the
    facets are not independent: there the simplex is sought around less noise and then made smaller, so that
    the variances of abundances and noise add up to those of the points.

    Args:
        points: centred principal coordinates.
        noise_variance: of each of them.
        start: vertices to begin with.
    """
    spread = points.std(axis=0)
    share = noise_variance / spread**2
    taken = np.clip(share, LEAST_NOISE, MOST_NOISE)
    vertices = _fit(points / spread, taken, start / spread)
    smaller = np.sqrt(np.maximum(1.0 - share, LEAST_SIGNAL) / (1.0 - taken))
    fitted: FloatArray = vertices * (smaller * spread)
    return fitted


def _fit(points: FloatArray, noise: FloatArray, start: FloatArray) -> FloatArray:
    """Vertices of greatest likelihood for points of unit variance with ``noise (p - 1,)`` variances."""
    count = len(start)
    table = np.column_stack([points, np.ones(len(points))])
    variances = np.append(noise, 0.0)

    def criterion(free: FloatArray) -> tuple[float, FloatArray]:
        """Minus the log-likelihood, and its gradient."""
        value, slope = _log_likelihood(_whole(free, count), table, variances)
        return -value, (slope[-1] - slope[:-1]).ravel()

    rows = np.linalg.inv(np.column_stack([start, np.ones(count)]).T)
    options = {"maxiter": 300, "maxcor": 20}
    result = minimize(criterion, rows[:-1].ravel(), jac=True, method="L-BFGS-B", options=options)
    vertices = np.asarray(np.linalg.inv(_whole(result.x, count)), np.float64)
    return vertices.T[:, :-1]


def _whole(free: FloatArray, count: int) -> FloatArray:
    """``Q (p, p)`` from all its rows but the last: abundances have a sum of one."""
    rows = np.empty((count, count))
    rows[:-1] = free.reshape(count - 1, count)
    rows[-1] = -rows[:-1].sum(axis=0)
    rows[-1, -1] += 1.0
    return rows


def _log_likelihood(rows: FloatArray, table: FloatArray, variances: FloatArray) -> tuple[float, FloatArray]:
    """Mean over the pixels ``table (n, p)``, and its gradient ``(p, p)`` with respect to ``rows``."""
    squares = (rows * rows) @ variances
    bounded = 1.0 / (1.0 + squares / THICKNESS**2)
    deviation = np.sqrt(squares * bounded)
    scaled = (table @ rows.T) / deviation
    logarithm = log_ndtr(scaled)
    value = float(np.linalg.slogdet(rows)[1] + logarithm.sum() / len(table))
    mills = inverse_mills(scaled)
    slope = np.linalg.inv(rows).T + (mills.T @ table) / deviation[:, None] / len(table)
    pull = (mills * scaled).mean(axis=0) * (bounded / deviation) ** 2
    return value, slope - pull[:, None] * (rows * variances)
