"""Training runs of PGU-Net under Lightning: CPU or CUDA, resumable, logged as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.mixture import SpectralMixture, fit_mixture

from ..data.scenes import SceneMaker, scene_maker
from ..data.spectra import data_folder
from ..runs import fit, last_checkpoint, open_task
from .config import TrainingConfig
from .responses import Cameras, read_cameras
from .task import CameraStream, PGUNetTask

_MIXTURE_SEED = 7
_OF = 2  # one of so many pixels is taken: neighbours are alike


def drawn_spectra(maker: SceneMaker, count: int) -> np.ndarray:
    """Spectra ``(count, C)`` of what a maker draws, channels that were not measured filled in."""
    tables: list[np.ndarray] = []
    number = 0
    while sum(map(len, tables)) < count:
        rng = np.random.default_rng([_MIXTURE_SEED, number])
        pixels = maker.batch(rng).hsi.permute(0, 2, 3, 1).flatten(0, 2).numpy()
        tables.append(pixels[rng.permutation(len(pixels))[: len(pixels) // _OF]])
        number += 1
    return np.concatenate(tables)[:count]


class TrainingData(lightning.LightningDataModule):
    """Steps of random cameras over random scenes, from the one at which the trainer stands."""

    def __init__(
        self, maker: SceneMaker, cameras: Cameras, mixture: SpectralMixture, config: TrainingConfig, seed: int
    ) -> None:
        super().__init__()
        self.parts, self.seed = (maker, cameras, mixture, config), seed

    def train_dataloader(self) -> DataLoader:
        """The stream of steps."""
        step = self.trainer.global_step if self.trainer else 0
        return DataLoader(CameraStream(*self.parts, self.seed, start=step), batch_size=None)

    def transfer_batch_to_device(self, batch: object, device: object, _index: int) -> object:
        """Move a step's arrays."""
        moved = {}
        for field in fields(batch):
            value = getattr(batch, field.name)
            if isinstance(value, tuple):
                moved[field.name] = tuple(table.to(device) for table in value)
            else:
                moved[field.name] = value.to(device) if isinstance(value, torch.Tensor) else value
        return type(batch)(**moved)


def train(
    config: TrainingConfig,
    output: Path,
    data: Path | None = None,
    pairs: Path | None = None,
    hold_out: Sequence[str] = (),
    accelerator: str = "auto",
    seed: int = 0,
    resume: bool = False,
    weights: Path | None = None,
) -> Path:
    """Run a training and return the path of its last checkpoint.

    Args:
        config: of the run.
        output: folder for checkpoints and logs.
        data: folder of real cubes, libraries and responses (see :mod:`..data.spectra`).
        pairs: refused: pairs have one camera each, and PGU-Net must see many.
        hold_out: goes with ``pairs``.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        seed: of the weights, cameras and scenes.
        resume: go on from the last checkpoint in ``output``.
        weights: checkpoint to go on from with a new schedule.

    Raises:
        HyperLiftError: ``pairs`` or ``hold_out`` are given.
        FileNotFoundError: there is nothing to resume, or no such folder of data.
    """
    if pairs is not None or hold_out:
        raise HyperLiftError("PGU-Net is trained on random cameras, not on pairs; leave out --pairs.")
    lightning.seed_everything(seed)
    last = last_checkpoint(output, resume)
    maker = scene_maker(config.scenes, data)
    cameras = Cameras(grid(config.scenes.target), read_cameras(data_folder(data)))
    task = _task(config, maker, last if resume else weights)
    stream = TrainingData(maker, cameras, task.mixture, config, seed)
    return fit(task, stream, output, config.schedule.steps, accelerator, resume, gradient_clip_val=1.0)


def _task(config: TrainingConfig, maker: SceneMaker, checkpoint: Path | None) -> PGUNetTask:
    """A task of a checkpoint, or one whose mixture is fitted to what the maker draws."""
    if checkpoint is not None:
        return open_task(PGUNetTask, checkpoint, config=config)
    shape = config.network
    mixture = fit_mixture(drawn_spectra(maker, config.mixture_spectra), shape.rank, shape.components)
    return PGUNetTask(config, asdict(mixture))
