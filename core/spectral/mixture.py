"""What spectra are like: a mixture of normal distributions, seen through any response in closed form.

``x = mean + basis t + e``, ``t`` from a mixture of normal distributions, ``e`` normal with the variances that
the basis leaves over. Seen through a response ``R`` it is a mixture again, so for any ``R`` both the
likelihood of the bands and the estimate of the spectra follow without training (Wiener filters; for mixtures
Yu, Sapiro and Mallat 2012, "Solving inverse problems with piecewise linear estimators").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .grids import FloatArray

# Degrees of freedom of the components' tails: heavy ones, so that pixels unlike any spectrum of the training
# are nobody's by a hair's breadth, and rounding does not decide whose.
FREEDOM = 3.0
# Deviation of real bands from what the mixture and the response say, in reflectance.
NOISE = 1e-3


@dataclass(frozen=True, eq=False)
class Start:
    """The estimate of spectra from the bands of one response, as the network takes it.

    With ``d = |whitening_m (y - centre_m)|^2`` and ``f`` degrees of freedom the logarithms of the
    responsibilities are ``constant_m - (f + c) / 2 log(1 + d / f)`` (Student's t), and
    ``t_m = level_m + gain_m (y - centre_m)`` are the estimates of the components.

    Attributes:
        centre: of the components in the bands, ``(M, c)``.
        whitening: ``(M, c, c)``.
        constant: ``(M,)``.
        gain: ``(M, q, c)``.
    """

    centre: FloatArray
    whitening: FloatArray
    constant: FloatArray
    gain: FloatArray


@dataclass(frozen=True, eq=False)
class SpectralMixture:
    """A mixture over spectra of ``C`` channels.

    Attributes:
        mean: ``(C,)``.
        basis: ``(C, q)``.
        rest: variances that the basis leaves over, ``(C,)``.
        weight: of the ``M`` components, ``(M,)``.
        level: their means in the basis, ``(M, q)``.
        factor: square roots ``F`` of their covariances ``F F^T``, ``(M, q, q)``.
    """

    mean: FloatArray
    basis: FloatArray
    rest: FloatArray
    weight: FloatArray
    level: FloatArray
    factor: FloatArray

    def start(self, response: FloatArray, noise: float = NOISE) -> Start:
        """The estimate for a response ``(c, C)`` and deviations ``noise`` of the bands."""
        seen = response @ self.basis
        centre = self.level @ seen.T + response @ self.mean
        spread = seen @ self.factor  # (M, c, q)
        own = (response**2) @ self.rest + noise**2
        covariance = spread @ spread.transpose(0, 2, 1) + np.diag(own)
        whitening = np.linalg.inv(np.linalg.cholesky(covariance))
        diagonal = np.diagonal(whitening, axis1=1, axis2=2)
        constant = np.log(self.weight) + np.log(diagonal).sum(axis=1)
        gain = self.factor @ spread.transpose(0, 2, 1) @ whitening.transpose(0, 2, 1) @ whitening
        return Start(centre, whitening, constant, gain)

    def log_likelihood(self, response: FloatArray, pixels: FloatArray, noise: float = NOISE) -> float:
        """Mean log-likelihood of pixels ``(n, c)``, without its constant."""
        start = self.start(response, noise)
        away = (pixels - start.centre[:, None]) @ start.whitening.transpose(0, 2, 1)
        power = 0.5 * (FREEDOM + pixels.shape[1])
        logs = start.constant[:, None] - power * np.log1p((away**2).sum(axis=2) / FREEDOM)
        top = logs.max(axis=0)
        return float((top + np.log(np.exp(logs - top).sum(axis=0))).mean())


def fit_mixture(
    spectra: npt.NDArray[Any], rank: int, components: int, seed: int = 0, steps: int = 25
) -> SpectralMixture:
    """Fit a mixture to spectra ``(n, C)`` by principal components and expectation-maximisation.

    Covariances of components with few spectra are drawn towards the mean covariance, so that none collapses.
    """
    rng = np.random.default_rng(seed)
    spectra = spectra.astype(np.float64)
    mean = spectra.mean(axis=0)
    away = spectra - mean
    basis = np.ascontiguousarray(np.linalg.eigh(away.T @ away)[1][:, ::-1][:, :rank])
    table = away @ basis
    rest = ((away - table @ basis.T) ** 2).mean(axis=0)
    share = _first_shares(table, components, rng)
    for _ in range(steps):
        weight, level, covariance = _moments(table, share)
        factor = np.asarray(np.linalg.cholesky(covariance), np.float64)
        share = _shares(table, weight, level, factor)
    return SpectralMixture(mean, basis, rest, weight, level, factor)


_RELATED = 200.0  # spectra that a component needs to stand for itself
_NARROW = 0.3  # of the mean covariance, what components are drawn towards
_SWEEPS = 10


def _first_shares(table: FloatArray, components: int, rng: np.random.Generator) -> FloatArray:
    """Shares ``(n, M)`` of the components by k-means++ on scaled coordinates (Arthur, Vassilvitskii 2007)."""
    deviation = table.std(axis=0)
    scaled = table / deviation.clip(0.05 * deviation[0])
    middles = scaled[rng.integers(len(scaled), size=1)]
    while len(middles) < components:
        away = np.min([((scaled - one) ** 2).sum(axis=1) for one in middles], axis=0)
        middles = np.concatenate([middles, scaled[rng.choice(len(scaled), 1, p=away / away.sum())]])
    for _ in range(_SWEEPS):
        distance = (middles**2).sum(axis=1) - 2.0 * scaled @ middles.T
        nearest = distance.argmin(axis=1)
        for one in np.unique(nearest):
            middles[one] = scaled[nearest == one].mean(axis=0)
    unit: FloatArray = np.eye(components)[nearest]
    return unit


def _moments(table: FloatArray, share: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weights, means and covariances of the components."""
    count = share.sum(axis=0) + 1e-9
    level = (share.T @ table) / count[:, None]
    covariance = np.stack(
        [(table * one[:, None]).T @ table / n - np.outer(m, m) for one, n, m in zip(share.T, count, level)]
    )
    weight = count / count.sum()
    common = np.tensordot(weight, covariance, axes=1)
    own = (count / (count + _RELATED))[:, None, None]
    covariance = own * covariance + (1.0 - own) * _NARROW * common + 1e-9 * np.eye(table.shape[1])
    return weight, level, covariance


def _shares(table: FloatArray, weight: FloatArray, level: FloatArray, factor: FloatArray) -> FloatArray:
    """Shares ``(n, M)`` of the components in each spectrum."""
    logs = np.empty((len(table), len(weight)))
    for one, (w, m, f) in enumerate(zip(weight, level, factor)):
        away = np.linalg.solve(f, (table - m).T)
        logs[:, one] = np.log(w) - np.log(np.diag(f)).sum() - 0.5 * (away**2).sum(axis=0)
    share = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares: FloatArray = share / share.sum(axis=1, keepdims=True)
    return shares
