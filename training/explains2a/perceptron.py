"""Per-pixel multilayer perceptrons: experts of the model, and the strongest baseline without surroundings."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hyperlift.core.networks.experts import Perceptron

from ..data.pairs import PairFolder
from ..data.scenes import Batch, SceneMaker
from ..evaluation.scores import Lift
from ..files import put_in_place
from ..losses import spectral_angle
from ..regression import fit_ridge, pixel_table
from ..runs import device_of


@dataclass(frozen=True)
class PerceptronConfig:
    """A perceptron and its training; the defaults take about five minutes on two cores.

    Attributes:
        widths: of the hidden layers.
        batches: drawn from the scene maker, shuffled as pixels and gone through again and again.
        refresh: steps after which one of them gives way to a new one; 0 keeps them all.
        steps: optimiser steps.
        pixels: in a step.
        rate: peak learning rate, of a cosine schedule.
        angle: weight of the spectral angle (radians) beside the L1 loss.
        seed: of the scenes, the weights and the order.
    """

    widths: tuple[int, ...] = (256, 256, 256)
    batches: int = 300
    refresh: int = 0
    steps: int = 5_000
    pixels: int = 4096
    rate: float = 2e-3
    angle: float = 0.1
    seed: int = 0


def lift_by(network: Perceptron) -> Lift:
    """A perceptron as a function of arrays, ``(c, H, W)`` -> ``(C, H, W)``."""

    @torch.no_grad()
    def lift(image: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(image[None].astype(np.float32)))[0].numpy()

    return lift


class _Pixels:
    """Pixels of a few batches: ``msi`` (n, c), ``hsi`` (n, C) in half precision, ``measured`` (n, C)."""

    def __init__(self, batches: list[Batch], device: torch.device) -> None:
        self.device = device
        self.msi = torch.cat([pixel_table(batch.msi) for batch in batches]).to(device)
        self.hsi = torch.cat([pixel_table(batch.hsi).half() for batch in batches]).to(device)
        measured = [pixel_table(batch.measured.bool().expand_as(batch.hsi)) for batch in batches]
        self.measured = torch.cat(measured).to(device)
        self.places = range(0, len(self.msi), max(len(self.msi) // len(batches), 1))

    def replace(self, number: int, batch: Batch) -> None:
        """Put a new batch where the one of this number lies, as far as there is room for it."""
        new = _Pixels([batch], self.device)
        start = self.places[number % len(self.places)]
        for name in ("msi", "hsi", "measured"):
            place = getattr(self, name)[start : start + len(new.msi)]
            place.copy_(getattr(new, name)[: len(place)])

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """``msi``, ``hsi`` and ``measured`` of random pixels, tables ``(count, bands)``."""
        rows = torch.randint(len(self.msi), (count,), generator=random).to(self.device)
        return self.msi[rows], self.hsi[rows].float(), self.measured[rows].float()


def _batch(maker: SceneMaker | PairFolder, config: PerceptronConfig, number: int) -> Batch:
    return maker.batch(np.random.default_rng([3, config.seed, number]))


def fit_perceptron(
    maker: SceneMaker | PairFolder, config: PerceptronConfig, accelerator: str = "auto"
) -> Perceptron:
    """Train on what a maker draws: L1 and spectral angle over the channels that were measured."""
    device = device_of(accelerator)
    batches = [_batch(maker, config, number) for number in range(config.batches)]
    data = _Pixels(batches, device)
    random = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = Perceptron(data.msi.shape[1], data.hsi.shape[1], config.widths)
    ridge = fit_ridge((pixel_table(b.msi).numpy(), pixel_table(b.hsi).numpy()) for b in batches)
    network.start_from_regression(*(torch.from_numpy(table).float() for table in (ridge.weight, ridge.bias)))
    del batches
    network.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), config.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.05
    )
    for step in range(config.steps):
        if config.refresh and step % config.refresh == 0:
            number = step // config.refresh
            data.replace(number, _batch(maker, config, config.batches + number))
        msi, truth, measured = data.draw(config.pixels, random)
        estimate = network.of_table(msi)
        error = (measured * (estimate - truth).abs()).mean() / measured.mean()
        loss = error + config.angle * spectral_angle(measured * estimate, measured * truth).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return network.cpu().eval()


def cached_perceptron(
    maker: SceneMaker | PairFolder, config: PerceptronConfig, folder: Path, accelerator: str = "auto"
) -> Perceptron:
    """The perceptron kept in ``folder``, trained first when there is none.

    Its file is named after the configuration, its seed included, and after the pixels of its first batch, so
    that other data or other scenes train another.
    """
    first = _batch(maker, config, 0)
    network = Perceptron(first.msi.shape[1], first.hsi.shape[1], config.widths)
    digest = hashlib.sha256(repr((config, network)).encode())
    for part in (first.msi, first.hsi):
        digest.update(part.numpy().tobytes())
    path = folder / f"perceptron-{digest.hexdigest()[:16]}.pt"
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True)["weights"])
        return network.eval()
    network = fit_perceptron(maker, config, accelerator)
    with put_in_place(path) as unfinished:
        torch.save({"config": asdict(config), "weights": network.state_dict()}, unfinished)
    return network
