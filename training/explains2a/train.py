"""Training runs under Lightning: CPU or CUDA, resumable, logged as CSV and for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from hyperlift.core.networks.experts import Experts
from hyperlift.core.networks.sharpening import Sharpening
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor

from ..data.pairs import PairFolder
from ..data.scenes import SceneMaker, SceneStream, scene_maker
from ..data.spectra import data_folder
from ..data.texture import read_images
from ..evaluation.baselines import drawn_pixels
from ..processes import loaders
from ..regression import Regression, fit_ridge
from ..runs import device_of, fast_precision, fit, last_checkpoint, open_task
from .bundled import bundled_sharpening
from .config import TrainingConfig
from .experts import fit_experts
from .sharpener import cached_sharpening
from .task import LiftingTask

_RIDGE_BATCHES = 150
_RIDGE_SEED = 1


class TrainingData(lightning.LightningDataModule):
    """Batches for a run, from random scenes of real spectra or from a folder of image pairs."""

    def __init__(self, maker: SceneMaker | PairFolder, seed: int, processes: int | None = None) -> None:
        super().__init__()
        self.maker, self.seed = maker, seed
        self.processes = loaders() if processes is None else processes

    def train_dataloader(self) -> DataLoader:
        """Batches from the step at which the trainer stands, so that a resumed run sees the same ones."""
        step = self.trainer.global_step if self.trainer else 0
        stream = SceneStream(self.maker, self.seed, start=step)
        return DataLoader(stream, batch_size=None, num_workers=self.processes)


def new_task(
    config: TrainingConfig,
    ridge: Regression,
    sharpening: Sharpening | None = None,
    experts: Experts | None = None,
) -> LiftingTask:
    """A task whose network starts from a regression, Sentinel-2A's response and parts that were fitted."""
    task = LiftingTask(
        config.network,
        config.loss,
        config.schedule,
        config.scenes.target,
        None if sharpening is None else config.sharpening,
        config.experts if experts else None,
    )
    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid(config.scenes.target))
    weight, bias, response = (
        torch.from_numpy(np.asarray(table, np.float32)) for table in (ridge.weight, ridge.bias, response)
    )
    task.network.start_from_regression(weight, bias, response)
    if sharpening is not None:
        task.sharpening.load_state_dict(sharpening.state_dict())
    if experts is not None:
        task.experts.load_state_dict(experts.state_dict())
    task.network.to(memory_format=torch.channels_last)
    return task


def _sharpening(
    config: TrainingConfig, maker: SceneMaker, cache: Path, data: Path | None, accelerator: str
) -> Sharpening | None:
    """The sharpening network of a run: the bundled model's, or its own, fitted where it is not kept."""
    if config.sharpening is None:
        return None
    if config.sharpener is None:
        return bundled_sharpening(config.network.bands, config.sharpening)
    images = read_images(data_folder(data) / "sentinel2")
    path = cache / "sharpening.pt"
    return cached_sharpening(maker, config.sharpening, config.sharpener, path, images, accelerator)


def fitted_task(
    config: TrainingConfig,
    maker: SceneMaker | PairFolder,
    cache: Path,
    data: Path | None = None,
    accelerator: str = "auto",
) -> LiftingTask:
    """A task whose parts were fitted by themselves, on bands at one resolution: sharpening comes first.

    Of real pairs the bands at one resolution are not known: they train the network without these parts.
    """
    sharpening, experts, sharp = None, None, maker
    if isinstance(maker, SceneMaker):
        sharp = maker.at_one_resolution()
        sharpening = _sharpening(config, maker, cache, data, accelerator)
        if config.experts is not None:
            experts = fit_experts(config.experts, config.expert, config.scenes, cache, data, accelerator)
    ridge = fit_ridge(drawn_pixels(sharp, _RIDGE_SEED, _RIDGE_BATCHES))
    return new_task(config, ridge, sharpening, experts)


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
        data: folder of real cubes and libraries (see :mod:`..data.spectra`).
        pairs: folder of co-registered GeoTIFF pairs to train on instead (see :mod:`..data.pairs`).
        hold_out: areas of that folder to leave out.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        seed: of the weights and of the scenes; parts that are fitted first have seeds of their own.
        resume: go on from the last checkpoint in ``output``.
        weights: checkpoint whose network to go on with instead of starting from ridge regression, with a new
            loss and schedule.

    Raises:
        FileNotFoundError: there is nothing to resume, or no such folder of data.
        ValueError: there is no such device; parts in ``output`` were fitted otherwise; the images of
            ``pairs`` or the areas of ``hold_out`` do not fit.
    """
    device_of(accelerator)  # missed now, not after the parts were fitted
    lightning.seed_everything(seed)
    if pairs is not None:
        maker: SceneMaker | PairFolder = PairFolder(pairs, config.scenes, hold_out)
        if not maker.pairs:
            raise ValueError(f"All areas of '{pairs}' are held out; leave at least one to train on.")
    else:
        maker = scene_maker(config.scenes, data)
    last_checkpoint(output, resume)
    if weights is None:
        task = fitted_task(config, maker, output, data, accelerator)
    else:
        new = {"loss": config.loss, "schedule": config.schedule}
        task = open_task(LiftingTask, weights, **new)
    return fit(
        task,
        TrainingData(maker, seed),
        output,
        config.schedule.steps,
        accelerator,
        resume,
        gradient_clip_val=1.0,
        precision=fast_precision(accelerator),
    )
