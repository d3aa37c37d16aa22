"""The training of UAFL as a Lightning task, and its endless pairs."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from hyperlift.core.networks.uafl import UAFL, UAFLConfig

from .config import ScheduleConfig
from .pairs import PairMaker

_BETA = 0.1  # abundances have a contrast of one
_LEAST = 0.02  # loss of an interpolation below which a pair counts for less
_DECAY = 0.97  # of the running mean of the weights, which is what is exported


class UAFLTask(lightning.LightningModule):
    """The network with its loss, smooth L1 of abundances as a share of interpolation's, and its schedule.

    Pairs are one to a batch, so the running mean of the weights, ``average``, is what is used.

    Batches are dictionaries of ``abundances``, ``reference`` and ``truth`` (N, K, H, W).
    """

    trained_steps = 0  # of a checkpoint, which may be fewer than planned

    def __init__(self, network: UAFLConfig, schedule: ScheduleConfig) -> None:
        super().__init__()
        self.save_hyperparameters({"network": asdict(network), "schedule": asdict(schedule)})
        self.network, self.schedule = UAFL(network), schedule
        self.average = deepcopy(self.network).requires_grad_(False)

    def forward(self, abundances: Tensor, reference: Tensor) -> Tensor:
        """Residual abundances."""
        residual: Tensor = self.network(abundances, reference)
        return residual

    def training_step(self, batch: dict[str, Tensor], _index: int) -> Tensor:
        """One step; logged is also what the start alone would leave."""
        found = batch["abundances"] + self(batch["abundances"], batch["reference"])
        loss = F.smooth_l1_loss(found, batch["truth"], beta=_BETA)
        with torch.no_grad():
            start = F.smooth_l1_loss(batch["reference"], batch["truth"], beta=_BETA)
            none = F.smooth_l1_loss(batch["abundances"], batch["truth"], beta=_BETA)
        self.log_dict({"train/loss": loss.detach(), "train/start": start, "train/bicubic": none})
        return loss / (none + _LEAST)

    def on_train_batch_end(self, *_: object) -> None:
        """Follow the weights."""
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.network.parameters()):
                mean.lerp_(weight, 1.0 - _DECAY)

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW with a one-cycle schedule, stepped every batch."""
        plan = self.schedule
        optimiser = torch.optim.AdamW(self.network.parameters(), plan.rate, weight_decay=plan.weight_decay)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, plan.rate, total_steps=plan.steps + 1, pct_start=0.1, final_div_factor=100.0
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def load_task(path: object) -> UAFLTask:
    """The task of a checkpoint."""
    stored = torch.load(path, map_location="cpu", weights_only=False)
    entries = stored["hyper_parameters"]
    network = {**entries["network"], "blocks": tuple(entries["network"]["blocks"])}
    task = UAFLTask(UAFLConfig(**network), ScheduleConfig(**entries["schedule"]))
    task.load_state_dict(stored["state_dict"])
    task.trained_steps = int(stored.get("global_step", 0))
    return task


class PairStream(IterableDataset):
    """Endless batches of one pair, each also turned and mirrored; they depend on seed and number alone."""

    def __init__(self, maker: PairMaker, seed: int, start: int = 0) -> None:
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield batches from number ``start`` on."""
        number, pair = self.start, None
        while True:
            if pair is None or number % 2 == 0:
                pair = self.maker.pair(np.random.default_rng([self.seed, number // 2]))
            turning = np.random.default_rng([self.seed, number, 1])
            turns, step = number % 2 * int(turning.integers(1, 4)), (-1) ** number
            parts = {"abundances": pair.abundances, "reference": pair.reference, "truth": pair.truth}
            yield {
                name: torch.from_numpy(np.rot90(values, turns, (1, 2))[None, :, :, ::step].copy())
                for name, values in parts.items()
            }
            number += 1
