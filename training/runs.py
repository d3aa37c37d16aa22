"""What all training runs under Lightning share: CPU or CUDA, resumable, logged as CSV and for TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

_CHECKPOINTS = 50  # steps between them, where the run is that long
_LOGGED = 20
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # what processors that compute in bfloat16 are said to have
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


def fast_precision(accelerator: str) -> Precision:
    """bfloat16 on graphics cards and processors that compute in it; others only emulate it, and slowly."""
    if accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator != "cpu" and torch.backends.mps.is_available():
        fast = False
    else:
        # Asked and not timed, so that a run with the same seed is the same run. Older torch cannot tell.
        able = getattr(torch.cpu, "get_capabilities", dict)()
        fast = any(able.get(name) for name in _BFLOAT16)
    return "bf16-mixed" if fast else "32-true"


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
