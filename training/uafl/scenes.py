"""Held-out cubes with photographs that are known to lie elsewhere, and real pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from hyperlift.core.fusion.resampling import observe
from hyperlift.core.raster.blocks import Window
from hyperlift.core.registration import Affine

from .pairs import sampled

# Cubes of areas that training never saw. Cuprite's absolute scale and Samson's unit are not known, which does
# not matter here: nothing depends on them.
CUBES = ("cuprite_lowrank_192x192", "unmix_samson", "salton_sea_aviris", "hyspex_bavaria_gfz_325")
REAL_PAIRS = (
    "unreg_salton_sea_aviris_rgb",
    "unreg_houston_casi_rgb",
    "pair_neon_harv_hsi_rgb",
    "pair_neon_osbs24_hsi_rgb",
)
_SAMSON_NM = (401.0, 889.0)
_BLUR = 0.42
_COLOURS = ((640.0, 40.0), (550.0, 40.0), (460.0, 35.0))


@dataclass(frozen=True, eq=False)
class Misregistered:
    """A held-out scene.

    Attributes:
        name: of the cube.
        scale: fine pixels for each coarse one along each side.
        truth: ``(B, H, W)``.
        coarse: ``(B, h, w)``.
        photo: ``(3, H, W)``, zero where it has no data.
        place: from the truth's pixels to the photograph's.
    """

    name: str
    scale: int
    truth: np.ndarray
    coarse: np.ndarray
    photo: np.ndarray
    place: Affine


def load_cube(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Good bands ``(B, H, W)`` of a cube and their wavelengths."""
    if name == "unmix_samson":
        with np.load(folder / "unmixing" / f"{name}.npz") as table:
            cube = table["Y"].astype(np.float32)
        return cube.transpose(2, 0, 1), np.linspace(*_SAMSON_NM, cube.shape[-1])
    with np.load(folder / "cubes" / f"{name}.npz") as table:
        cube, wavelength = table["reflectance"].astype(np.float32), table["wavelength_nm"]
        bad = table["bad_bands"] if "bad_bands" in table else np.zeros(len(wavelength), bool)
    good = ~bad & np.isfinite(cube).all(axis=(0, 1)) & (cube.max(axis=(0, 1)) > 0)
    return np.ascontiguousarray(cube[..., good].transpose(2, 0, 1)), wavelength[good]


def photograph(cube: np.ndarray, wavelength: np.ndarray, gamma: float) -> np.ndarray:
    """What a camera with a tone of its own sees of a cube (B, H, W)."""
    bands = []
    for centre, width in _COLOURS:
        response = np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
        bands.append(np.tensordot(response / response.sum(), cube, axes=1))
    photo = np.stack(bands)
    return np.clip(photo / np.percentile(photo, 99.5), 0.0, 1.0) ** gamma


def misregistered(
    name: str, cube: np.ndarray, wavelength: np.ndarray, scale: int, rng: np.random.Generator
) -> Misregistered:
    """A scene with a photograph turned up to 10 degrees, scaled by 10 %, shifted by 20 pixels, locally 1."""
    side = min(cube.shape[1:]) // scale * scale
    cube = cube[:, :side, :side]
    cells = side // scale
    whole = Window(0, 0, cells, cells)
    coarse = observe(cube, whole, whole, scale, (cells, cells), _BLUR)
    place = Affine.about(
        (side / 2, side / 2),
        rng.uniform(-10, 10),
        rng.uniform(0.9, 1.1),
        tuple(rng.uniform(-1, 1, 2) * min(20.0, side / 5)),
    )
    flow = np.stack([gaussian_filter(rng.normal(size=(side, side)), side / 8) for _ in range(2)])
    flow /= np.abs(flow).max()
    y, x = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5, indexing="ij")
    x, y = place.inverse()(x, y)
    inside = (x > 0) & (y > 0) & (x < side) & (y < side)
    seen = sampled(photograph(cube, wavelength, rng.uniform(0.6, 1.5)), x + flow[0], y + flow[1], 3)
    return Misregistered(name, scale, cube, coarse, np.clip(seen, 1e-3, None) * inside, place)


def load_pair(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A real pair: image ``(B, h, w)`` without bad bands, and photograph ``(3, H, W)``."""
    with np.load(folder / "pairs" / f"{name}.npz") as table:
        image, photo = table["hsi"].astype(np.float32), table["rgb"].astype(np.float32)
        bad = table["bad_bands"] if "bad_bands" in table else np.zeros(image.shape[-1], bool)
    return image[..., ~bad].transpose(2, 0, 1), photo.transpose(2, 0, 1)
