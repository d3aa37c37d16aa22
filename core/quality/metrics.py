"""Accuracy of an estimated image against a reference.

All take ``(reference, estimate)``, images ``(bands, H, W)`` alike, and leave out pixels in which either has
a NaN or an infinity, and windows with such pixels. They compute in double precision.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from ..errors import HyperLiftError
from ..spectral.grids import FloatArray

_GAUSSIAN = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
_SSIM_WINDOW = _GAUSSIAN / _GAUSSIAN.sum()
_UIQI_WINDOW = np.full(8, 1 / 8)
_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2


def _images(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as ``(bands, H, W)`` with NaN in all bands of pixels that are left out."""
    first, second = (np.array(image, dtype=float) for image in (reference, estimate))
    if first.ndim != 3 or first.shape != second.shape:
        raise HyperLiftError(
            f"Reference {first.shape} and estimate {second.shape} must both be images (bands, H, W) of one "
            "shape: bring them to one grid first."
        )
    present = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    if not present.any():
        raise HyperLiftError("There is no pixel with values in both images: check their nodata values.")
    first[:, ~present] = second[:, ~present] = np.nan
    return first, second


def _tables(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as tables ``(bands, pixels)`` without the pixels that are left out."""
    first, second = _images(reference, estimate)
    present = np.isfinite(first[0])
    return first[:, present], second[:, present]


def psnr(reference: npt.ArrayLike, estimate: npt.ArrayLike, peak: float | None = None) -> float:
    """Peak signal-to-noise ratio in dB, mean over the bands; infinite where a band has no error.

    Args:
        reference: ``(bands, H, W)``.
        estimate: alike.
        peak: of all bands, for instance 1; by default each band's largest reference.

    Raises:
        HyperLiftError: the shapes differ, no pixel is left, or a band's peak is not above zero.
    """
    truth, guess = _tables(reference, estimate)
    peaks = truth.max(axis=1) if peak is None else np.full(len(truth), peak)
    if (peaks <= 0).any():
        raise HyperLiftError(f"Band {int(np.argmax(peaks <= 0)) + 1} has no peak above zero: leave it out.")
    with np.errstate(divide="ignore"):
        return float(np.mean(10.0 * np.log10(peaks**2 / ((guess - truth) ** 2).mean(axis=1))))


def rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Root mean square error over all bands, in the images' unit.

    Raises:
        HyperLiftError: the shapes differ, or no pixel is left.
    """
    truth, guess = _tables(reference, estimate)
    return float(np.sqrt(((guess - truth) ** 2).mean()))


def sam(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Spectral angle in degrees, mean over the pixels (Kruse et al. 1993).

    90 where the estimate is zero; pixels whose reference is zero have no angle and are left out.

    Raises:
        HyperLiftError: the shapes differ, or no pixel is left.
    """
    truth, guess = _tables(reference, estimate)
    lengths = [np.linalg.norm(table, axis=0) for table in (truth, guess)]
    there = lengths[0] > 0
    if not there.any():
        raise HyperLiftError("All pixels of the reference are zero: there is no spectral angle to them.")
    product = (truth * guess).sum(axis=0)[there]
    scale = lengths[0][there] * lengths[1][there]
    cosine = np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
    return float(np.degrees(np.arccos(cosine.clip(-1.0, 1.0))).mean())


def ergas(reference: npt.ArrayLike, estimate: npt.ArrayLike, ratio: float = 1.0) -> float:
    """Relative dimensionless global error in synthesis (Wald 2000); 0 is perfect.

    Args:
        reference: ``(bands, H, W)``.
        estimate: alike.
        ratio: pixel size of these over that of the image they were made from, for instance 1/4.

    Raises:
        HyperLiftError: the shapes differ, no pixel is left, or the mean of a band is zero.
    """
    truth, guess = _tables(reference, estimate)
    mean = truth.mean(axis=1)
    if (mean == 0).any():
        raise HyperLiftError(f"The mean of band {int(np.argmax(mean == 0)) + 1} is zero: leave it out.")
    return float(100.0 * ratio * np.sqrt((((guess - truth) ** 2).mean(axis=1) / mean**2).mean()))


def ssim(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Structural similarity, mean over bands and Gaussian windows of 11 x 11 (Wang et al. 2004).

    The dynamic range is each band's largest reference. There is a window around each pixel; beyond the border
    the images are mirrored, as torchmetrics has it.

    Raises:
        HyperLiftError: the shapes differ, no window is left, or a band's peak is not above zero.
    """
    truth, guess = _images(reference, estimate)
    peaks = np.nanmax(truth, axis=(1, 2))
    if (peaks <= 0).any():
        raise HyperLiftError(f"Band {int(np.argmax(peaks <= 0)) + 1} has no peak above zero: leave it out.")

    def similarity(
        mean_1: FloatArray, mean_2: FloatArray, spread: FloatArray, common: FloatArray
    ) -> FloatArray:
        luminance = (2 * mean_1 * mean_2 + _LUMINANCE) / (mean_1**2 + mean_2**2 + _LUMINANCE)
        result: FloatArray = luminance * (2 * common + _CONTRAST) / (spread + _CONTRAST)
        return result

    scale = peaks[:, None, None]
    return _over_windows(truth / scale, guess / scale, _SSIM_WINDOW, similarity, "mirror")


def uiqi(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Universal image quality index, mean over bands and over windows of 8 x 8 (Wang and Bovik 2002).

    Raises:
        HyperLiftError: the shapes differ, or no window is left.
    """

    def quality(mean_1: FloatArray, mean_2: FloatArray, spread: FloatArray, common: FloatArray) -> FloatArray:
        # Where both are even, only the means count; where both are zero, they agree.
        alike = _ratio(2 * mean_1 * mean_2, mean_1**2 + mean_2**2)
        return alike * _ratio(2 * common, spread)

    return _over_windows(*_images(reference, estimate), _UIQI_WINDOW, quality, "constant")


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """``above / below``, and 1 where that is 0 / 0."""
    return np.divide(above, below, out=np.ones_like(above), where=below > 0)


def _over_windows(
    truth: FloatArray,
    guess: FloatArray,
    window: FloatArray,
    index: Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray],
    border: str,
) -> float:
    """Mean over bands and windows of an index of both means, the sum of variances and the covariance.

    Windows that reach beyond the border see it mirrored (``mirror``) or do not count (``constant``).
    """

    def mean(image: FloatArray) -> FloatArray:
        rows = correlate1d(image, window, axis=0, mode=border, cval=np.nan)
        averaged: FloatArray = correlate1d(rows, window, axis=1, mode=border, cval=np.nan)
        return averaged

    found = []
    for first, second in zip(truth, guess):
        mean_1, mean_2 = mean(first), mean(second)
        spread = mean(first**2) - mean_1**2 + mean(second**2) - mean_2**2
        common = mean(first * second) - mean_1 * mean_2
        # Differences of nearly equal numbers: below their rounding nothing varies.
        even = spread <= 1e-12 * (mean_1**2 + mean_2**2)
        spread[even] = common[even] = 0.0
        values = index(mean_1, mean_2, spread, common)
        found.append(values[np.isfinite(mean_1) & np.isfinite(mean_2)])
    if not len(found[0]):
        side = len(window)
        raise HyperLiftError(
            f"No window of {side} x {side} pixels has values throughout: the images, or what is left between "
            "missing pixels, are too small."
        )
    return float(np.mean([values.mean() for values in found]))
