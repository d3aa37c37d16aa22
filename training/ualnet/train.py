"""Training runs of UALNet under Lightning: CPU or CUDA, resumable, logged as CSV and for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor

from ..data.fine import FineMaker, FineStream
from ..data.scenes import SceneMaker, scene_maker
from ..data.spectra import data_folder
from ..data.texture import read_fine_images, read_images
from ..explains2a.bundled import bundled_sharpening
from ..explains2a.experts import fit_experts
from ..processes import loaders
from ..runs import device_of, fit, keep_float32, keep_weights, kept_weights, last_checkpoint, open_task
from .config import PriorConfig, TrainingConfig
from .task import PriorTask, UnfoldingTask


class TrainingData(lightning.LightningDataModule):
    """Batches for a run."""

    def __init__(self, maker: FineMaker, seed: int) -> None:
        super().__init__()
        self.maker, self.seed = maker, seed

    def train_dataloader(self) -> DataLoader:
        """Batches from the step at which the trainer stands, so that a resumed run sees the same ones."""
        step = self.trainer.global_step if self.trainer else 0
        stream = FineStream(self.maker, self.seed, start=step)
        return DataLoader(stream, batch_size=None, num_workers=loaders())


def real_images(data: Path) -> list[np.ndarray]:
    """Sentinel-2 images ``(c, H, W)`` of a data folder, NaN where a band is not known, that teach bands."""
    folder = data / "sentinel2"
    return [*read_images(folder), *read_fine_images(folder)]


def fit_prior_net(
    task: UnfoldingTask,
    maker: SceneMaker,
    plan: PriorConfig,
    images: Sequence[np.ndarray] = (),
    accelerator: str = "auto",
    logs: Path | None = None,
    progress: bool = True,
) -> None:
    """Train the PriorNet of a task; experts that judge it must be loaded.

    Args:
        task: whose PriorNet it is.
        maker: of scenes.
        plan: of the training.
        images: real ones for a share of the batches, see :class:`..data.fine.FineStream`.
        accelerator: as for Lightning.
        logs: folder for the losses, if they are to be kept.
        progress: whether to show a progress bar.
    """
    scenes = replace(maker.config, sides=plan.sides, pixels=plan.pixels)
    stream = FineStream(FineMaker(maker.with_config(scenes)), plan.seed, 0, images, plan.real_share)
    keep_float32()
    trainer = lightning.Trainer(
        accelerator=accelerator,
        max_steps=plan.steps,
        gradient_clip_val=1.0,
        logger=False if logs is None else CSVLogger(logs, "prior"),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
    )
    trainer.fit(PriorTask(task, plan), DataLoader(stream, batch_size=None, num_workers=loaders()))


def _load_prior_net(
    task: UnfoldingTask,
    maker: SceneMaker,
    config: TrainingConfig,
    path: Path,
    data: Path | None,
    accelerator: str,
) -> None:
    """Give a task the PriorNet kept at ``path``, fitted first when there is none."""
    prior_net, plan = task.network.prior_net, config.prior
    # All steps of the ladder that have a PriorNet have the same.
    same = dict.fromkeys(("implicit_prior", "prior_net", "adversarial", "initial_estimate"), True)
    parts = (config.sharpening, config.experts, config.expert)
    fitted_by = (plan, replace(config.network, **same), config.scenes, *parts)
    kept = kept_weights(path, fitted_by)
    if kept is None:
        images = real_images(data_folder(data)) if plan.real_share else []
        fit_prior_net(task, maker, plan, images, accelerator, path.parent)
        kept = prior_net.state_dict()
        keep_weights(path, fitted_by, kept)
    prior_net.load_state_dict(kept)


def sharpening_task(config: TrainingConfig) -> UnfoldingTask:
    """A task whose sharpening, if it has one, is the bundled one; nothing else in it is trained."""
    task = UnfoldingTask(
        config.network, config.loss, config.schedule, config.scenes.target, config.sharpening, config.experts
    )
    if config.sharpening is not None:
        bundled = bundled_sharpening(config.network.bands, config.sharpening)
        task.sharpening.load_state_dict(bundled.state_dict())
    return task


def new_task(
    config: TrainingConfig,
    maker: SceneMaker,
    cache: Path,
    data: Path | None = None,
    accelerator: str = "auto",
) -> UnfoldingTask:
    """A task that starts from its parts: sharpening, experts and PriorNet, fitted where they are not kept."""
    task = sharpening_task(config)
    if config.network.measured:
        response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid(config.scenes.target))
        task.network.start_from_estimate(torch.from_numpy(response).float())
        if config.experts is None:
            torch.nn.init.kaiming_normal_(task.network.unfolding.start.tail.weight)
    if config.experts is not None:
        # They see single pixels, so the sides of patches do not matter to them.
        scenes = replace(config.scenes, sides=(12, 24), pixels=4608)
        path, fitted_by = cache / "experts.pt", (config.experts, config.expert, scenes)
        kept = kept_weights(path, fitted_by)
        if kept is None:
            kept = fit_experts(config.experts, config.expert, scenes, cache, data, accelerator).state_dict()
            keep_weights(path, fitted_by, kept)
        task.experts.load_state_dict(kept)
    if config.network.prior_net:
        _load_prior_net(task, maker, config, cache / "prior_net.pt", data, accelerator)
    task.freeze()
    return task


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
        output: folder for checkpoints, logs and the parts that are fitted first.
        data: folder of real cubes and libraries.
        pairs: refused: pairs of images lie on the same pixels, these networks need two resolutions.
        hold_out: goes with ``pairs``.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        seed: of the weights and of the scenes.
        resume: go on from the last checkpoint in ``output``.
        weights: checkpoint whose networks to go on with, with a new loss and schedule.

    Raises:
        HyperLiftError: ``pairs`` or ``hold_out`` are given.
        FileNotFoundError: there is nothing to resume, or no such folder of data.
    """
    if pairs is not None or hold_out:
        raise HyperLiftError(
            "UALNet needs targets finer than its bands, not pairs on the same pixels; leave out --pairs."
        )
    last_checkpoint(output, resume)
    device_of(accelerator)  # missed now, not after the parts were fitted
    lightning.seed_everything(seed)
    maker = scene_maker(config.scenes, data)
    if weights is None:
        task = new_task(config, maker, output, data, accelerator)
    else:
        new = {"loss": config.loss, "schedule": config.schedule}
        task = open_task(UnfoldingTask, weights, **new)
    stream = TrainingData(FineMaker(maker), seed)
    return fit(task, stream, output, config.schedule.steps, accelerator, resume)
