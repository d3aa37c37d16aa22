"""Training on a user's own pairs: a folder of co-registered GeoTIFFs.

``<name>_msi.tif`` holds the multispectral bands in the sensor's order and ``<name>_hsi.tif`` the
hyperspectral channels of the target grid, both reflectance (scale and offset of the bands are applied) on the
same pixels. Files in a subfolder are of one area, which is held out as a whole or not at all; a pair outside
of subfolders is an area of its own, of the pair's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from hyperlift.core.spectral import grid, sensor

from ..evaluation.scores import FOOTPRINTS, HeldOutScene
from .scenes import Batch, SceneConfig

_BANDS = len(sensor("sentinel2a").bands)
MSI, HSI = "_msi.tif", "_hsi.tif"
_TRIES = 200
_BRIGHTEST = 2.0  # reflectance that half of an image's values cannot exceed
_LOOKED_AT = 64  # rows and columns, spread over an image, that show whether it holds reflectance
_LARGEST_SIDE = 512


@dataclass(frozen=True)
class Pair:
    """One scene: its area, paths of both images and their rows and columns."""

    area: str
    msi: Path
    hsi: Path
    shape: tuple[int, int]

    @property
    def name(self) -> str:
        """Name of the scene."""
        return self.msi.name.removesuffix(MSI)


def _read(path: Path, window: Window, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance ``(bands, h, w)`` of a window, and where each band is valid.

    Of more than ``most`` rows or columns only so many, spread over the window.
    """
    with rasterio.open(path) as raster:
        fewer = {}
        if most is not None:
            sides = (min(int(extent), most) for extent in (window.height, window.width))
            fewer["out_shape"] = (raster.count, *sides)
        stored = raster.read(window=window, masked=True, **fewer)
        scale, offset = (
            np.array(table, np.float32)[:, None, None] for table in (raster.scales, raster.offsets)
        )
    pixels = stored.filled(0).astype(np.float32) * scale + offset
    valid = ~np.ma.getmaskarray(stored) & np.isfinite(pixels)
    return np.where(valid, pixels, 0).astype(np.float32), valid


def _check_reflectance(path: Path, shape: tuple[int, int]) -> None:
    """Raise ValueError where an image holds digital numbers, or per cent, whose scale is not declared."""
    pixels, valid = _read(path, Window(0, 0, shape[1], shape[0]), _LOOKED_AT)
    if valid.any() and (typical := float(np.median(pixels[valid]))) > _BRIGHTEST:
        raise ValueError(
            f"'{path.name}' holds values of {typical:.0f} in the median, not reflectance as a fraction: "
            "declare the scale of its bands, and the offset where they have one, with gdal_edit.py -scale "
            "and -offset (0.0001 and -0.1 for Sentinel-2 since baseline 04.00, 0.01 for per cent)."
        )


class PairFolder:
    """Draws patches from a folder of pairs, except from the areas ``held_out``.

    Raises:
        ValueError: the folder holds no pair, a pair does not fit together or is no reflectance, or there is
            no area of that name.
    """

    def __init__(self, folder: Path, config: SceneConfig, held_out: Sequence[str] = ()) -> None:
        self.config = config
        pairs = [self._open(path, Path(folder)) for path in sorted(Path(folder).rglob(f"*{MSI}"))]
        if not pairs:
            raise ValueError(f"'{folder}' holds no pairs named <name>_msi.tif and <name>_hsi.tif.")
        areas = {pair.area for pair in pairs}
        if unknown := set(held_out) - areas:
            raise ValueError(
                f"'{folder}' has no area '{min(unknown)}'; its areas are {', '.join(sorted(areas))}."
            )
        self.pairs = [pair for pair in pairs if pair.area not in held_out]
        self.held_out = [pair for pair in pairs if pair.area in held_out]

    def held_out_scenes(self) -> Iterator[HeldOutScene]:
        """The pairs of held-out areas; of large ones the first :data:`_LARGEST_SIDE` rows and columns."""
        wavelength_nm = grid(self.config.target).wavelength_nm
        for pair in self.held_out:
            height, width = (min(extent, _LARGEST_SIDE) for extent in pair.shape)
            window = Window(0, 0, width, height)
            (msi, seen), (hsi, known) = _read(pair.msi, window), _read(pair.hsi, window)
            measured = known.any(axis=(1, 2))
            valid = seen.all(axis=0) & known[measured].all(axis=0)
            hsi, msi = hsi * valid, msi * valid
            yield HeldOutScene(pair.name, FOOTPRINTS[1], msi[None], hsi[None], measured, wavelength_nm)

    def _open(self, msi: Path, folder: Path) -> Pair:
        area = msi.name.removesuffix(MSI) if msi.parent == folder else msi.parent.name
        hsi = msi.with_name(msi.name.removesuffix(MSI) + HSI)
        if not hsi.is_file():
            raise ValueError(f"'{msi.name}' has no partner '{hsi.name}'.")
        with rasterio.open(msi) as low, rasterio.open(hsi) as high:
            if low.shape != high.shape or not np.allclose(low.transform, high.transform):
                raise ValueError(f"'{msi.name}' and '{hsi.name}' do not lie on the same pixels.")
            if low.count != _BANDS:
                raise ValueError(f"'{msi.name}' has {low.count} bands; the sensor has {_BANDS}.")
            channels = len(grid(self.config.target))
            if high.count != channels:
                raise ValueError(
                    f"'{hsi.name}' has {high.count} channels; '{self.config.target}' has {channels}."
                )
            shape = low.shape
        for path in (msi, hsi):
            _check_reflectance(path, shape)
        return Pair(area, msi, hsi, shape)

    def patch(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``msi (c, side, side)``, ``hsi (C, side, side)`` and ``measured``, alike, turned at random.

        Raises:
            ValueError: patch after patch holds no valid pixel.
        """
        for _ in range(_TRIES):
            patch = self._draw(rng, side)
            if patch[2].any():
                return patch
        raise ValueError("Hardly any pixel of the pairs is valid in both images; check their nodata values.")

    def _draw(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A patch as in :meth:`patch`, valid or not."""
        pair = self.pairs[rng.integers(len(self.pairs))]
        height, width = pair.shape
        window = Window(
            rng.integers(max(width - side, 0) + 1), rng.integers(max(height - side, 0) + 1), side, side
        )
        (msi, seen), (hsi, known) = _read(pair.msi, window), _read(pair.hsi, window)
        valid = (seen.all(axis=0) & known).astype(np.float32)
        turn, flip = rng.integers(4), rng.choice([1, -1])
        return tuple(
            np.ascontiguousarray(np.rot90(image, turn, (1, 2))[:, :, ::flip]) for image in (msi, hsi, valid)
        )

    def batch(self, rng: np.random.Generator) -> Batch:
        """A batch of patches of one side that fits every scene."""
        side = min(int(rng.choice(self.config.sides)), *(min(pair.shape) for pair in self.pairs))
        patches = [self.patch(rng, side) for _ in range(max(self.config.pixels // side**2, 1))]
        return Batch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*patches)))
