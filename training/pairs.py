"""Training on a user's own pairs: a folder of co-registered GeoTIFFs.

``<name>_msi.tif`` holds the multispectral bands in the sensor's order and ``<name>_hsi.tif`` the
hyperspectral channels of the target grid, both reflectance (scale and offset of the bands are applied) on the
same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from hyperlift.core.spectral import grid, sensor

from .scenes import Batch, SceneConfig

_BANDS = len(sensor("sentinel2a").bands)
_TRIES = 200


@dataclass(frozen=True)
class Pair:
    """One scene: paths of both images and their rows and columns."""

    msi: Path
    hsi: Path
    shape: tuple[int, int]


def _read(path: Path, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Reflectance ``(bands, h, w)`` of a window, and where each band is valid."""
    with rasterio.open(path) as raster:
        stored = raster.read(window=window, masked=True)
        scale, offset = (
            np.array(table, np.float32)[:, None, None] for table in (raster.scales, raster.offsets)
        )
    pixels = stored.filled(0).astype(np.float32) * scale + offset
    valid = ~np.ma.getmaskarray(stored) & np.isfinite(pixels)
    return np.where(valid, pixels, 0).astype(np.float32), valid


class PairFolder:
    """Draws patches from a folder of pairs.

    Raises:
        ValueError: the folder holds no pair, or a pair does not fit together.
    """

    def __init__(self, folder: Path, config: SceneConfig) -> None:
        self.config = config
        self.pairs = [self._open(path) for path in sorted(Path(folder).glob("*_msi.tif"))]
        if not self.pairs:
            raise ValueError(f"'{folder}' holds no pairs named <name>_msi.tif and <name>_hsi.tif.")

    def _open(self, msi: Path) -> Pair:
        hsi = msi.with_name(msi.name.replace("_msi.tif", "_hsi.tif"))
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
            return Pair(msi, hsi, low.shape)

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
