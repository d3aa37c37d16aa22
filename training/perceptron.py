"""A per-pixel multilayer perceptron, the strongest baseline without a view of the surroundings."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hyperlift.core.networks.explains2a import Pointwise

from .pairs import PairFolder
from .regression import Regression, fit_ridge, pixel_table
from .scenes import Batch, SceneMaker
from .task import spectral_angle


@dataclass(frozen=True)
class PerceptronConfig:
    """A perceptron and its training; the defaults take about five minutes on two cores.

    Attributes:
        widths: of the hidden layers.
        batches: drawn from the scene maker, shuffled as pixels and gone through again and again.
        steps: optimiser steps.
        pixels: in a step.
        rate: peak learning rate, of a cosine schedule.
        angle: weight of the spectral angle (radians) beside the L1 loss.
        seed: of the scenes, the weights and the order.
    """

    widths: tuple[int, ...] = (256, 256, 256)
    batches: int = 300
    steps: int = 5_000
    pixels: int = 4096
    rate: float = 2e-3
    angle: float = 0.1
    seed: int = 0


class Perceptron(nn.Module):
    """``x = ridge(y) + pointwise(y)``; starts as the ridge regression, which is not trained further."""

    def __init__(self, bands: int, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.pointwise = Pointwise(bands, channels, widths)
        self.register_buffer("weight", torch.zeros(channels, bands, 1, 1))
        self.register_buffer("bias", torch.zeros(channels))

    def forward(self, image: Tensor) -> Tensor:
        """Lift ``(N, c, H, W)`` to ``(N, C, H, W)``, pixel by pixel."""
        return nn.functional.conv2d(image, self.weight, self.bias) + self.pointwise(image)

    def start_from(self, ridge: Regression) -> None:
        """Take over a regression."""
        self.weight.copy_(torch.from_numpy(ridge.weight)[:, :, None, None])
        self.bias.copy_(torch.from_numpy(ridge.bias))

    @property
    def ridge(self) -> Regression:
        """The regression underneath."""
        return Regression(self.weight[:, :, 0, 0].numpy(), self.bias.numpy())

    @torch.no_grad()
    def predict(self, image: np.ndarray) -> np.ndarray:
        """Channels ``(C, H, W)`` of an image ``(c, H, W)``."""
        return self(torch.from_numpy(image[None].astype(np.float32)))[0].numpy()


class _Pixels:
    """Pixels of a few batches: ``msi`` (n, c), ``hsi`` (n, C) in half precision, ``measured`` (n, C)."""

    def __init__(self, batches: list[Batch]) -> None:
        self.msi = torch.cat([pixel_table(batch.msi) for batch in batches])
        self.hsi = torch.cat([pixel_table(batch.hsi).half() for batch in batches])
        self.measured = torch.cat([pixel_table(b.measured.bool().expand_as(b.hsi)) for b in batches])

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """``msi``, ``hsi`` and ``measured`` of random pixels, each as an image ``(1, bands, count, 1)``."""
        rows = torch.randint(len(self.msi), (count,), generator=random)
        tables = self.msi[rows], self.hsi[rows].float(), self.measured[rows].float()
        msi, hsi, measured = (table.T[None, :, :, None] for table in tables)
        return msi, hsi, measured


def _batch(maker: SceneMaker | PairFolder, config: PerceptronConfig, number: int) -> Batch:
    return maker.batch(np.random.default_rng([3, config.seed, number]))


def fit_perceptron(maker: SceneMaker | PairFolder, config: PerceptronConfig) -> Perceptron:
    """Train on what a maker draws: L1 and spectral angle over the channels that were measured."""
    batches = [_batch(maker, config, number) for number in range(config.batches)]
    data = _Pixels(batches)
    random = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = Perceptron(data.msi.shape[1], data.hsi.shape[1], config.widths)
    network.start_from(fit_ridge((pixel_table(b.msi).numpy(), pixel_table(b.hsi).numpy()) for b in batches))
    del batches
    optimiser = torch.optim.AdamW(network.parameters(), config.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=config.steps + 1, pct_start=0.05
    )
    for _ in range(config.steps):
        msi, truth, measured = data.draw(config.pixels, random)
        estimate = network(msi)
        error = (measured * (estimate - truth).abs()).mean() / measured.mean()
        loss = error + config.angle * spectral_angle(measured * estimate, measured * truth).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return network.eval()


def cached_perceptron(maker: SceneMaker | PairFolder, config: PerceptronConfig, folder: Path) -> Perceptron:
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
    network = fit_perceptron(maker, config)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"config": asdict(config), "weights": network.state_dict()}, path)
    return network
