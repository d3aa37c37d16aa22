"""Noise of every band: what the other bands, or a few factors, do not explain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .statistics import FloatArray

LEAST_NOISE = 1e-10  # variance, as a share of the band's mean square; keeps noiseless bands invertible
FACTOR_STEPS = 50
LEAST_SHARE = 0.1  # of the mean variance that a band has beside the factors


class NoiseEstimate(NamedTuple):
    """What regression makes of the second moment of pixels.

    Attributes:
        variance: of the noise of every band, ``(bands,)``.
        signal: second moment of the pixels without their noise, ``(bands, bands)``.
    """

    variance: FloatArray
    signal: FloatArray


def regression_noise(moment: FloatArray) -> NoiseEstimate:
    """Noise as what linear regression on all other bands leaves of a band.

    Bioucas-Dias and Nascimento (2008), algorithm 1. With ``R`` the second moment (or covariance) and ``D``
    the inverse of the diagonal of ``R^-1``, the noise of the pixels ``Y`` is ``Y R^-1 D``, so that its
    variances are ``D`` and the second moment of the rest is ``R - 2 D + D R^-1 D``: no pixel is needed.

    Args:
        moment: ``R (bands, bands)``; bands without variation get a trace of noise.
    """
    power = np.diag(moment)
    scale = np.sqrt(np.where(power > 0.0, power, 1.0))
    inverse = np.linalg.inv(moment / np.outer(scale, scale) + LEAST_NOISE * np.eye(len(moment)))
    share = 1.0 / np.diag(inverse)
    residual = share[:, None] * inverse * share
    signal = moment - 2.0 * np.diag(share * scale**2) + residual * np.outer(scale, scale)
    return NoiseEstimate(share * scale**2, 0.5 * (signal + signal.T))


def factor_noise(covariance: FloatArray, factors: int) -> FloatArray:
    """Noise variances ``(bands,)`` with which so many factors explain the rest of a covariance best.

    Principal factor analysis: with bands divided by their noise the leading eigenvectors are the factors;
    what they leave of the variances is the noise, and so on until it settles. Of more factors than there
    can be told from noise that differs among bands (Ledermann's bound) so many are taken.

    Args:
        covariance: ``(bands, bands)``; it may lack one dimension, as that of pixels with a sum of one.
        factors: 1 or more.
    """
    bands = len(covariance)
    factors = max(1, min(factors, int((2 * bands + 1 - np.sqrt(8 * bands + 1)) / 2)))
    noise: FloatArray = np.full(bands, np.linalg.eigvalsh(covariance)[: bands - factors].mean())
    for _ in range(FACTOR_STEPS):
        scale = np.sqrt(noise)
        variances, axes = np.linalg.eigh(covariance / np.outer(scale, scale))
        loadings = axes[:, -factors:] * np.sqrt(np.maximum(variances[-factors:] - 1.0, 0.0)) * scale[:, None]
        left = np.diag(covariance) - (loadings**2).sum(axis=1)
        noise = np.maximum(left, LEAST_SHARE * max(float(left.mean()), LEAST_NOISE * np.trace(covariance)))
    return noise
