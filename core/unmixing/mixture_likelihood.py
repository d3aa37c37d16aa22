"""Probability density of noisy mixtures with Dirichlet abundances, by importance sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from .dirichlet import log_normaliser
from .statistics import FloatArray

SWEEPS = 5
DAMPING = 0.7
LEAST = 1e-300  # abundance
HALF_LOG_TWO_PI = float(np.log(2.0 * np.pi) / 2.0)


@dataclass(frozen=True)
class Draws:
    """Abundances drawn around those of every point.

    Attributes:
        logs: their logarithms, ``(p, n, samples)``.
        log_weights: logarithms of the likelihood of the point over the density drawn from, ``(n, samples)``.
    """

    logs: FloatArray
    log_weights: FloatArray

    def log_density(self, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``log E_{s ~ Dir(alpha)} N(x; V s, sigma^2 I)`` of the points ``(n,)``, and posterior weights.

        The weights ``(n, samples)`` of the draws have a sum of one for every point.
        """
        exponent = np.tensordot(alpha - 1.0, self.logs, 1)
        exponent += self.log_weights + log_normaliser(alpha)
        largest = exponent.max(axis=1, keepdims=True)
        weights = np.exp(exponent - largest)
        total = weights.sum(axis=1, keepdims=True)
        weights /= total
        return (largest + np.log(total / weights.shape[1]))[:, 0], weights


def draw(points: FloatArray, vertices: FloatArray, noise_variance: float, uniforms: FloatArray) -> Draws:
    """Abundances drawn from close to their posterior distribution under even abundances.

    Given a point, the abundances are a Gaussian around those of least squares, cut off at the facets. Its
    approximation by :func:`posterior_gaussians` is drawn coordinate by coordinate, each cut off to the
    interval that those before leave, so that every draw lies in the simplex (the simulator of Geweke,
    Hajivassiliou and Keane). Weights are exact, and in logarithms throughout.

    Args:
        points: ``(n, p - 1)``.
        vertices: ``(p, p - 1)``.
        noise_variance: of each coordinate.
        uniforms: numbers between 0 and 1, ``(n, samples, p - 1)``.
    """
    edges = (vertices[:-1] - vertices[-1]).T
    offset = points - vertices[-1]
    mean, covariance = posterior_gaussians(edges.T @ edges / noise_variance, offset @ edges / noise_variance)
    factor = np.linalg.cholesky(covariance).transpose(1, 2, 0)[..., None]
    dimensions = len(edges)
    shares = np.empty((dimensions + 1, *uniforms.shape[:2]))
    normals = np.empty((dimensions, *uniforms.shape[:2]))
    left = np.ones(uniforms.shape[:2])
    log_weights = np.full(uniforms.shape[:2], -dimensions / 2.0 * np.log(noise_variance))
    for k in range(dimensions):
        centre = mean[:, k, None] + (factor[k, :k] * normals[:k]).sum(axis=0)
        scale = factor[k, k]
        normals[k], log_mass = _cut_normal(-centre / scale, (left - centre) / scale, uniforms[:, :, k])
        log_weights += log_mass + normals[k] ** 2 / 2.0 + np.log(scale)
        shares[k] = np.clip(centre + scale * normals[k], LEAST, np.maximum(left, LEAST))
        left = left - shares[k]
    shares[-1] = np.maximum(left, LEAST)
    residual = offset.T[:, :, None] - np.tensordot(edges, shares[:-1], 1)
    log_weights -= (residual**2).sum(axis=0) / (2.0 * noise_variance)
    return Draws(np.log(shares), log_weights)


def _cut_normal(low: FloatArray, high: FloatArray, uniform: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard normal numbers between ``low`` and ``high``, and the logarithm of the mass there.

    Computed in the tail on whose side the interval lies, so that far tails keep their precision.
    """
    mirrored = low + high > 0.0
    below, above = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    log_above = log_ndtr(above)
    ratio = np.exp(log_ndtr(below) - log_above)
    numbers = ndtri_exp(log_above + np.log(uniform + (1.0 - uniform) * ratio))
    numbers = np.clip(numbers, below, above)
    narrow = np.log(np.maximum(above - below, LEAST)) - above**2 / 2.0 - HALF_LOG_TWO_PI
    log_mass = np.where(ratio < 1.0 - 1e-9, log_above + np.log1p(-np.minimum(ratio, 1.0 - 1e-9)), narrow)
    return np.where(mirrored, -numbers, numbers), log_mass


def posterior_gaussians(precision: FloatArray, linear: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gaussians with about the moments of Gaussians cut off at the facets of the abundances' simplex.

    Expectation propagation (Minka, 2001) with one site for each facet. A wide Gaussian around even
    abundances is added, for directions in which the points tell nothing.

    Args:
        precision: of the abundances but the last, ``(p - 1, p - 1)``.
        linear: precision times mean, for every point, ``(n, p - 1)``.

    Returns:
        Means ``(n, p - 1)`` and covariances ``(n, p - 1, p - 1)``.
    """
    dimensions = len(precision)
    count = dimensions + 1
    facets = np.vstack([np.eye(dimensions), -np.ones(dimensions)])
    constant = np.append(np.zeros(dimensions), 1.0)
    wide = (np.eye(dimensions) + 1.0) * (count + 1)  # 1 / p times that of even abundances
    precision, linear = precision + wide, linear + wide.sum(axis=1) / count
    site_precision = np.zeros((len(linear), count))
    site_linear = np.zeros((len(linear), count))
    for sweep in range(SWEEPS + 1):
        sites = np.einsum("nk,ki,kj->nij", site_precision, facets, facets, optimize=True)
        covariance = np.linalg.inv(sites + precision)
        covariance = (covariance + covariance.transpose(0, 2, 1)) / 2.0
        right = linear + (site_linear - site_precision * constant) @ facets
        mean = np.einsum("nij,nj->ni", covariance, right)
        if sweep < SWEEPS:
            variance = np.column_stack([np.einsum("nii->ni", covariance), covariance.sum(axis=(1, 2))])
            wanted = _sites(mean @ facets.T + constant, variance, site_precision, site_linear)
            site_precision += DAMPING * (wanted[0] - site_precision)
            site_linear += DAMPING * (wanted[1] - site_linear)
    return mean, covariance


def _sites(
    mean: FloatArray, variance: FloatArray, site_precision: FloatArray, site_linear: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sites ``(n, p)`` that give each abundance its moments when cut off at zero, given the other sites."""
    cavity = np.maximum(1.0 / variance - site_precision, 1e-10 / variance)
    centre = (mean / variance - site_linear) / cavity
    distance = centre * np.sqrt(cavity)
    mills = inverse_mills(distance)
    shrinkage = np.where(distance < -30.0, 1.0 / (distance**2 + 1.0), 1.0 - mills * (mills + distance))
    new_variance = np.clip(shrinkage, 1e-12, 1.0) / cavity
    new_mean = centre + mills / np.sqrt(cavity)
    return np.maximum(1.0 / new_variance - cavity, 0.0), new_mean / new_variance - centre * cavity


def inverse_mills(values: FloatArray) -> FloatArray:
    """Density of the standard normal distribution over its mass below; far down in the tail, ``-values``."""
    near = np.maximum(values, -1e4)
    ratio: FloatArray = np.exp(-(near**2) / 2.0 - HALF_LOG_TWO_PI - log_ndtr(near))
    return np.where(values < -1e4, -values, ratio)
