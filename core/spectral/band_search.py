"""Where a camera's bands are and how wide, from what it saw: the most likely centres and widths.

Every spectrum that a camera saw is one of those that land has; under the right response the bands are likely
(:mod:`.mixture`). Land as a whole is never quite like the training, so the pixels count as much as a few
independent ones, against what is known of cameras (:mod:`.band_shapes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .band_shapes import BandShapes, known_bands, typical_widths
from .grids import FloatArray
from .mixture import SpectralMixture

_NOISE = 0.01  # deviation of bands from the mixture, in reflectance: land that the training lacks
_WORTH = 2.0  # independent pixels that a scene is worth, against nominal centres
_WORTH_ALONE = 20.0  # and where it is all there is
_CENTRE_NM = 3.0  # deviation of nominal centres
_PLACE_NM = 12.0  # how near to bands of known cameras bands are
_ANYWHERE = 0.05  # share of bands that are elsewhere
_PIXELS = 250
_LOOSEST_NM, _LOOSEST_WIDTH = 60.0, 0.6  # deviations where the posterior is flat
_SWEEPS, _STARTS = 3, 4


@dataclass(frozen=True, eq=False)
class Bands:
    """Bands of a camera.

    Attributes:
        centre_nm, width_nm: ``(c,)``.
        centre_deviation_nm: how far the centres may be off, one standard deviation, ``(c,)``.
        width_deviation: likewise of the logarithm of the widths, about a share of the width.
    """

    centre_nm: FloatArray
    width_nm: FloatArray
    centre_deviation_nm: FloatArray
    width_deviation: FloatArray


class BandSearch:
    """The posterior of centres and widths for the pixels of one scene.

    Args:
        shapes: of bands on the grid.
        mixture: of spectra on it.
        pixels: reflectance ``(n, c)``.
        seed: of the choice among them, and of the places that a search without nominal centres starts from.
        check: called again and again while it searches; an error that it raises ends the search.
    """

    def __init__(
        self,
        shapes: BandShapes,
        mixture: SpectralMixture,
        pixels: FloatArray,
        seed: int = 0,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._check = check
        self._rng = np.random.default_rng(seed)
        chosen = self._rng.permutation(len(pixels))[:_PIXELS]
        self.shapes, self.mixture, self.pixels = shapes, mixture, pixels[np.sort(chosen)]
        self._nominal: FloatArray | None = None
        places = np.concatenate([centre for centre, _ in known_bands()])
        self._places = places[shapes.grid.covers(places)]

    def with_centres(self, nominal_nm: FloatArray) -> Bands:
        """Bands near nominal centres ``(c,)`` in nm."""
        self._nominal = nominal_nm
        width = np.exp(typical_widths(nominal_nm)[0])
        return self._bands(*self._refined(nominal_nm, width, self._score(nominal_nm, width)))

    def alone(self) -> Bands:
        """Bands of a camera of which nothing is known; the first guess takes them in increasing order."""
        self._nominal = None
        found: list[tuple[FloatArray, FloatArray, float]] = []
        for _ in range(_STARTS):
            centre = np.sort(self._rng.choice(np.unique(self._places), self.pixels.shape[1], replace=False))
            width = np.exp(typical_widths(centre)[0])
            score = self._score(centre, width)
            for _ in range(_SWEEPS):
                centre, width, score = self._moved(centre, width, score)
            found.append(self._refined(centre, width, score))
        return self._bands(*max(found, key=lambda one: one[2]))

    def _score(self, centre: FloatArray, width: FloatArray) -> float:
        """Logarithm of the posterior density of centres and widths."""
        self._check()
        response = self.shapes.rows(centre, width)
        likelihood = self.mixture.log_likelihood(response, self.pixels, _NOISE)
        usual, deviation = typical_widths(centre)
        prior = -0.5 * (((np.log(width) - usual) / deviation) ** 2).sum()
        if self._nominal is not None:
            away = -0.5 * (((centre - self._nominal) / _CENTRE_NM) ** 2).sum()
            return float(_WORTH * likelihood + prior + away)
        near = np.exp(-0.5 * ((centre[:, None] - self._places) / _PLACE_NM) ** 2).mean(axis=1)
        order = -0.5 * (np.minimum(np.diff(centre), 0.0) ** 2).sum() / _PLACE_NM**2
        return float(_WORTH_ALONE * likelihood + prior + np.log(near + _ANYWHERE / 100.0).sum() + order)

    def _moved(
        self, centre: FloatArray, width: FloatArray, score: float
    ) -> tuple[FloatArray, FloatArray, float]:
        """Every band in turn at the best of all places between its neighbours."""
        for band in self._rng.permutation(len(centre)):
            low = centre[band - 1] if band else -np.inf
            high = centre[band + 1] if band + 1 < len(centre) else np.inf
            places = np.unique(np.round(self._places / 10.0) * 10.0)
            for place in places[(places > low) & (places < high)]:
                trial = centre.copy()
                trial[band] = place
                wide = width.copy()
                wide[band] = np.exp(typical_widths(trial)[0][band])
                new = self._score(trial, wide)
                if new > score:
                    centre, width, score = trial, wide, new
        return centre, width, score

    def _refined(
        self, centre: FloatArray, width: FloatArray, score: float
    ) -> tuple[FloatArray, FloatArray, float]:
        """Small steps of centres and widths as long as they help, ever smaller ones."""
        lowest, highest = self.shapes.grid.wavelength_nm.min(), self.shapes.grid.wavelength_nm.max()
        for sweep in range(_SWEEPS):
            step = 0.5**sweep
            for band in range(len(centre)):
                for shift, factor in ((6, 1.0), (-6, 1.0), (0, 1.3), (0, 1 / 1.3), (0, 1.7), (0, 1 / 1.7)):
                    trial, wide = centre.copy(), width.copy()
                    trial[band] = np.clip(trial[band] + step * shift, lowest, highest)
                    wide[band] *= factor**step
                    new = self._score(trial, wide)
                    if new > score:
                        centre, width, score = trial, wide, new
        return centre, width, score

    def _bands(self, centre: FloatArray, width: FloatArray, score: float) -> Bands:
        """Bands with deviations from the curvature of the posterior, one band at a time."""
        places, widths = np.empty(len(centre)), np.empty(len(centre))
        for band in range(len(centre)):
            unit = np.eye(len(centre))[band]
            shifted = [self._score(centre + sign * 2.0 * unit, width) for sign in (-1.0, 1.0)]
            wider = [self._score(centre, width * np.exp(sign * 0.1 * unit)) for sign in (-1.0, 1.0)]
            places[band] = 2.0 / np.sqrt(max(2.0 * score - sum(shifted), 4.0 / _LOOSEST_NM**2))
            widths[band] = 0.1 / np.sqrt(max(2.0 * score - sum(wider), 0.01 / _LOOSEST_WIDTH**2))
        return Bands(centre, width, places, widths)
