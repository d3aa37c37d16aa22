"""Small scenes of ever-new mixtures of real spectra, in batches, deterministic by seed.

A patch is one of three things: real land, a Sentinel-2 image explained as mixtures of real spectra
(:mod:`.texture`); a piece of a real cube; or a few materials (real spectra with variation inside the
material, :mod:`.materials`) in a generated pattern (:mod:`.patterns`), shaded and now and then clouded. Each
is seen through Sentinel-2A, B or C, with all bands at one resolution or at native footprints
(:mod:`.sensing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch.utils.data import IterableDataset

from hyperlift.core.spectral import grid, resampling_matrix, sensor, sensor_names

from .materials import Materials, cloud_spectrum
from .patterns import PATTERNS, cloud_and_shadow, smooth_field
from .sensing import UPSAMPLINGS, Observer, View
from .spectra import HELD_OUT, WORKING_GRID, Collection, data_folder, load_collections, target_grid
from .texture import Texture, explain_textures
from .vegetation import simulate_vegetation

_SIMULATED_VEGETATION = 1500
_SMALLEST_CUBE = 40
_BRIGHTEST = 1.3
_MEASURED = 0.99  # share of a channel that instruments must have measured


@dataclass(frozen=True)
class SceneConfig:
    """Make-up of the random scenes. A share of zero leaves an ingredient out.

    Attributes:
        target: name of the grid to predict.
        sides: sides in pixels from which each batch draws one.
        pixels: pixels in a batch, whatever the side.
        texture_share: share of patches with the texture of real Sentinel-2 images, where there are such.
        cube_share: share of the other patches that are cut from real cubes.
        pattern_share: share of the generated patches with fields, roofs or water; the others have none.
        cloud_share: share of the generated patches with clouds and their shadows.
        data_share: share of every library's spectra and of every cube's rows that are used.
        vegetation: whether canopies simulated with PROSAIL are among the materials.
        native_share: share of patches seen at native footprints.
        point_spread_share: share of those with the sensor's point spread.
        upsampled_share: share of those whose coarse bands were interpolated instead of replicated.
        air_share: share of all patches with adjacency and residual haze. By default there are none: models
            trained with them are no better through haze (see NOTES.md).
        materials: least and largest number of materials in a generated patch.
        seed: of the explanations of real images; the scenes themselves depend on the seed of who draws them.
    """

    target: str = "aviris172"
    sides: tuple[int, ...] = (12, 24)
    pixels: int = 4608
    texture_share: float = 0.5
    cube_share: float = 0.4
    pattern_share: float = 0.6
    cloud_share: float = 0.04
    data_share: float = 1.0
    vegetation: bool = True
    native_share: float = 0.4
    point_spread_share: float = 0.3
    upsampled_share: float = 0.2
    air_share: float = 0.0
    materials: tuple[int, int] = (2, 7)
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """``msi`` (N, c, H, W), ``hsi`` (N, C, H, W), ``measured`` (N, C, 1, 1): 1 where the truth is known."""

    msi: torch.Tensor
    hsi: torch.Tensor
    measured: torch.Tensor


class SceneMaker:
    """Draws random scenes.

    Args:
        collections: spectra to make them of.
        config: their make-up.
        textures: real land, see :func:`.texture.explain_textures`.
        observers: sensors to see them with, on the grid of the collections; Sentinel-2A, B and C by default.
    """

    def __init__(
        self,
        collections: Sequence[Collection],
        config: SceneConfig,
        textures: Sequence[Texture] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        working = grid(WORKING_GRID)
        self.config = config
        self.target = target_grid(config.target)
        self.materials = Materials([*collections, *simulated(config)])
        self.textures = textures
        large = [c for c in collections if c.shape is not None and min(c.shape) >= _SMALLEST_CUBE]
        self.cubes = large if config.cube_share else []
        self.observers = observers or [Observer(sensor(name), working) for name in sensor_names()]
        matrix, supported = resampling_matrix(working, self.target)
        if not supported.all():
            raise ValueError(f"The grid '{self.target.name}' reaches beyond {WORKING_GRID}.")
        # Where the channels are the working grid's own, this only selects them.
        self.resampling = csr_matrix(matrix.astype(np.float32))

    def at_one_resolution(self) -> SceneMaker:
        """A maker of the same scenes, seen with all bands at one resolution."""
        return self.with_native_share(0.0)

    def with_native_share(self, share: float) -> SceneMaker:
        """A maker of the same scenes, ``share`` of them seen at native footprints."""
        return self.with_config(replace(self.config, native_share=share))

    def with_config(self, config: SceneConfig) -> SceneMaker:
        """A maker of scenes from the same spectra and images, of another make-up."""
        maker = copy(self)
        maker.config = config
        return maker

    def _generated(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A scene ``(224, side, side)`` of materials in a generated pattern, and the measured channels."""
        count = int(rng.integers(self.config.materials[0], self.config.materials[1] + 1))
        shaped = [name for name in PATTERNS if name != "transitions"]
        pattern = rng.choice(shaped) if rng.random() < self.config.pattern_share else "transitions"
        pairs, measured = self.materials.draw(rng, count, water_first=pattern == "water")
        cover = PATTERNS[pattern](rng, side, count)
        length = np.exp(rng.uniform(np.log(0.5), np.log(side / 4)))
        vary = np.array([smooth_field(rng, side, length) for _ in range(count)])
        first = cover / (1.0 + np.exp(-2.0 * vary))
        shares = np.stack([first, cover - first], axis=1).reshape(2 * count, side, side)
        scene = np.tensordot(pairs.reshape(2 * count, -1).T, shares, axes=1)
        relief = smooth_field(rng, side, rng.uniform(0.5, side / 4))
        light = np.exp(rng.uniform(0.0, 0.25) * relief + rng.normal(0.0, 0.15))
        if rng.random() < self.config.cloud_share:
            return clouded(rng, scene * light), measured
        return (scene * light).astype(np.float32), measured

    def _cut(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A piece ``(224, side, side)`` of a real cube, or None when it has gaps."""
        cube = self.cubes[rng.integers(len(self.cubes))]
        if min(cube.shape) < side:
            return None
        row, column = (rng.integers(extent - side + 1) for extent in cube.shape)
        piece = cube.spectra.reshape(*cube.shape, -1)[row : row + side, column : column + side]
        if (piece.max(axis=2) <= 1e-3).any():
            return None
        return piece.transpose(2, 0, 1), cube.measured

    def _land(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A piece ``(224, side, side)`` of explained land, or None when it is too bright to be land."""
        texture = self.textures[rng.integers(len(self.textures))]
        if min(texture.shape) < side:
            return None
        row, column = (rng.integers(extent - side + 1) for extent in texture.shape)
        piece, measured = texture.crop(row, column, side)
        return (piece, measured) if piece.max() < _BRIGHTEST else None

    def scene(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A scene ``(224, side, side)`` on the working grid and which channels were measured in it."""
        drawn = None
        if self.textures and rng.random() < self.config.texture_share:
            drawn = self._land(rng, side)
        elif self.cubes and rng.random() < self.config.cube_share:
            drawn = self._cut(rng, side)
        if drawn is None:
            return self._generated(rng, side)
        piece, measured = drawn
        piece = np.rot90(piece, rng.integers(4), (1, 2))[:, :, :: rng.choice([1, -1])]
        return np.ascontiguousarray(piece * np.float32(np.exp(rng.normal(0.0, 0.15)))), measured

    def view(self, rng: np.random.Generator) -> View:
        """Circumstances of a look at a scene."""
        config = self.config
        native, air = rng.random() < config.native_share, rng.random() < config.air_share
        spread = rng.random() < config.point_spread_share
        upsampled = rng.random() < config.upsampled_share
        return View(
            native=native,
            phase=tuple(int(pixels) for pixels in rng.integers(0, 6, 2)),
            upsampling=str(rng.choice(UPSAMPLINGS[1:])) if upsampled else UPSAMPLINGS[0],
            point_spread=rng.uniform(0.2, 0.45) if spread else 0.0,
            adjacency=rng.uniform(0.0, 0.1) if air else 0.0,
            haze=rng.uniform(0.0, 0.006) if air else 0.0,
            haze_exponent=rng.uniform(1.0, 4.0),
            additive=rng.uniform(0, 0.0006),
            relative=rng.uniform(0, 0.002),
        )

    def patch(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``msi (c, side, side)``, ``hsi (C, side, side)`` and ``measured (C,)``."""
        scene, measured = self.scene(rng, side)
        observer = self.observers[rng.integers(len(self.observers))]
        msi = observer.look(scene, self.view(rng), rng)
        hsi = (self.resampling @ scene.reshape(len(scene), -1)).reshape(-1, side, side)
        return msi, hsi, self.measured(measured)

    def measured(self, channels: np.ndarray) -> np.ndarray:
        """Which channels of the target ``(C,)`` were measured, of those of the working grid ``(224,)``."""
        return self.resampling @ channels.astype(np.float32) > _MEASURED

    def batch(self, rng: np.random.Generator) -> Batch:
        """A batch of patches of one random side."""
        side = int(rng.choice(self.config.sides))
        patches = [self.patch(rng, side) for _ in range(max(self.config.pixels // side**2, 1))]
        msi, hsi, measured = (np.stack(parts) for parts in zip(*patches))
        return Batch(
            torch.from_numpy(msi),
            torch.from_numpy(hsi),
            torch.from_numpy(measured.astype(np.float32)[:, :, None, None]),
        )


def clouded(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """A scene ``(224, H, W)`` on the working grid under a cloud and its shadow."""
    height, width = scene.shape[1:]
    opacity, shadow = (part[:height, :width] for part in cloud_and_shadow(rng, max(height, width)))
    cloud = cloud_spectrum(rng, grid(WORKING_GRID).wavelength_nm)[:, None, None]
    return (scene * (1.0 - shadow) * (1.0 - opacity) + cloud * opacity).astype(np.float32)


def simulated(config: SceneConfig) -> list[Collection]:
    """Collections that are simulated rather than measured."""
    if not config.vegetation:
        return []
    canopies = simulate_vegetation(_SIMULATED_VEGETATION, seed=0)
    return [Collection("prosail", "prosail", canopies, np.ones(canopies.shape[1], bool), None)]


def scene_maker(
    config: SceneConfig,
    data: Path | None = None,
    left_out: Sequence[str] = HELD_OUT,
    observers: Sequence[Observer] = (),
) -> SceneMaker:
    """The maker of training scenes from a data folder.

    Args:
        config: their make-up.
        data: the folder.
        left_out: collections in it that are not used, by default those of the held-out areas.
        observers: as for :class:`SceneMaker`.
    """
    folder = data_folder(data)
    known = [one.part(config.data_share) for one in load_collections(folder) if one.name not in left_out]
    explaining = [*known, *simulated(config)]
    images = folder / "sentinel2"
    textures = explain_textures(images, explaining, seed=config.seed) if config.texture_share else []
    return SceneMaker(known, config, textures, observers)


def batch_numbers(start: int = 0) -> Iterator[int]:
    """Numbers of endless batches from ``start`` on; processes that load data take turns."""
    worker = torch.utils.data.get_worker_info()
    return count(start) if worker is None else count(start + worker.id, worker.num_workers)


class SceneStream(IterableDataset):
    """Endless batches; batch ``i`` depends on ``seed`` and ``i`` alone, so training can be resumed."""

    def __init__(self, maker: SceneMaker, seed: int, start: int = 0) -> None:
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches from number ``start`` on."""
        for number in batch_numbers(self.start):
            batch = self.maker.batch(np.random.default_rng([self.seed, number]))
            yield {"msi": batch.msi, "hsi": batch.hsi, "measured": batch.measured}
