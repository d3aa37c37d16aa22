"""Writing synthetic scenes to a folder of co-registered GeoTIFF pairs, which ``train --pairs`` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from hyperlift.core.spectral import Band, Response, Sensor, grid, read_response, sensor

from .pairs import HSI, MSI
from .scenes import SceneMaker
from .sensing import Observer
from .spectra import WORKING_GRID

_NORTH = 5_000_000.0  # scenes lie side by side on an invented piece of UTM zone 33
_EAST = 500_000.0
_CRS = "EPSG:32633"


def _equivalent_width(response: Response) -> np.ndarray:
    """Area under each curve over its maximum, in nm, ``(c,)``."""
    return response.curves @ np.gradient(response.wavelength_nm) / response.curves.max(axis=1)


def observers_of(
    names: list[str], response: Path | None, footprints_m: list[float] | None, pixel_m: float
) -> list[Observer]:
    """Sensors by name, or the one whose responses are in a CSV file.

    Args:
        names: of known sensors.
        response: CSV of responses, wavelengths in nm first, then one column for each band.
        footprints_m: of the bands in the file; one value serves them all, none means one pixel.
        pixel_m: ground sampling of the scenes.

    Raises:
        ValueError: there is neither one footprint nor one for each band, or footprints of known sensors.
        SpectralError: a name or the file is wrong.
    """
    working = grid(WORKING_GRID)
    if response is None:
        if footprints_m:
            raise ValueError("--footprint belongs to --response: those of known sensors are known.")
        return [Observer(sensor(name), working, pixel_m) for name in names]
    curves = read_response(response)
    count = len(curves.band_names)
    metres = footprints_m or [pixel_m]
    if len(metres) not in (1, count):
        raise ValueError(f"{len(metres)} footprints were given for the {count} bands of '{response}'.")
    metres = metres * (count // len(metres))
    table = zip(curves.band_names, curves.centre_nm, _equivalent_width(curves), metres)
    own = Sensor(response.stem, response.stem, tuple(Band(name, *numbers) for name, *numbers in table))
    return [Observer(own, working, pixel_m, curves)]


def _write(path: Path, image: np.ndarray, names: list[str], west: float, pixel_m: float, seed: str) -> None:
    """One image ``(bands, H, W)`` of reflectance as a GeoTIFF."""
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": len(image), "height": image.shape[1],
        "width": image.shape[2], "crs": _CRS, "transform": from_origin(west, _NORTH, pixel_m, pixel_m),
        "compress": "deflate", "predictor": 3, "interleave": "band", "nodata": np.nan,
    }  # fmt: skip
    partial = path.with_suffix(".part")
    with rasterio.open(partial, "w", **profile) as file:
        file.write(image.astype(np.float32))
        file.update_tags(HYPERLIFT_SYNTHESIS=seed)
        for number, name in enumerate(names, start=1):
            file.set_band_description(number, name)
    partial.rename(path)


def write_pairs(maker: SceneMaker, output: Path, count: int, side: int, seed: int, pixel_m: float) -> None:
    """Write ``count`` pairs ``scene_0000_msi.tif`` and ``scene_0000_hsi.tif`` of ``side`` pixels.

    Scene ``i`` depends on ``seed`` and ``i`` alone. Channels that no instrument measured are NaN.

    Raises:
        ValueError: ``output`` holds pairs that these would not replace.
    """
    names = [f"scene_{number:04d}" for number in range(count)]
    there = {str(path.relative_to(output)) for path in output.rglob(f"*{MSI}")}
    others = there - {f"{name}{MSI}" for name in names}
    if others:
        raise ValueError(
            f"'{output}' holds other pairs ('{min(others)}'), which training would mix with these: choose a "
            "new folder or empty it."
        )
    output.mkdir(parents=True, exist_ok=True)
    channels = [f"{nm:.1f} nm" for nm in maker.target.wavelength_nm]
    for number, name in enumerate(names):
        msi, hsi, measured = maker.patch(np.random.default_rng([seed, number]), side)
        hsi = np.where(measured[:, None, None], hsi, np.nan)
        west, said = _EAST + number * side * pixel_m, f"seed {seed}, scene {number}"
        bands = maker.observers[0].sensor.band_names
        _write(output / f"{name}{HSI}", hsi, channels, west, pixel_m, said)
        _write(output / f"{name}{MSI}", msi, bands, west, pixel_m, said)
