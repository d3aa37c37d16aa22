"""The number of endmembers by minimum description length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import CancelledError
from ..inference.report import Monitor, SilentMonitor
from .dirichlet import fit_dirichlet
from .likely_simplex import likely_simplex
from .mixture_likelihood import Draws, draw
from .model_order import ModelOrder, require_pixels
from .noise import factor_noise, regression_noise
from .simplex import minimum_volume_simplex
from .statistics import FloatArray, PixelBlocks, UnmixingError, chunks, valid_rows

SAMPLE = 20_000
COMPONENTS = 100
DRAWS = 32
ROUNDS = 3
ALPHA_STEPS = 4
BLOCK = 1_000
CLASSES = 20  # of brightness
AMPLIFIED = 2.0
LEAST_NOISE = 1e-8  # variance, as a share of the mean over the bands: 80 dB


def mdl(
    pixels: PixelBlocks,
    minimum: int = 2,
    maximum: int = 10,
    seed: int = 0,
    sums_to_one: bool = True,
    *,
    monitor: Monitor | None = None,
) -> ModelOrder:
    """The number of endmembers with the shortest code (Lin, Chi, Chen, Miller and Wang, IEEE TNNLS, 2018).

    Pixels are mixtures ``x = A s + n`` with ``s ~ Dir(alpha)`` and white noise. For every number ``K`` the
    noise variance is the mean of the trailing variances, the simplex is :func:`.likely_simplex`, improved
    together with ``alpha`` by expectation maximisation, and the score is the length of the code in nats,

        ``(1 + K (M + 1)) / 2 log L - sum_j log E_{s ~ Dir(alpha)} N(x_j; A s, sigma^2 I)``

    of ``L`` pixels in ``M`` dimensions. The expectation is taken by importance sampling around the abundances
    of each pixel (:mod:`.mixture_likelihood`), which needs few draws at any noise, so that none is added
    to clean images; less than a noise of 80 dB below the signal is taken for that much. Of more than
    :data:`COMPONENTS` bands so many principal components are used.

    With more than twice as many bands as ``maximum``, bands are first divided by their noise
    (:func:`.regression_noise`), which makes noise that differs among bands white and leaves white noise as it
    is. Without ``sums_to_one`` each pixel is divided by its sum, which turns mixtures by amounts into
    mixtures by shares with one dimension less. The division amplifies the noise of dark pixels: those where
    it is more than twice that of bright ones are left out. It also makes white noise coloured: for every
    number of endmembers, bands are divided by the noise beside so many factors (:func:`.factor_noise`).

    Args:
        pixels: ``(n, bands)`` with nodata as NaN, in any blocks; gone through once. Of more than
            :data:`SAMPLE` valid ones so many random ones are used.
        minimum: least number tried, 2 or more.
        maximum: greatest number tried, at most as many as bands (one less without ``sums_to_one``). Numbers
            of more spectra than noiseless pixels are mixtures of are left out.
        seed: of the random numbers.
        sums_to_one: whether the abundances of a pixel have a sum of one.
        monitor: told of progress and asked for cancellation.

    Raises:
        UnmixingError: numbers out of range, no valid pixel, not more pixels than bands, or pixels that do not
            vary enough.
        CancelledError: the monitor says so.
    """
    if not 2 <= minimum <= maximum:
        raise UnmixingError(
            f"The numbers of endmembers to try must be 2 or more and ascend, not from {minimum} to {maximum}."
        )
    monitor = monitor or SilentMonitor()
    random = np.random.default_rng(seed)
    sample = _Sample.of(_drawn(pixels, random), maximum, sums_to_one)
    most = min(maximum, sample.rank + 1)
    if most < minimum:
        raise UnmixingError(
            f"The pixels are mixtures of only {most} spectra: try fewer endmembers than {minimum} or choose "
            "an image that varies more."
        )
    scores = {}
    for count in range(minimum, most + 1):
        done = (count - minimum) / (most - minimum + 1)
        follower = _Follower(monitor, done, 1.0 / (most - minimum + 1))
        scores[count] = sample.coordinates(count).code_length(random, follower)
    monitor.progress(1.0)
    return ModelOrder(min(scores, key=scores.__getitem__), scores)


def _drawn(pixels: PixelBlocks, random: np.random.Generator) -> FloatArray:
    """All valid pixels, or :data:`SAMPLE` random ones: those with the least random keys."""
    keys, kept = np.empty(0), None
    for _, chunk in chunks(pixels):
        valid = chunk[valid_rows(chunk)].astype(np.float64)
        keys = np.append(keys, random.random(len(valid)))
        kept = valid if kept is None else np.concatenate([kept, valid])
        if len(keys) > SAMPLE:
            least = np.sort(np.argpartition(keys, SAMPLE)[:SAMPLE])
            keys, kept = keys[least], kept[least]
    if kept is None or not len(kept):
        raise UnmixingError("There is no valid pixel: choose an image that is not all nodata.")
    require_pixels(len(kept), kept.shape[1])
    return kept


@dataclass(frozen=True)
class _Follower:
    """The part of a run between two fractions of it."""

    monitor: Monitor
    start: float
    length: float

    def progress(self, fraction: float) -> None:
        """Tell how much of the part is done; stop when cancelled."""
        if self.monitor.cancelled():
            raise CancelledError("The estimation of the number of endmembers was cancelled.")
        self.monitor.progress(self.start + self.length * fraction)


@dataclass(frozen=True)
class _Sample:
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
    def of(cls, pixels: FloatArray, maximum: int, sums_to_one: bool) -> _Sample:
        """Of pixels ``(n, bands)``, divided by their sums or not."""
        bands = pixels.shape[1]
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

    def coordinates(self, count: int) -> _Coordinates:
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
        return _Coordinates(points, variances, log_volume)


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


@dataclass(frozen=True)
class _Coordinates:
    """Pixels in principal coordinates.

    Attributes:
        points: the leading coordinates, ``(n, K - 1)``.
        variances: of all ``M`` of them, largest first.
        log_volume: logarithm of how much a volume among the pixels grows in these coordinates.
    """

    points: FloatArray
    variances: FloatArray
    log_volume: float

    def code_length(self, random: np.random.Generator, follower: _Follower) -> float:
        """Description length of the pixels as mixtures of ``K`` endmembers, in nats."""
        follower.progress(0.0)
        total, count = len(self.points), self.points.shape[1] + 1
        trailing = self.variances[count - 1 :]
        noise = max(float(trailing.mean()), LEAST_NOISE * float(self.variances.mean()))
        seed = int(random.integers(2**31))
        start = minimum_volume_simplex(self.points, count, seed, noise_variance=noise)
        vertices = likely_simplex(self.points, noise, start)
        inside = _Mixtures(self.points, noise, random, follower).log_likelihood(vertices)
        beside = len(trailing) * np.log(2.0 * np.pi * noise) + trailing.sum() / noise
        parameters = 1 + count * (len(self.variances) + 1)
        likelihood = inside + total * (self.log_volume - beside / 2.0)
        return float(parameters / 2.0 * np.log(total) - likelihood)


@dataclass(frozen=True)
class _Mixtures:
    """Points ``(n, K - 1)`` as mixtures with white ``noise`` variance."""

    points: FloatArray
    noise: float
    random: np.random.Generator
    follower: _Follower

    def log_likelihood(self, vertices: FloatArray) -> float:
        """The greatest of :data:`ROUNDS` rounds of expectation maximisation from ``vertices (K, K - 1)``."""
        shifts = self.random.random((len(self.points), 1, self.points.shape[1]))
        alpha, best = np.ones(len(vertices)), -np.inf
        for number in range(ROUNDS):
            draws = []
            for part in self._blocks():
                draws.append(draw(self.points[part], vertices, self.noise, _lattice(shifts[part])))
                self.follower.progress((number + part.stop / len(self.points)) / ROUNDS)
            for _ in range(ALPHA_STEPS):
                alpha = fit_dirichlet(self._mean_logs(draws, alpha), alpha)
            value, vertices = self._improved(draws, alpha)
            best = max(best, value)
        return best

    def _blocks(self) -> Iterator[slice]:
        total = len(self.points)
        return (slice(start, min(start + BLOCK, total)) for start in range(0, total, BLOCK))

    def _mean_logs(self, draws: list[Draws], alpha: FloatArray) -> FloatArray:
        """Means ``(K,)`` of the logarithms of the abundances, given the points."""
        sums = [np.einsum("kns,ns->k", part.logs, part.log_density(alpha)[1]) for part in draws]
        mean: FloatArray = np.sum(sums, axis=0) / len(self.points)
        return mean

    def _improved(self, draws: list[Draws], alpha: FloatArray) -> tuple[float, FloatArray]:
        """Log likelihood, and the vertices of least squares given the abundances' moments."""
        total, count = 0.0, len(alpha)
        products, moments = np.zeros((count, count - 1)), np.zeros((count, count))
        for part, block in zip(draws, self._blocks()):
            densities, weights = part.log_density(alpha)
            shares = np.exp(part.logs)
            weighted = shares * weights
            total += float(densities.sum())
            products += weighted.sum(axis=2) @ self.points[block]
            moments += np.tensordot(weighted, shares, ((1, 2), (1, 2)))
        return total, np.linalg.solve(moments, products)


def _lattice(shifts: FloatArray) -> FloatArray:
    """Evenly spread points ``(n, DRAWS, d)`` of the unit cube: one lattice, shifted for each pixel.

    The steps are those of the generalised golden ratio (Roberts, 2018).
    """
    dimensions = shifts.shape[-1]
    ratio = 2.0
    for _ in range(50):
        ratio = (1.0 + ratio) ** (1.0 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.clip((shifts + np.outer(np.arange(DRAWS), steps)) % 1.0, 1e-12, 1.0 - 1e-12)
