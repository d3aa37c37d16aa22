"""Materials of the random scenes: real spectra with the variation inside a material."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperlift.core.spectral import grid

from .spectra import WORKING_GRID, Collection

_ONE_PLACE = 0.4  # share of the scenes whose materials all come from one collection
_BRIGHTNESS = 0.15  # standard deviation of the logarithm
_SLOPE = 0.06  # standard deviation of a tilt over the whole spectrum
_REACH = 12  # neighbours in a file are taken for relatives


def looks_like_water(spectra: np.ndarray, wavelength_nm: np.ndarray) -> np.ndarray:
    """Which spectra ``(n, C)`` are dark beyond the visible and darker there than in the green."""
    near, green = (spectra[:, np.abs(wavelength_nm - nm).argmin()] for nm in (860.0, 560.0))
    short_wave = spectra[:, np.abs(wavelength_nm - 1610.0).argmin()]
    return (near < 0.1) & (near < green) & (short_wave < 0.05)


def cloud_spectrum(rng: np.random.Generator, wavelength_nm: np.ndarray) -> np.ndarray:
    """A cloud's reflectance ``(C,)``: white, darker where droplets and ice absorb it."""
    first, second = ((wavelength_nm - 1500.0) / 120.0) ** 2, ((wavelength_nm - 2020.0) / 130.0) ** 2
    absorbing = np.exp(-first) + np.exp(-second)
    beyond = np.clip((wavelength_nm - 1300.0) / 1000.0, 0.0, 1.0)
    depth = rng.uniform(0.15, 0.6)
    return rng.uniform(0.35, 0.95) * (1.0 - depth * np.clip(0.6 * absorbing + 0.5 * beyond, 0.0, 0.95))


class Materials:
    """Draws materials from collections of spectra."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self.collections = list(collections)
        sizes = np.array([len(collection.spectra) for collection in self.collections])
        # Large collections repeat themselves: the fourth root keeps small libraries in sight.
        self.odds = sizes**0.25 / (sizes**0.25).sum()
        wavelength = grid(WORKING_GRID).wavelength_nm
        self.water = [
            (number, row)
            for number, collection in enumerate(self.collections)
            for row in np.flatnonzero(looks_like_water(collection.spectra, wavelength))
        ]

    def _relatives(self, rng: np.random.Generator, number: int, first: int) -> np.ndarray:
        """Two spectra ``(2, 224)`` that span a material's variation: neighbours in their file."""
        spectra = self.collections[number].spectra
        reach = rng.integers(1, _REACH)
        second = (first + rng.integers(-reach, reach + 1)) % len(spectra)
        pair = spectra[[first, second]] * np.exp(rng.normal(0.0, _BRIGHTNESS, (2, 1))).astype(np.float32)
        slope = np.linspace(-0.5, 0.5, spectra.shape[1], dtype=np.float32)
        return pair * (1.0 + rng.normal(0.0, _SLOPE) * slope)

    def draw(
        self, rng: np.random.Generator, count: int, water_first: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """``count`` materials as pairs ``(count, 2, 224)``, and the channels measured in all of them."""
        numbers = rng.choice(len(self.collections), size=count, p=self.odds)
        if rng.random() < _ONE_PLACE:
            numbers[:] = numbers[0]
        rows = [int(rng.integers(len(self.collections[number].spectra))) for number in numbers]
        if water_first and self.water:
            numbers[0], rows[0] = self.water[rng.integers(len(self.water))]
        pairs = np.array([self._relatives(rng, number, row) for number, row in zip(numbers, rows)])
        measured = np.all([self.collections[number].measured for number in numbers], axis=0)
        return pairs, measured
