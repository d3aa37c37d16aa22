"""Scenes at twice the resolution of the fine bands: targets of 5 m and what Sentinel-2 sees of them at 10 m.

A scene's pixels are taken for 5 m. What the finest bands see are the means of two by two of them; from there
on everything is as for scenes of 10 m, footprints of 20 and 60 m among it, which are means of these means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import IterableDataset

from hyperlift.core.spectral import grid, sensor

from ..evaluation.scores import FOOTPRINTS, HeldOutScene, scene_of, tiles_of
from .scenes import SceneMaker, batch_numbers
from .sensing import Observer, View
from .spectra import WORKING_GRID, Collection

REFINEMENT = 2  # pixels of the target along the side of a pixel of the fine bands


def halved(image: np.ndarray) -> np.ndarray:
    """Means of two by two pixels of ``image (bands, 2H, 2W)``."""
    bands, height, width = image.shape
    cells = image.reshape(bands, height // REFINEMENT, REFINEMENT, width // REFINEMENT, REFINEMENT)
    return cells.mean(axis=(2, 4))


def look_finely(
    observer: Observer, bands: np.ndarray, view: View, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Bands ``(c, H, W)`` as seen and ``(c, 2H, 2W)`` as PriorNet should find them.

    ``bands (c, 2H, 2W)`` are those of the scene; the air lies over both results, noise over the first.
    """
    air = replace(view, native=False, additive=0.0, relative=0.0)
    sharp = observer.degrade(bands, air)
    return observer.degrade(halved(sharp), replace(view, adjacency=0.0, haze=0.0), rng), sharp


@dataclass(frozen=True)
class FineMaker:
    """Draws patches like ``maker``, whose scenes are taken for 5 m; sides and pixels are those of 10 m."""

    maker: SceneMaker

    def patch(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, ...]:
        """``msi (c, side, side)``, ``bands (c, 2 side, 2 side)``, ``hsi`` alike, ``measured (C, 1, 1)``."""
        maker, fine = self.maker, REFINEMENT * side
        scene, measured = maker.scene(rng, fine)
        observer = maker.observers[rng.integers(len(maker.observers))]
        msi, bands = look_finely(observer, observer.see(scene), maker.view(rng), rng)
        hsi = (maker.resampling @ scene.reshape(len(scene), -1)).reshape(-1, fine, fine)
        return msi, bands, hsi, maker.measured(measured).astype(np.float32)[:, None, None]

    def batch(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch of patches of one random side, each part of :meth:`patch` by its name."""
        side = int(rng.choice(self.maker.config.sides))
        patches = [self.patch(rng, side) for _ in range(max(self.maker.config.pixels // side**2, 1))]
        names = ("msi", "bands", "hsi", "measured")
        return {name: torch.from_numpy(np.stack(parts)) for name, parts in zip(names, zip(*patches))}


class FineStream(IterableDataset):
    """Endless batches; batch ``i`` depends on ``seed`` and ``i`` alone.

    Args:
        maker: of the scenes.
        seed: of all.
        start: number of the first batch.
        images: real ones ``(c, H, W)``, NaN where a band is not known, at resolutions that their bands have.
        real_share: share of the batches that are pieces of them: without ``hsi``, NaN in ``bands``.
    """

    def __init__(
        self,
        maker: FineMaker,
        seed: int,
        start: int = 0,
        images: Sequence[np.ndarray] = (),
        real_share: float = 0.0,
    ) -> None:
        self.maker, self.seed, self.start = maker, seed, start
        side = REFINEMENT * max(maker.maker.config.sides)
        self.images = [image for image in images if min(image.shape[1:]) >= side]
        self.real_share = real_share if self.images else 0.0

    def _piece(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A piece of a real image as seen, and as it is: ``(c, side, side)`` and ``(c, 2 side, 2 side)``."""
        maker, fine = self.maker.maker, REFINEMENT * side
        while True:
            image = self.images[rng.integers(len(self.images))]
            top, left = (rng.integers(extent - fine + 1) for extent in image.shape[1:])
            piece = image[:, top : top + fine, left : left + fine]
            known = np.isfinite(piece)
            whole = known.all(axis=(1, 2))
            if whole.any() and not (known.any(axis=(1, 2)) & ~whole).any():
                break
        piece = np.rot90(piece, rng.integers(4), (1, 2))[:, :, :: rng.choice([1, -1])]
        piece = piece * np.float32(np.exp(rng.normal(0.0, 0.15)))
        # A band that is not known looks like one that is: the network must not tell real scenes by it.
        given = np.where(whole[:, None, None], piece, piece[whole].mean(axis=0))
        observer = maker.observers[rng.integers(len(maker.observers))]
        msi, bands = look_finely(observer, given, maker.view(rng), rng)
        return msi, np.where(whole[:, None, None], bands, np.nan).astype(np.float32)

    def _pieces(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        config = self.maker.maker.config
        side = int(rng.choice(config.sides))
        pieces = [self._piece(rng, side) for _ in range(max(config.pixels // side**2, 1))]
        return {
            name: torch.from_numpy(np.stack(parts)) for name, parts in zip(("msi", "bands"), zip(*pieces))
        }

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches from number ``start`` on."""
        for number in batch_numbers(self.start):
            rng = np.random.default_rng([7, self.seed, number])
            yield self._pieces(rng) if rng.random() < self.real_share else self.maker.batch(rng)


def seen_at_10_m(observer: Observer, bands: np.ndarray, native: bool) -> np.ndarray:
    """What a sensor sees ``(c, H, W)`` of ``bands (c, 2H, 2W)``, all at 10 m or at native footprints."""
    return observer.degrade(halved(bands), View(native=native))


def even_tiles(collection: Collection) -> np.ndarray:
    """Image as ``(tiles, 224, 2H, 2W)``, its last row or column left out where their number is odd."""
    tiles = tiles_of(collection)
    height, width = (extent - extent % REFINEMENT for extent in tiles.shape[2:])
    return tiles[:, :, :height, :width]


def fine_held_out_scenes(collections: Sequence[Collection], target: str) -> Iterator[HeldOutScene]:
    """Held-out images as 5 m, on the grid ``target``, seen through Sentinel-2A at 10 m in both ways."""
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    for collection in collections:
        if not collection.held_out or collection.shape is None:
            continue
        tiles = even_tiles(collection)
        for footprints, native in zip(FOOTPRINTS, (False, True)):
            seen = [seen_at_10_m(observer, observer.see(tile), native) for tile in tiles]
            yield scene_of(collection, footprints, tiles, seen, target)
