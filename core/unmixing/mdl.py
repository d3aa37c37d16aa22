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
from .model_order import ModelOrder
from .sampled_pixels import LEAST_NOISE, Coordinates, SampledPixels, drawn_pixels
from .simplex import minimum_volume_simplex
from .statistics import FloatArray, PixelBlocks, UnmixingError

DRAWS = 32
ROUNDS = 3
ALPHA_STEPS = 4
BLOCK = 1_000
LARGER = (1.0, 1.25, 1.6, 2.0, 2.5)


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
    :data:`.COMPONENTS` bands so many principal components are used.

    With more than twice as many bands as ``maximum``, bands are first divided by their noise
    (:func:`.regression_noise`), which makes noise that differs among bands white and leaves white noise as it
    is. Without ``sums_to_one`` each pixel is divided by its sum, which turns mixtures by amounts into
    mixtures by shares with one dimension less. The division amplifies the noise of dark pixels: those where
    it is more than twice that of bright ones are left out. It also makes white noise coloured: for every
    number of endmembers, bands are divided by the noise beside so many factors (:func:`.factor_noise`).

    Args:
        pixels: ``(n, bands)`` with nodata as NaN, in any blocks; gone through once. Of more than
            :data:`.SAMPLE` valid ones so many random ones are used.
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
    sample = SampledPixels.of(drawn_pixels(pixels, random), maximum, sums_to_one)
    counts, scores = _counts(sample, minimum, maximum), {}
    for done, count in enumerate(counts):
        follower = _Follower(monitor, done / len(counts), 1.0 / len(counts))
        scores[count] = _code_length(sample.coordinates(count), random, follower)
    monitor.progress(1.0)
    return ModelOrder(min(scores, key=scores.__getitem__), scores)


def _counts(sample: SampledPixels, minimum: int, maximum: int) -> range:
    """The numbers of endmembers that a sample's pixels can be mixtures of.

    Raises:
        UnmixingError: there is none between these.
    """
    most = min(maximum, sample.rank + 1)
    if most < minimum:
        raise UnmixingError(
            f"The pixels are mixtures of only {most} spectra: try fewer endmembers than {minimum} or choose "
            "an image that varies more."
        )
    return range(minimum, most + 1)


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


def _code_length(coordinates: Coordinates, random: np.random.Generator, follower: _Follower) -> float:
    """Description length of pixels as mixtures of one endmember more than coordinates, in nats."""
    follower.progress(0.0)
    points, variances = coordinates.points, coordinates.variances
    total, count = len(points), points.shape[1] + 1
    trailing = variances[count - 1 :]
    noise = max(float(trailing.mean()), LEAST_NOISE * float(variances.mean()))
    start = minimum_volume_simplex(points, count, int(random.integers(2**31)), noise_variance=noise)
    vertices = likely_simplex(points, noise, start)
    inside = _Mixtures(points, noise, random, follower).log_likelihood(vertices)
    beside = len(trailing) * np.log(2.0 * np.pi * noise) + trailing.sum() / noise
    likelihood = inside + total * (coordinates.log_volume - beside / 2.0)
    return float((1 + count * (len(variances) + 1)) / 2.0 * np.log(total) - likelihood)


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
        vertices, alpha = self._enlarged(vertices, shifts)
        best = -np.inf
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

    def _enlarged(self, vertices: FloatArray, shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The simplex among larger ones that fits best, and ``alpha (K,)`` that leaves the variances alike.

        Where pixels keep away from the facets, the simplex of evenly distributed abundances is too small.
        """
        part = slice(None, None, max(len(self.points) // BLOCK, 1))
        begun = []
        for factor in LARGER:
            alpha = np.full(len(vertices), (factor**2 * (len(vertices) + 1) - 1.0) / len(vertices))
            draws = draw(self.points[part], factor * vertices, self.noise, _lattice(shifts[part]))
            begun.append((float(draws.log_density(alpha)[0].sum()), factor, alpha))
        _, factor, alpha = max(begun, key=lambda trial: trial[0])
        return factor * vertices, alpha

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
        return total, np.asarray(np.linalg.solve(moments, products), np.float64)


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
