"""What training runs share: devices, precision, and Lightning with checkpoints and logs."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Literal, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from .files import put_in_place

_CHECKPOINTS = 50  # steps between them, where the run is that long
_LOGGED = 20
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # what processors that compute in bfloat16 are said to have
_UNREADABLE = (
    AttributeError,
    EOFError,
    ImportError,
    KeyError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
)
Precision = Literal["32-true", "bf16-mixed"]
_Task = TypeVar("_Task", bound=lightning.LightningModule)


def device_of(accelerator: str) -> torch.device:
    """Where to compute outside Lightning: ``auto`` takes a graphics card where there is one.

    Raises:
        ValueError: ``cuda`` is wanted and there is none.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ValueError("torch finds no CUDA graphics card here: leave out --device, or use --device cpu.")
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def last_checkpoint(output: Path, resume: bool) -> Path:
    """Where a run keeps its last checkpoint.

    Raises:
        FileNotFoundError: the run is to be resumed and there is none.
    """
    last = output / "last.ckpt"
    if resume and not last.is_file():
        raise FileNotFoundError(f"There is nothing to resume: '{last}' does not exist. Leave out --resume.")
    return last


def kept_weights(path: Path, plan: object) -> dict[str, torch.Tensor] | None:
    """Weights that :func:`keep_weights` put there for the same plan; None where there is no file.

    Raises:
        ValueError: the file is of another plan.
    """
    if not path.is_file():
        return None
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if stored.get("plan") != repr(plan):
        raise ValueError(
            f"'{path}' was fitted otherwise than is configured now: delete it, or choose another --output."
        )
    return stored["weights"]


def keep_weights(path: Path, plan: object, weights: dict[str, torch.Tensor]) -> None:
    """Keep weights at ``path`` with the plan they were fitted by, which its text tells from others."""
    with put_in_place(path) as unfinished:
        torch.save({"plan": repr(plan), "weights": weights}, unfinished)


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


def keep_float32() -> None:
    """Convolutions in float32 as such: graphics cards round their inputs to ten bits unless told otherwise.

    Sharpening and agreement live on small differences. What may be rounded runs in bfloat16.
    """
    torch.backends.cudnn.allow_tf32 = False


def open_task(kind: type[_Task], path: Path, **changes: object) -> _Task:
    """The task of a checkpoint, on the processor.

    Args:
        kind: of the task.
        path: of the checkpoint.
        changes: of what the task was made with.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no such task, or one of a version with other networks.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=False)
        made_with = {**stored["hyper_parameters"], **changes}
        weights = stored["state_dict"]
    except _UNREADABLE:
        raise ValueError(f"'{path}' is no checkpoint that 'train' has written: name another file.") from None
    try:
        task = kind(**made_with)
        task.load_state_dict(weights)
    except (AttributeError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split()[:30])
        raise ValueError(
            f"'{path}' is of another network, or of another version of {kind.__name__} ({reason} …): name a "
            "checkpoint that 'train' of this version wrote for this network, or train anew."
        ) from error
    return task


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
    keep_float32()
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
