"""What training runs share: devices, processes, and Lightning with checkpoints and logs."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

_CHECKPOINTS = 50  # steps between them, where the run is that long
_LOGGED = 20
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # what processors that compute in bfloat16 are said to have
_MOST_WORKERS = 8
Precision = Literal["32-true", "bf16-mixed"]
_Job, _Result = TypeVar("_Job"), TypeVar("_Result")
_Task = TypeVar("_Task", bound=lightning.LightningModule)


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers() -> int:
    """Processes that draw scenes while another one trains."""
    return min(max(processors() - 1, 1), _MOST_WORKERS)


def device_of(accelerator: str) -> torch.device:
    """Where to compute outside Lightning, which knows what ``auto`` means."""
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def each_by_itself(
    function: Callable[[_Job], _Result], jobs: Iterable[_Job], processes: int | None = None
) -> Iterator[_Result]:
    """Results of ``function`` for ``jobs``, in their order, each as soon as it and those before are there.

    Args:
        function: at the top level of a module.
        jobs: its arguments.
        processes: that work at once, of one thread each, by default as many as there are processors. One
            works in this process.
    """
    jobs = list(jobs)
    processes = min(processes or processors(), len(jobs))
    if processes <= 1:
        yield from map(function, jobs)
        return
    # Spawned: processes that are forked cannot use a graphics card that their parent uses.
    context = multiprocessing.get_context("spawn")
    start = partial(torch.set_num_threads, 1)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=start) as pool:
        yield from pool.map(function, jobs)


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
        return kind.load_from_checkpoint(path, map_location="cpu", weights_only=False, **changes)
    except (
        AttributeError,
        ImportError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        UnpicklingError,
    ) as error:
        reason = str(error).strip().splitlines()[:1]
        raise ValueError(
            f"'{path}' cannot be opened as a {kind.__name__} of this version ({''.join(reason)}). Name a "
            "checkpoint that 'train' of this version wrote for the same network, or train anew."
        ) from error


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
