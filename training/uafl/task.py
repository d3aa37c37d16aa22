"""The training of UAFL as a Lightning task, and its endless pairs."""

from __future__ import annotations

from collections.abc import Iterator
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


class UAFLTask(lightning.LightningModule):
    """The network with its loss, smooth L1 of abundances, and its schedule.

    Batches are dictionaries of ``abundances``, ``reference`` and ``truth`` (N, K, H, W).
    """

    def __init__(self, network: UAFLConfig, schedule: ScheduleConfig) -> None:
        super().__init__()
        self.save_hyperparameters({"network": asdict(network), "schedule": asdict(schedule)})
        self.network, self.schedule = UAFL(network), schedule

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
        return loss

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
    return task


class PairStream(IterableDataset):
    """Endless batches of one pair; pair ``i`` depends on ``seed`` and ``i`` alone."""

    def __init__(self, maker: PairMaker, seed: int, start: int = 0) -> None:
        self.maker, self.seed, self.start = maker, seed, start

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield batches from number ``start`` on."""
        number = self.start
        while True:
            pair = self.maker.pair(np.random.default_rng([self.seed, number]))
            parts = {"abundances": pair.abundances, "reference": pair.reference, "truth": pair.truth}
            yield {name: torch.from_numpy(values[None].copy()) for name, values in parts.items()}
            number += 1
