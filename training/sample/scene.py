"""The bundled sample: a Sentinel-2 scene of an invented landscape.

Surfaces of known spectra are laid out on a fine grid, and every band sees them at its own footprint, as
the sensor does; 20 m and 60 m pixels are then repeated on the 10 m grid.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from scipy import ndimage

from ...core.spectral import sensor
from .land import CELL_M, paint_land
from .surfaces import band_reflectance

_SENSOR = "sentinel2a"
_PIXEL_M = 10.0
_COARSEST_M = 60
_QUANTIFICATION = 10_000
_BLUR = 0.35  # standard deviation of the point spread, in footprints
_NOISE = 0.0012  # standard deviation in reflectance
_CRS = "EPSG:32633"
_WEST, _NORTH = 512_400.0, 5_342_400.0


def _seen(
    fine: npt.NDArray[np.float32], footprint_m: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """One band of the fine grid as pixels of its footprint, repeated on the 10 m grid."""
    cells, repeats = round(footprint_m / CELL_M), round(footprint_m / _PIXEL_M)
    blurred = ndimage.gaussian_filter(fine, _BLUR * cells, mode="nearest")
    side = len(fine) // cells
    pixels = blurred.reshape(side, cells, side, cells).mean(axis=(1, 3))
    pixels += rng.normal(0.0, _NOISE, pixels.shape).astype(np.float32)
    return pixels.repeat(repeats, axis=0).repeat(repeats, axis=1)


def sample_scene(size: int = 240, seed: int = 0) -> npt.NDArray[np.uint16]:
    """Digital numbers ``(12, size, size)``, reflectance times 10,000, in the order of the sensor's bands.

    Raises:
        ValueError: ``size`` is not a positive multiple of 6 pixels, the coarsest footprint.
    """
    if size < 1 or size * _PIXEL_M % _COARSEST_M:
        raise ValueError(f"The size is {size} pixels; it must be a positive multiple of 6.")
    fine = paint_land(size * _PIXEL_M, band_reflectance(_SENSOR), seed)
    rng = np.random.default_rng(seed + 1)
    bands = [_seen(layer, band.footprint_m, rng) for layer, band in zip(fine, sensor(_SENSOR).bands)]
    numbers = np.rint(np.array(bands) * _QUANTIFICATION)
    return np.clip(numbers, 1, 2**16 - 1).astype(np.uint16)


def make_sample_scene(path: str | Path, size: int = 240, seed: int = 0) -> None:
    """Write the sample scene of ``size`` x ``size`` pixels of 10 m as a GeoTIFF.

    Raises:
        ValueError: ``size`` is not a positive multiple of 6 pixels.
    """
    numbers = sample_scene(size, seed)
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": len(numbers), "height": size, "width": size,
        "crs": _CRS, "transform": rasterio.transform.from_origin(_WEST, _NORTH, _PIXEL_M, _PIXEL_M),
        "compress": "deflate", "predictor": 2, "zlevel": 9, "interleave": "band",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers)
        file.descriptions = tuple(sensor(_SENSOR).band_names)
