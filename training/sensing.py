"""How a multispectral sensor sees a hyperspectral scene: ``Y = R X`` at native footprints, with noise."""

from __future__ import annotations

import numpy as np

from hyperlift.core.spectral import Grid, Sensor, parametric_response, response_matrix


def _average_blocks(image: np.ndarray, size: int, phase: tuple[int, int]) -> np.ndarray:
    """Replace the ``size x size`` blocks of ``image`` (bands, H, W) by their means; they start at ``-phase``.

    Blocks cut by the border average what is left of them.
    """
    rows = (np.arange(image.shape[1]) + phase[0]) // size
    columns = (np.arange(image.shape[2]) + phase[1]) // size
    row_starts = np.flatnonzero(np.diff(rows, prepend=-1))
    column_starts = np.flatnonzero(np.diff(columns, prepend=-1))
    sums = np.add.reduceat(np.add.reduceat(image, row_starts, axis=1), column_starts, axis=2)
    counts = np.outer(
        np.diff(row_starts, append=image.shape[1]), np.diff(column_starts, append=image.shape[2])
    )
    means = sums / counts.astype(image.dtype)
    return means[:, rows - rows[0]][:, :, columns - columns[0]]


class Observer:
    """A sensor over a grid.

    Args:
        sensor: whose bands are seen.
        grid: of the scenes, ``C`` channels.
        pixel_m: ground sampling of the scenes in metres; bands with larger footprints are averaged over
            them and replicated.
    """

    def __init__(self, sensor: Sensor, grid: Grid, pixel_m: float = 10.0) -> None:
        matrix, supported = response_matrix(parametric_response(sensor), grid)
        if not supported.all():
            missing = ", ".join(np.array(sensor.band_names)[~supported])
            raise ValueError(f"The grid '{grid.name}' does not support the bands {missing}.")
        self.matrix = matrix.astype(np.float32)
        self.factors = np.maximum(np.round(sensor.footprint_m / pixel_m), 1).astype(int)

    def see(self, scene: np.ndarray) -> np.ndarray:
        """Bands ``(c, H, W)`` of a scene ``(C, H, W)``, all at the resolution of the scene."""
        return np.tensordot(self.matrix, scene, axes=1)

    def see_native(self, scene: np.ndarray, phase: tuple[int, int] = (0, 0)) -> np.ndarray:
        """Bands ``(c, H, W)`` at their native footprints, coarse pixels replicated onto the scene's grid."""
        image = self.see(scene)
        for factor in np.unique(self.factors[self.factors > 1]):
            coarse = self.factors == factor
            image[coarse] = _average_blocks(image[coarse], factor, phase)
        return image


def add_noise(image: np.ndarray, rng: np.random.Generator, additive: float, relative: float) -> np.ndarray:
    """``image`` with Gaussian noise of standard deviation ``additive + relative * image``, not below zero."""
    sigma = additive + relative * image
    return np.clip(image + sigma * rng.standard_normal(image.shape, dtype=np.float32), 0.0, None)
