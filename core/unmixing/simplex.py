"""The simplex of least volume that explains mixed pixels: endmembers of scenes without pure pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from .endmembers import TRIALS, Endmembers, largest_simplex, require_endmembers
from .sampled_pixels import drawn_pixels
from .statistics import FloatArray, PixelBlocks, PixelStatistics, chunks

LEAST_NOISE = 1e-9  # variance, as a share of the largest; keeps noiseless pixels well conditioned
ENLARGED = 2.0  # smaller starts may fall into a simplex without thickness


def minimum_volume_simplex(
    pixels: PixelBlocks,
    count: int,
    seed: int = 0,
    start: npt.ArrayLike | None = None,
    *,
    noise_variance: float | None = None,
    statistics: PixelStatistics | None = None,
) -> FloatArray:
    """Endmember spectra ``(count, bands)``: the simplex of least volume that explains pixels ``(n, bands)``.

    No pixel need be pure, but there must be pixels near every facet. In the ``count - 1`` principal
    coordinates the vertices ``V`` minimise

        ``1/n sum_ij d_ij(V)^2 / sigma^2 + 1/2 log det((C V)^T C V + delta I) / 2``

    where ``d_ij`` is how far pixel ``i`` lies outside of facet ``j``, ``sigma^2`` the noise variance and
    ``C`` subtracts the mean of the vertices: Craig's criterion (1994) as least squares, so that noise does
    not push the facets out. With the factor 1/2 of the volume a facet with evenly spread pixels behind it
    stays, to first order, where it is without noise. ``delta = p (p + 1) / 2 sigma^2`` keeps dimensions
    of noise alone from collapsing. The mixing must be linear and the noise white: on real scenes with
    varying brightness the simplex becomes too large, and :func:`~.endmembers.vca` is the better choice.

    Args:
        pixels: pixels with nodata as NaN; of more than :data:`SAMPLE`, so many random ones are fitted.
        count: number of endmembers, up to one more than bands.
        seed: of the sample and of the start.
        start: vertices ``(count, bands)`` to begin with instead of those of VCA, which are enlarged.
        noise_variance: per band; by default the mean of the ``bands - count + 1`` least variances.
        statistics: those of the pixels, where they are known already.

    Raises:
        UnmixingError: no ``count`` endmembers can come from these pixels.
    """
    statistics = statistics or PixelStatistics.of(pixels, every=8)
    require_endmembers(statistics, count, statistics.bands + 1)
    if start is None:
        corners = largest_simplex(pixels, count, seed, TRIALS, True, statistics).spectra
        middle = corners.mean(axis=0)
        start = middle + ENLARGED * (corners - middle)
    variances = statistics.variances
    if noise_variance is None:
        noise_variance = float(variances[count - 1 :].mean()) if count <= statistics.bands else 0.0
    noise_variance = max(noise_variance, LEAST_NOISE * float(variances[0]))
    axes = statistics.principal_axes(count - 1)
    sample = drawn_pixels(pixels, np.random.default_rng(seed))
    fit = _Fit.of((sample - statistics.mean) @ axes, noise_variance)
    vertices = fit.solve((np.asarray(start, dtype=np.float64) - statistics.mean) @ axes)
    return vertices @ axes.T + statistics.mean


def minimum_volume(pixels: PixelBlocks, count: int, seed: int = 0) -> Endmembers:
    """:func:`minimum_volume_simplex` as :class:`Endmembers`.

    Its endmembers need not be in the image: ``indices`` are those of the pixels at the least angle from
    them, none twice, and ``spectra`` the vertices, not these pixels.

    Raises:
        UnmixingError: no ``count`` endmembers can come from these pixels.
    """
    spectra = minimum_volume_simplex(pixels, count, seed)
    return Endmembers(spectra, _nearest_pixels(pixels, spectra))


def _nearest_pixels(pixels: PixelBlocks, spectra: FloatArray) -> npt.NDArray[np.int64]:
    """Positions ``(p,)`` of the pixels at the least angle from ``spectra (p, bands)``, none twice."""
    count = len(spectra)
    cosines: FloatArray = np.full((count, 0), -np.inf)
    places: npt.NDArray[np.int64] = np.zeros((count, 0), dtype=np.int64)
    for start, chunk in chunks(pixels):
        with np.errstate(invalid="ignore", divide="ignore"):
            own = spectra.astype(chunk.dtype) @ (chunk / np.linalg.norm(chunk, axis=1, keepdims=True)).T
        own[:, ~np.isfinite(own[0])] = -np.inf
        cosines = np.hstack([cosines, own])
        places = np.hstack([places, np.broadcast_to(np.arange(start, start + len(chunk)), own.shape)])
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
        cosines = np.take_along_axis(cosines, best, axis=1)
        places = np.take_along_axis(places, best, axis=1)
    indices: list[int] = []
    for ranked in places:
        indices.append(next(int(place) for place in ranked if place not in indices))
    return np.array(indices, dtype=np.int64)


@dataclass(frozen=True)
class _Fit:
    """The criterion for pixels in principal coordinates.

    Attributes:
        points: ``(n, p)``, the coordinates and a column of ones.
        spread: ``(p - 1,)``, standard deviations, the units in which vertices are sought.
        noise: variance.
    """

    points: FloatArray
    spread: FloatArray
    noise: float

    @classmethod
    def of(cls, coordinates: FloatArray, noise: float) -> _Fit:
        """For coordinates ``(n, p - 1)``."""
        points = np.column_stack([coordinates, np.ones(len(coordinates))])
        return cls(points, coordinates.std(axis=0), noise)

    def solve(self, start: FloatArray) -> FloatArray:
        """Vertices ``(p, p - 1)`` from those to begin with."""
        result = minimize(
            lambda values: self.criterion(values.reshape(start.shape)),
            (start / self.spread).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500, "maxfun": 1000, "maxcor": 20, "ftol": 1e-10, "gtol": 1e-10},
        )
        vertices: FloatArray = result.x.reshape(start.shape) * self.spread
        return vertices

    def criterion(self, scaled: FloatArray) -> tuple[float, FloatArray]:
        """Value, and gradient ``(p (p - 1),)``, at vertices ``(p, p - 1)`` in units of the spread."""
        vertices = scaled * self.spread
        misfit, gradient = self._misfit(vertices)
        volume, slope = self._volume(vertices)
        return misfit + volume / 2, ((gradient + slope / 2) * self.spread).ravel()

    def _misfit(self, vertices: FloatArray) -> tuple[float, FloatArray]:
        """Mean over the pixels of the squared distances outside the facets, and its gradient."""
        count = len(vertices)
        inverse = np.linalg.inv(np.column_stack([vertices, np.ones(count)]))  # pixels @ inverse: abundances
        steepness = np.linalg.norm(inverse[:-1], axis=0)  # of an abundance with the distance from its facet
        outside = np.minimum(self.points @ inverse, 0.0)
        weight = 2.0 / (len(outside) * self.noise)
        squares = np.einsum("np,np->p", outside, outside) / steepness**2
        slope = self.points.T @ (outside * (weight / steepness**2))
        slope[:-1] -= inverse[:-1] * (weight * squares / steepness**2)
        gradient = -(inverse.T @ slope @ inverse.T)[:, :-1]
        return float(squares.sum()) * weight / 2, gradient

    def _volume(self, vertices: FloatArray) -> tuple[float, FloatArray]:
        """Logarithm of the volume, but for a constant, and its gradient."""
        count = len(vertices)
        centred = vertices - vertices.mean(axis=0)
        floor = count * (count + 1) / 2 * self.noise
        scatter = centred.T @ centred + floor * np.eye(count - 1)
        return float(np.linalg.slogdet(scatter)[1]) / 2, centred @ np.linalg.inv(scatter)
