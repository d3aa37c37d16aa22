"""Small scenes of ever-new mixtures of real spectra, in batches, deterministic by seed.

Each patch takes a few materials (real spectra with variation inside the material), lays them out by smooth
random fields, shades them, and looks at them through Sentinel-2A, B or C, with all bands at one resolution or
at native footprints. Some patches are cut from real cubes instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.utils.data import IterableDataset

from hyperlift.core.spectral import grid, sensor, sensor_names

from .sensing import Observer, add_noise
from .spectra import WORKING_GRID, Collection
from .vegetation import simulate_vegetation

_SIMULATED_VEGETATION = 1500


@dataclass(frozen=True)
class SceneConfig:
    """Make-up of the random scenes.

    Attributes:
        target: name of the grid to predict.
        sides: sides in pixels from which each batch draws one.
        pixels: pixels in a batch, whatever the side.
        cube_share: share of patches cut from real cubes.
        native_share: share of patches seen at native footprints.
        materials: least and largest number of materials in a patch.
    """

    target: str = "aviris172"
    sides: tuple[int, ...] = (12, 24)
    pixels: int = 4608
    cube_share: float = 0.5
    native_share: float = 0.35
    materials: tuple[int, int] = (2, 7)


@dataclass(frozen=True)
class Batch:
    """``msi`` (N, c, H, W), ``hsi`` (N, C, H, W), ``measured`` (N, C, 1, 1): 1 where the truth is known."""

    msi: torch.Tensor
    hsi: torch.Tensor
    measured: torch.Tensor


class SceneMaker:
    """Draws random scenes from collections of spectra."""

    def __init__(self, collections: list[Collection], config: SceneConfig) -> None:
        working, target = grid(WORKING_GRID), grid(config.target)
        vegetation = simulate_vegetation(_SIMULATED_VEGETATION, seed=0)
        simulated = Collection("prosail", "prosail", vegetation, np.ones(len(working), bool), None)
        self.config = config
        self.collections = [*collections, simulated]
        sizes = np.array([len(collection.spectra) for collection in self.collections])
        # Large collections repeat themselves: the fourth root keeps small libraries in sight.
        self.odds = sizes**0.25 / (sizes**0.25).sum()
        self.cubes = [c for c in collections if c.shape is not None and min(c.shape) >= 40]
        self.observers = [Observer(sensor(name), working) for name in sensor_names()]
        self.channels = np.array(
            [np.argmin(np.abs(working.wavelength_nm - nm)) for nm in target.wavelength_nm]
        )

    def at_one_resolution(self) -> SceneMaker:
        """A maker of the same scenes, seen with all bands at one resolution."""
        maker = copy(self)
        maker.config = replace(self.config, native_share=0.0)
        return maker

    def _material(self, rng: np.random.Generator, collection: Collection) -> np.ndarray:
        """Two relatives ``(2, 224)`` that span a material's variation: neighbours in their file."""
        spectra = collection.spectra
        first = rng.integers(len(spectra))
        reach = rng.integers(1, 12)
        second = (first + rng.integers(-reach, reach + 1)) % len(spectra)
        pair = spectra[[first, second]] * np.exp(rng.normal(0.0, 0.15, (2, 1))).astype(np.float32)
        slope = np.linspace(-0.5, 0.5, spectra.shape[1], dtype=np.float32)
        return pair * (1.0 + rng.normal(0.0, 0.06) * slope)

    def _mixture(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A scene ``(224, side, side)`` of random materials, and which channels were measured."""
        count = rng.integers(self.config.materials[0], self.config.materials[1] + 1)
        chosen = rng.choice(len(self.collections), size=count, p=self.odds)
        if rng.random() < 0.4:  # one place
            chosen[:] = chosen[0]
        sources = [self.collections[index] for index in chosen]
        spectra = np.concatenate([self._material(rng, source) for source in sources])
        measured = np.all([source.measured for source in sources], axis=0)

        fields = rng.standard_normal((2 * count, side, side), dtype=np.float32)
        smooth = np.exp(rng.uniform(np.log(0.7), np.log(side / 3)))
        fields = gaussian_filter(fields, (0, smooth, smooth), mode="wrap")
        fields /= fields.std(axis=(1, 2), keepdims=True) + 1e-6
        sharpness = np.exp(rng.uniform(np.log(0.7), np.log(12.0)))
        shares = np.exp(sharpness * (fields[:count] - fields[:count].max(axis=0)))
        shares /= shares.sum(axis=0)
        variation = 1.0 / (1.0 + np.exp(-2.0 * fields[count:]))
        abundances = np.empty((2 * count, side, side), np.float32)
        abundances[0::2] = shares * variation
        abundances[1::2] = shares * (1.0 - variation)

        light = gaussian_filter(rng.standard_normal((side, side)), rng.uniform(0.5, side / 4), mode="wrap")
        light = np.exp(rng.uniform(0.0, 0.25) * light / (light.std() + 1e-6) + rng.normal(0.0, 0.15))
        scene = np.tensordot(spectra.T, abundances, axes=1) * light.astype(np.float32)
        return scene.astype(np.float32), measured

    def _crop(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray] | None:
        """A piece ``(224, side, side)`` of a real cube, turned and brightened, or None when it has gaps."""
        cube = self.cubes[rng.integers(len(self.cubes))]
        if min(cube.shape) < side:
            return None
        row, column = (rng.integers(extent - side + 1) for extent in cube.shape)
        piece = cube.spectra.reshape(*cube.shape, -1)[row : row + side, column : column + side]
        if (piece.max(axis=2) <= 1e-3).any():
            return None
        piece = np.rot90(piece.transpose(2, 0, 1), rng.integers(4), (1, 2))
        piece = piece[:, :, :: rng.choice([1, -1])] * np.float32(np.exp(rng.normal(0.0, 0.15)))
        return np.ascontiguousarray(piece), cube.measured

    def patch(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``msi (12, side, side)``, ``hsi (C, side, side)`` and ``measured (C,)``."""
        drawn = self._crop(rng, side) if self.cubes and rng.random() < self.config.cube_share else None
        scene, measured = drawn or self._mixture(rng, side)
        observer = self.observers[rng.integers(len(self.observers))]
        if rng.random() < self.config.native_share:
            msi = observer.see_native(scene, phase=tuple(rng.integers(0, 6, 2)))
        else:
            msi = observer.see(scene)
        msi = add_noise(msi, rng, additive=rng.uniform(0, 0.0006), relative=rng.uniform(0, 0.002))
        return msi, scene[self.channels], measured[self.channels]

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


class SceneStream(IterableDataset):
    """Endless batches; batch ``i`` depends on ``seed`` and ``i`` alone, so training can be resumed."""

    def __init__(self, maker: SceneMaker, seed: int, start: int = 0) -> None:
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches from number ``start`` on."""
        worker = torch.utils.data.get_worker_info()
        number, stride = (self.start, 1) if worker is None else (self.start + worker.id, worker.num_workers)
        while True:
            batch = self.maker.batch(np.random.default_rng([self.seed, number]))
            yield {"msi": batch.msi, "hsi": batch.hsi, "measured": batch.measured}
            number += stride
