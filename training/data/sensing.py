"""How a multispectral sensor sees a hyperspectral scene: ``Y = R X`` at native footprints, with its flaws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates

from hyperlift.core.spectral import Grid, Response, Sensor, parametric_response, response_matrix

_SPLINE_ORDER = {"bilinear": 1, "cubic": 3}
UPSAMPLINGS = ("replicate", *_SPLINE_ORDER)
_HAZE_NM = 490.0


@dataclass(frozen=True)
class View:
    """The circumstances of one look at a scene.

    Attributes:
        native: bands at their native footprints, else all at the resolution of the scene.
        phase: rows and columns of the first coarse pixels that lie before the scene.
        upsampling: how coarse pixels came onto the scene's grid: ``replicate``, ``bilinear`` or ``cubic``.
        point_spread: standard deviation of the sensor's point spread, in footprints of each band.
        adjacency: share of the light that comes from the surroundings (scattered by the air).
        haze: reflectance at 490 nm that the air adds, what a correction has left.
        haze_exponent: it falls with wavelength to this power.
        additive, relative: standard deviation of the noise, ``additive + relative * reflectance``, in each
            footprint.
    """

    native: bool = False
    phase: tuple[int, int] = (0, 0)
    upsampling: str = "replicate"
    point_spread: float = 0.0
    adjacency: float = 0.0
    haze: float = 0.0
    haze_exponent: float = 2.0
    additive: float = 0.0
    relative: float = 0.0


@lru_cache(maxsize=4096)
def footprint_operator(
    side: int, factor: int, phase: int, upsampling: str = "replicate", point_spread: float = 0.0
) -> np.ndarray:
    """What footprints of ``factor`` pixels do to one axis of an image, ``(side, side)``.

    Blur by the point spread, average over the footprints, and bring them back onto the pixels. Footprints cut
    by the border average what is left of them.
    """
    operator = np.eye(side)
    if point_spread > 0:
        operator = gaussian_filter1d(operator, point_spread * factor, axis=0, mode="nearest")
    cells = (np.arange(side) + phase) // factor
    if factor > 1:
        average = (cells == np.arange(cells[-1] + 1)[:, None]).astype(float)
        average = average[average.any(axis=1)]
        operator = average / average.sum(axis=1, keepdims=True) @ operator
        if upsampling == "replicate":
            operator = operator[cells - cells[0]]
        else:
            at = (np.arange(side) + phase + 0.5) / factor - 0.5 - cells[0]
            columns = np.arange(side)
            where = np.broadcast_arrays(at[:, None], columns[None])
            operator = map_coordinates(operator, where, order=_SPLINE_ORDER[upsampling], mode="nearest")
    return operator.astype(np.float32)


@lru_cache(maxsize=64)
def _surroundings(side: int, reach: float) -> np.ndarray:
    """Averages of an axis over its surroundings, ``(side, side)``."""
    return gaussian_filter1d(np.eye(side), reach, axis=0, mode="nearest").astype(np.float32)


class Observer:
    """A sensor over a grid.

    Args:
        sensor: whose bands are seen.
        grid: of the scenes, ``C`` channels.
        pixel_m: ground sampling of the scenes in metres; bands with larger footprints are averaged over
            them and brought back onto the pixels.
        response: measured responses of the bands, instead of those that follow from centres and widths.

    Raises:
        ValueError: the grid lacks the wavelengths of a band.
    """

    def __init__(
        self, sensor: Sensor, grid: Grid, pixel_m: float = 10.0, response: Response | None = None
    ) -> None:
        matrix, supported = response_matrix(response or parametric_response(sensor), grid)
        if not supported.all():
            missing = ", ".join(np.array(sensor.band_names)[~supported])
            low, high = grid.wavelength_nm.min(), grid.wavelength_nm.max()
            raise ValueError(
                f"The grid '{grid.name}' ({low:.0f} to {high:.0f} nm) does not support the bands {missing}."
            )
        self.sensor = sensor
        self.matrix = matrix.astype(np.float32)
        self.factors = np.maximum(np.round(sensor.footprint_m / pixel_m), 1).astype(int)

    def see(self, scene: np.ndarray) -> np.ndarray:
        """Bands ``(c, H, W)`` of a scene ``(C, H, W)``, all at the resolution of the scene."""
        return np.tensordot(self.matrix, scene, axes=1)

    def see_native(self, scene: np.ndarray, phase: tuple[int, int] = (0, 0)) -> np.ndarray:
        """Bands ``(c, H, W)`` at their native footprints, coarse pixels replicated onto the scene's grid."""
        return self.look(scene, View(native=True, phase=phase))

    def look(self, scene: np.ndarray, view: View, rng: np.random.Generator | None = None) -> np.ndarray:
        """Bands ``(c, H, W)`` of a scene ``(C, H, W)`` under the circumstances of ``view``.

        ``rng`` draws the noise and is needed only when there is some.
        """
        return self.degrade(self.see(scene), view, rng)

    def degrade(self, image: np.ndarray, view: View, rng: np.random.Generator | None = None) -> np.ndarray:
        """Bands ``(c, H, W)`` under the circumstances of ``view``, from bands at one resolution."""
        image = image.copy()
        height, width = image.shape[1:]
        if view.adjacency:
            rows, columns = (_surroundings(side, side / 6) for side in (height, width))
            image = image + view.adjacency * (rows @ image @ columns.T - image)
        if view.haze:
            fall = (self.sensor.centre_nm / _HAZE_NM) ** -view.haze_exponent
            image = image + (view.haze * fall).astype(np.float32)[:, None, None]
        noise = None
        if view.additive or view.relative:
            sigma = view.additive + view.relative * image
            noise = sigma * rng.standard_normal(image.shape, dtype=np.float32)
        for factor in np.unique(self.factors) if view.native else ():
            bands = self.factors == factor
            image[bands] = self._seen(image[bands], factor, view, view.point_spread)
            if noise is not None:
                # The mean of the noise in a footprint, as strong as in a pixel.
                noise[bands] = factor * self._seen(noise[bands], factor, view)
        if noise is not None:
            image = image + noise
        return np.clip(image, 0.0, None)

    @staticmethod
    def _seen(image: np.ndarray, factor: int, view: View, point_spread: float = 0.0) -> np.ndarray:
        """Bands ``(b, H, W)`` as footprints of ``factor`` pixels see them, back on the pixels."""
        rows, columns = (
            footprint_operator(extent, factor, phase % factor, view.upsampling, point_spread)
            for extent, phase in zip(image.shape[1:], view.phase)
        )
        return rows @ image @ columns.T
