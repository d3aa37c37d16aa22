"""A sample of pixels in principal coordinates, in which their noise is about white."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .model_order import require_pixels
from .noise import factor_noise, regression_noise
from .statistics import NO_PIXEL, FloatArray, PixelBlocks, UnmixingError, chunks, valid_rows

SAMPLE = 20_000
COMPONENTS = 100
CLASSES = 20  # of brightness
AMPLIFIED = 2.0
LEAST_NOISE = 1e-8  # variance, as a share of the mean over the bands: 80 dB


def drawn_pixels(pixels: PixelBlocks, random: np.random.Generator) -> FloatArray:
    """All valid pixels, or :data:`SAMPLE` random ones: those with the least random keys.

    Raises:
        UnmixingError: no valid pixel.
    """
    keys: FloatArray = np.empty(0)
    kept: FloatArray | None = None
    for _, chunk in chunks(pixels):
        valid = chunk[valid_rows(chunk)].astype(np.float64)
        keys = np.append(keys, random.random(len(valid)))
        kept = valid if kept is None else np.concatenate([kept, valid])
        if len(keys) > SAMPLE:
            least = np.sort(np.argpartition(keys, SAMPLE)[:SAMPLE])
            keys, kept = keys[least], kept[least]
    if kept is None or not len(kept):
        raise UnmixingError(NO_PIXEL)
    return kept


@dataclass(frozen=True)
class Coordinates:
    """Pixels in principal coordinates.

    Attributes:
        points: the leading coordinates, ``(n, K - 1)``.
        variances: of all ``M`` of them, largest first.
        log_volume: logarithm of how much a volume among the pixels grows in these coordinates.
    """

    points: FloatArray
    variances: FloatArray
    log_volume: float


@dataclass(frozen=True)
class SampledPixels:
    """Pixels less their mean.

    Attributes:
        centred: ``(n, bands)``.
        covariance: ``(bands, bands)``.
        scale: noise of every band ``(bands,)``, None where it depends on the number of endmembers.
        dimensions: that the pixels vary in.
    """

    centred: FloatArray
    covariance: FloatArray
    scale: FloatArray | None
    dimensions: int

    @classmethod
    def of(cls, pixels: FloatArray, maximum: int, sums_to_one: bool) -> SampledPixels:
        """Of pixels ``(n, bands)``, divided by their sums or not, for up to ``maximum`` endmembers.

        Raises:
            UnmixingError: too few bands or pixels, or pixels that do not vary.
        """
        bands = pixels.shape[1]
        require_pixels(len(pixels), bands)
        dimensions = bands if sums_to_one else bands - 1
        if maximum > dimensions:
            raise UnmixingError(
                f"{bands} bands allow {dimensions} endmembers at most to be told from noise: "
                f"ask for a maximum below {maximum}."
            )
        if not sums_to_one:
            pixels = _shares(pixels, maximum)
            require_pixels(len(pixels), bands)
        centred = pixels - pixels.mean(axis=0)
        covariance = centred.T @ centred / len(centred)
        if not np.any(np.diag(covariance) > 1e-14 * (pixels**2).mean(axis=0)):
            raise UnmixingError("All valid pixels are the same: choose an image that varies.")
        scale = None
        if sums_to_one:
            floor = LEAST_NOISE * float(np.diag(covariance).mean())
            noise = regression_noise(covariance).variance if bands > 2 * maximum else np.ones(bands)
            scale = np.sqrt(np.maximum(noise, floor))
        return cls(centred, covariance, scale, dimensions)

    @property
    def rank(self) -> int:
        """Number of dimensions in which the pixels vary more than by the least noise."""
        scale = np.ones(len(self.covariance)) if self.scale is None else self.scale
        variances = np.linalg.eigvalsh(self.covariance / np.outer(scale, scale))
        return int(np.count_nonzero(variances > LEAST_NOISE * variances.mean()))

    def coordinates(self, count: int) -> Coordinates:
        """Principal coordinates of the pixels in units of the noise, for ``count`` endmembers."""
        scale = self.scale
        if scale is None:
            scale = np.sqrt(factor_noise(self.covariance, count - 1))
        log_volume = -float(np.log(scale).sum())
        if self.dimensions < len(scale):  # of pixels with a sum of one
            log_volume += float(np.log((scale**2).mean())) / 2.0
        variances, axes = np.linalg.eigh(self.covariance / np.outer(scale, scale))
        variances = np.clip(variances[::-1][: min(self.dimensions, COMPONENTS)], 0.0, None)
        points = (self.centred / scale) @ axes[:, ::-1][:, : count - 1]
        return Coordinates(points, variances, log_volume)


def _shares(pixels: FloatArray, maximum: int) -> FloatArray:
    """Pixels divided by their sums, without those whose noise that amplifies too much.

    Noise is what lies outside the ``maximum - 1`` leading principal axes, averaged over pixels with sums of
    about the same size.
    """
    sums = pixels.sum(axis=1)
    order = np.argsort(sums)[np.count_nonzero(sums <= 0.0) :]
    shares: FloatArray = pixels[order] / sums[order, None]
    if len(shares) < CLASSES * pixels.shape[1]:
        return shares
    centred = shares - shares.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, 1 : 1 - maximum]
    classes = np.array_split(((centred @ axes) ** 2).sum(axis=1), CLASSES)
    noise = np.array([part.mean() for part in classes])
    clear = noise <= AMPLIFIED * np.median(noise[CLASSES // 2 :])
    kept: FloatArray = shares[np.repeat(clear, [len(part) for part in classes])]
    return kept
