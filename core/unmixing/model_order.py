"""How many endmembers an image has, from second moments: HySime and HFC."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .noise import regression_noise
from .statistics import FloatArray, PixelBlocks, PixelStatistics, UnmixingError


@dataclass(frozen=True)
class ModelOrder:
    """An estimate of the number of endmembers.

    Attributes:
        count: the estimate.
        scores: what led to it, for every number that was tried; :func:`hysime`, :func:`hfc` and
            :func:`~.mdl.mdl` say what theirs are.
    """

    count: int
    scores: dict[int, float]


def hysime(pixels: PixelBlocks | PixelStatistics) -> ModelOrder:
    """Hyperspectral signal identification by minimum error (Bioucas-Dias and Nascimento, IEEE TGRS, 2008).

    The directions are the eigenvectors of the second moment of the signal, after :func:`regression_noise`.
    One is kept if the signal lost without it outweighs the noise that comes with it (eq. 22). The scores
    are the mean square error with that many directions, but for a constant, and least at the estimate.

    Args:
        pixels: ``(n, bands)`` with nodata as NaN, in any blocks, or their statistics.

    Raises:
        UnmixingError: no valid pixel, pixels that do not vary, or not more pixels than bands.
    """
    statistics = varying_statistics(pixels)
    moment = statistics.second_moment
    noise = regression_noise(moment)
    axes = np.linalg.eigh(noise.signal)[1]
    noise_power = np.einsum("bk,b,bk->k", axes, noise.variance, axes)
    cost = np.sort(2.0 * noise_power - np.einsum("bk,bc,ck->k", axes, moment, axes))
    count = max(int(np.count_nonzero(cost < 0.0)), 1)
    return ModelOrder(count, _numbered(np.cumsum(cost)))


def hfc(pixels: PixelBlocks | PixelStatistics, false_alarm: float = 1e-3, whiten: bool = False) -> ModelOrder:
    """Virtual dimensionality by Harsanyi, Farrand and Chang (1993), as in Chang and Du, IEEE TGRS, 2004.

    An eigenvalue of the second moment exceeds that of the covariance where the mean of the pixels has a
    part in that direction. The scores are the differences over their threshold of Neyman and Pearson; the
    estimate is the number of those above 1.

    Args:
        pixels: ``(n, bands)`` with nodata as NaN, in any blocks, or their statistics.
        false_alarm: probability that a direction of noise alone counts, between 0 and 1/2.
        whiten: divide the bands by the noise of :func:`regression_noise` before (NWHFC).

    Raises:
        UnmixingError: no valid pixel, pixels that do not vary, not more pixels than bands, or a
            probability out of range.
    """
    if not 0.0 < false_alarm < 0.5:
        raise UnmixingError(f"The false-alarm probability must lie between 0 and 0.5, not {false_alarm}.")
    statistics = varying_statistics(pixels)
    scale: FloatArray = np.ones(statistics.bands)
    if whiten:
        scale = np.sqrt(regression_noise(statistics.second_moment).variance)
    outer = np.outer(scale, scale)
    correlation = np.linalg.eigvalsh(statistics.second_moment / outer)[::-1]
    covariance = np.linalg.eigvalsh(statistics.covariance / outer)[::-1]
    deviation = np.sqrt(2.0 * (correlation**2 + covariance**2) / statistics.count)
    ratio = (correlation - covariance) / (-ndtri(false_alarm) * deviation)
    return ModelOrder(max(int(np.count_nonzero(ratio > 1.0)), 1), _numbered(ratio))


def varying_statistics(pixels: PixelBlocks | PixelStatistics) -> PixelStatistics:
    """Statistics of pixels from which a number of endmembers can be estimated.

    Raises:
        UnmixingError: no valid pixel, pixels that do not vary, or not more pixels than bands.
    """
    statistics = pixels if isinstance(pixels, PixelStatistics) else PixelStatistics.of(pixels)
    require_pixels(statistics.count, statistics.bands)
    if not np.any(np.ptp(statistics.covariance)) or statistics.rank == 0:
        raise UnmixingError("All valid pixels are the same: choose an image that varies.")
    return statistics


def require_pixels(count: int, bands: int) -> None:
    """Check that there are more valid pixels than bands.

    Raises:
        UnmixingError: there are not.
    """
    if count <= bands:
        raise UnmixingError(
            f"{count} valid pixels are too few to tell signal from noise in {bands} bands: choose a larger "
            "image."
        )


def _numbered(values: FloatArray) -> dict[int, float]:
    """Values by their number from 1."""
    return {number: float(value) for number, value in enumerate(values, start=1)}
