"""Fitting the sharpening network by itself: bands at one resolution are known for every synthetic scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig

from ..data.scenes import SceneMaker, batch_numbers
from ..data.sensing import Observer
from ..losses import log_rmse
from ..processes import loaders
from ..runs import keep_float32, keep_weights, kept_weights


@dataclass(frozen=True)
class SharpenerConfig:
    """How the sharpening network is fitted.

    Attributes:
        scenes: drawn once and seen again and again under other circumstances.
        side: of the scenes in pixels.
        steps: optimiser steps.
        batch: scenes in a step.
        real_share: share of the scenes that are pieces of real Sentinel-2 images, where there are such, at
            resolutions that their bands have.
        native_share: share of the scenes seen at native footprints; the others must pass unchanged.
        rate: peak learning rate of a one-cycle schedule.
        kept: share of what the network adds to the regressions. On land unlike that of the training the
            network overshoots.
        seed: of the weights, the scenes and their views.
    """

    scenes: int = 1_500
    side: int = 48
    steps: int = 2_000
    batch: int = 4
    real_share: float = 0.6
    native_share: float = 0.75
    rate: float = 2e-3
    kept: float = 0.5
    seed: int = 0


class Views(IterableDataset):
    """Scenes as bands at one resolution (the target) and as seen, in endless batches.

    Args:
        maker: of synthetic scenes.
        config: of the fit.
        images: real ones ``(c, H, W)``, NaN where a band is not known.
    """

    def __init__(self, maker: SceneMaker, config: SharpenerConfig, images: Sequence[np.ndarray] = ()) -> None:
        self.config = config
        self.maker = maker.with_native_share(config.native_share)
        self.images = [image for image in images if min(image.shape[1:]) >= config.side]
        rng = np.random.default_rng([5, config.seed])
        self.scenes = []
        for _ in range(config.scenes):
            observer = maker.observers[rng.integers(len(maker.observers))]
            self.scenes.append((observer, observer.see(maker.scene(rng, config.side)[0])))

    def _scene(self, rng: np.random.Generator) -> tuple[Observer, np.ndarray]:
        """A sensor and bands ``(c, side, side)``; bands that are not known are NaN."""
        observer, bands = self.scenes[rng.integers(len(self.scenes))]
        if not self.images or rng.random() >= self.config.real_share:
            return observer, bands
        image, side = self.images[rng.integers(len(self.images))], self.config.side
        top, left = (rng.integers(extent - side + 1) for extent in image.shape[1:])
        piece = image[:, top : top + side, left : left + side]
        known = np.isfinite(piece)
        gaps = known.any(axis=(1, 2)) & ~known.all(axis=(1, 2))
        if gaps.any() or not known.any():
            return observer, bands
        piece = np.rot90(piece, rng.integers(4), (1, 2))[:, :, :: rng.choice([1, -1])]
        return observer, piece * np.float32(np.exp(rng.normal(0.0, 0.15)))

    def _seen(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """One scene as seen, and with everything but its footprints the same, at one resolution."""
        observer, bands = self._scene(rng)
        view = self.maker.view(rng)
        # A band that is not known looks like one that is: the network must not tell real scenes by it.
        given = np.where(np.isfinite(bands), bands, np.nanmean(bands, axis=0))
        sharp = observer.degrade(given, replace(view, native=False, additive=0.0, relative=0.0))
        return observer.degrade(given, view, rng), np.where(np.isfinite(bands), sharp, np.nan)

    def __iter__(self):
        """Yield pairs of tensors ``(batch, c, side, side)``; targets that are not known are NaN."""
        for number in batch_numbers():
            rng = np.random.default_rng([6, self.config.seed, number])
            seen, sharp = zip(*(self._seen(rng) for _ in range(self.config.batch)))
            yield torch.from_numpy(np.stack(seen)), torch.from_numpy(np.stack(sharp))


class SharpeningTask(lightning.LightningModule):
    """The sharpening network by itself, see :func:`..losses.log_rmse`."""

    def __init__(self, network: Sharpening, config: SharpenerConfig) -> None:
        super().__init__()
        self.network, self.config = network, config

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """One step."""
        seen, sharp = batch
        coarse = list(self.network.config.coarse)
        estimate, truth = self.network(seen)[:, coarse], sharp[:, coarse]
        return log_rmse(estimate, truth)

    def configure_optimizers(self) -> dict[str, object]:
        """Adam in one cycle."""
        optimiser = torch.optim.AdamW(self.parameters(), self.config.rate, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self.config.rate, total_steps=self.config.steps + 1, pct_start=0.1
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def fit_sharpening(
    maker: SceneMaker,
    shape: SharpeningConfig,
    config: SharpenerConfig,
    images: Sequence[np.ndarray] = (),
    accelerator: str = "auto",
    progress: bool = True,
) -> Sharpening:
    """A fitted sharpening network.

    Args:
        maker: of the scenes.
        shape: of the network.
        config: of the fit.
        images: real ones to take scenes from too, see :class:`Views`.
        accelerator: as for Lightning.
        progress: whether to show a progress bar.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = Sharpening(len(maker.observers[0].factors), shape)
    keep_float32()
    trainer = lightning.Trainer(
        accelerator=accelerator,
        max_steps=config.steps,
        gradient_clip_val=1.0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
    )
    views = DataLoader(Views(maker, config, images), batch_size=None, num_workers=loaders())
    trainer.fit(SharpeningTask(network, config), views)
    with torch.no_grad():
        for weight in network.tail.parameters():
            weight.mul_(config.kept)
    return network.cpu().eval()


def cached_sharpening(
    maker: SceneMaker,
    shape: SharpeningConfig,
    config: SharpenerConfig,
    path: Path,
    images: Sequence[np.ndarray] = (),
    accelerator: str = "auto",
) -> Sharpening:
    """The sharpening network kept at ``path``, fitted first when there is none (see :func:`fit_sharpening`).

    Raises:
        ValueError: it was fitted otherwise.
    """
    plan = (shape, config, maker.config)
    kept = kept_weights(path, plan)
    if kept is None:
        network = fit_sharpening(maker, shape, config, images, accelerator)
        keep_weights(path, plan, network.state_dict())
        return network
    network = Sharpening(len(maker.observers[0].factors), shape)
    network.load_state_dict(kept)
    return network.eval()
