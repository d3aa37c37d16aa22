"""Training runs of UAFL under Lightning: CPU or CUDA, resumable, logged as CSV and for TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
from torch.utils.data import DataLoader

from hyperlift.core.errors import HyperLiftError

from ..data.scenes import scene_maker
from ..runs import fit, last_checkpoint
from .config import TrainingConfig
from .pairs import PairMaker
from .task import PairStream, UAFLTask, load_task


class PairData(lightning.LightningDataModule):
    """Random pairs for a run."""

    def __init__(self, maker: PairMaker, seed: int) -> None:
        super().__init__()
        self.maker, self.seed = maker, seed

    def train_dataloader(self) -> DataLoader:
        """Batches from the step at which the trainer stands, so that a resumed run sees the same ones."""
        step = self.trainer.global_step if self.trainer else 0
        return DataLoader(PairStream(self.maker, self.seed, step), batch_size=None)


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
        pairs: refused: this network makes its pairs of ``data``.
        hold_out: goes with ``pairs``.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        seed: of the weights and of the pairs.
        resume: go on from the last checkpoint in ``output``.
        weights: checkpoint whose network to go on with, with a new schedule.

    Raises:
        HyperLiftError: ``pairs`` or ``hold_out`` are given.
        FileNotFoundError: there is nothing to resume, or no such folder of data.
    """
    if pairs is not None or hold_out:
        raise HyperLiftError("UAFL makes its pairs of the data folder: leave out --pairs and --hold-out.")
    lightning.seed_everything(seed)
    last_checkpoint(output, resume)
    task = UAFLTask(config.network, config.schedule)
    if weights is not None:
        for part in (task.network, task.average):
            part.load_state_dict(load_task(weights).average.state_dict())
    maker = PairMaker(scene_maker(config.scenes, data), config.pairs)
    return fit(
        task, PairData(maker, seed), output, config.schedule.steps, accelerator, resume, gradient_clip_val=1.0
    )
