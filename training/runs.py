"""What all training runs under Lightning share: CPU or CUDA, resumable, logged as CSV and for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

_CHECKPOINTS = 50  # steps between them, where the run is that long
_LOGGED = 20
Precision = Literal["32-true", "bf16-mixed"]


def last_checkpoint(output: Path, resume: bool) -> Path:
    """Where a run keeps its last checkpoint.

    Raises:
        FileNotFoundError: the run is to be resumed and there is none.
    """
    last = output / "last.ckpt"
    if resume and not last.is_file():
        raise FileNotFoundError(f"There is nothing to resume: '{last}' does not exist. Leave out --resume.")
    return last


def fastest_precision(accelerator: str) -> Precision:
    """bfloat16 on graphics cards and on processors that compute in it; others only emulate it, and slowly."""
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if accelerator != "cpu" and torch.backends.mps.is_available():
        return "32-true"
    precisions: tuple[Precision, ...] = ("32-true", "bf16-mixed")
    return min(precisions, key=_seconds)


def _seconds(precision: Precision) -> float:
    """Time of a convolution and its gradient on the processor, the least of three."""
    with torch.random.fork_rng(devices=[]):
        convolution = torch.nn.Conv2d(64, 64, 3, padding=1)
        image = torch.rand(4, 64, 24, 24, requires_grad=True)
    times = []
    for _ in range(3):
        start = perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            result = convolution(image)
        result.sum().backward()
        times.append(perf_counter() - start)
    return min(times)


def fit(
    task: lightning.LightningModule,
    data: lightning.LightningDataModule,
    output: Path,
    steps: int,
    accelerator: str = "auto",
    resume: bool = False,
    **options: object,
) -> Path:
    """Train a task and return the path of its last checkpoint.

    Args:
        task: what is trained.
        data: its batches, from the step at which the trainer stands.
        output: folder for checkpoints and logs.
        steps: of the optimiser, those before a resumption among them.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        resume: go on from the last checkpoint in ``output``.
        options: further ones of ``lightning.Trainer``.

    Raises:
        FileNotFoundError: there is nothing to resume.
    """
    last = last_checkpoint(output, resume)
    trainer = lightning.Trainer(
        accelerator=accelerator,
        max_steps=steps,
        logger=[CSVLogger(output, "csv"), TensorBoardLogger(output, "tensorboard")],
        callbacks=[
            ModelCheckpoint(output, save_last=True, save_top_k=0, every_n_train_steps=_CHECKPOINTS),
            LearningRateMonitor("step"),
        ],
        enable_model_summary=False,
        log_every_n_steps=min(_LOGGED, steps),
        **options,
    )
    for logger in trainer.loggers:
        logger.log_hyperparams({"precision": trainer.precision})
    trainer.fit(task, data, ckpt_path=last if resume else None, weights_only=False)
    trainer.save_checkpoint(last)
    return last
