"""Accuracy of an estimated image against a reference.

All take ``(reference, estimate)``, images ``(bands, H, W)`` alike, and leave out pixels in which either has
a NaN or an infinity, and windows with such pixels. They compute in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator

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


def _peaks(truth: FloatArray, given: float | None = None) -> FloatArray:
    """Peak of each band of an image or a table, ``(bands,)``: the one given, else its largest value."""
    largest: FloatArray = np.nanmax(truth.reshape(len(truth), -1), axis=1)
    peaks = largest if given is None else np.full(len(truth), float(given))
    if (peaks <= 0).any():
        raise HyperLiftError(f"Band {int(np.argmax(peaks <= 0)) + 1} has no peak above zero: leave it out.")
    return peaks


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
    with np.errstate(divide="ignore"):
        ratio = _peaks(truth, peak) ** 2 / ((guess - truth) ** 2).mean(axis=1)
    return float(np.mean(10.0 * np.log10(ratio)))


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
    scale = _peaks(truth)[:, None, None]
    bands = [
        (2 * mean_1 * mean_2 + _LUMINANCE)
        / (mean_1**2 + mean_2**2 + _LUMINANCE)
        * (2 * common + _CONTRAST)
        / (spread + _CONTRAST)
        for mean_1, mean_2, spread, common in _moments(truth / scale, guess / scale, _SSIM_WINDOW, "mirror")
    ]
    return float(np.mean(bands))


def uiqi(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Universal image quality index, mean over bands and over windows of 8 x 8 (Wang and Bovik 2002).

    Raises:
        HyperLiftError: the shapes differ, or no window is left.
    """
    # Where both are even, only the means count; where both are zero, they agree.
    bands = [
        _ratio(2 * mean_1 * mean_2, mean_1**2 + mean_2**2) * _ratio(2 * common, spread)
        for mean_1, mean_2, spread, common in _moments(
            *_images(reference, estimate), _UIQI_WINDOW, "constant"
        )
    ]
    return float(np.mean(bands))


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """``above / below``, and 1 where that is 0 / 0."""
    return np.divide(above, below, out=np.ones_like(above), where=below > 0)


def _window_means(image: FloatArray, window: FloatArray, border: str) -> FloatArray:
    """Means ``(H, W)`` of an image alike over the window around each pixel."""
    rows = correlate1d(image, window, axis=0, mode=border, cval=np.nan)
    means: FloatArray = correlate1d(rows, window, axis=1, mode=border, cval=np.nan)
    return means


def _moments(
    truth: FloatArray, guess: FloatArray, window: FloatArray, border: str
) -> Iterator[tuple[FloatArray, ...]]:
    """For each band both means, the sum of both variances and the covariance, ``(windows,)`` each.

    Windows that reach beyond the border see it mirrored (``mirror``) or do not count (``constant``).
    """
    for first, second in zip(truth, guess):
        images = first, second, first**2 + second**2, first * second
        mean_1, mean_2, squares, products = (_window_means(image, window, border) for image in images)
        there = np.isfinite(squares)
        if not there.any():
            side = len(window)
            raise HyperLiftError(
                f"No window of {side} x {side} pixels has values throughout: the images, or what is left "
                "between missing pixels, are too small."
            )
        mean_1, mean_2, squares, products = (part[there] for part in (mean_1, mean_2, squares, products))
        spread, common = squares - mean_1**2 - mean_2**2, products - mean_1 * mean_2
        # Differences of nearly equal numbers: below their rounding nothing varies.
        even = spread <= 1e-12 * squares
        spread[even] = common[even] = 0.0
        yield mean_1, mean_2, spread, common
