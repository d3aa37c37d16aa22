"""The training of PGU-Net as a Lightning task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from hyperlift.core.networks.blind_unrolling import Unrolled, unroll
from hyperlift.core.networks.pgunet import PGUNet
from hyperlift.core.networks.stf import smoothing_matrix
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes
from hyperlift.core.spectral.mixture import SpectralMixture

from ..data.scenes import SceneMaker
from ..losses import spectral_angle
from ..runs import open_task
from .config import TrainingConfig
from .responses import Camera, Cameras

# Deviation of the centres that responses start from, as a search leaves them near nominal ones, and alone.
_FOUND_NM, _UNKNOWN_NM = 1.0, 20.0
_PENALTIES_FASTER = 10.0  # rate of the penalties' logarithms, of which few steps must move far
_WIDTH = 0.3  # deviation of the logarithm of the widths


@dataclass(frozen=True)
class Moment:
    """A step's data: patches ``hsi`` (N, C, H, W) and what is ``measured`` of them, (N, C, 1, 1), the bands
    ``msi`` (N, c, H, W) of a camera with the ``response`` (c, C), the one to start from and its tables, and
    whether its centroids are taken for known."""

    hsi: Tensor
    measured: Tensor
    msi: Tensor
    response: Tensor
    first: Tensor
    start: tuple[Tensor, ...]
    centred: bool


class CameraStream(IterableDataset):
    """Endless steps, each of one camera; step ``i`` depends on ``seed`` and ``i`` alone."""

    def __init__(
        self,
        maker: SceneMaker,
        cameras: Cameras,
        mixture: SpectralMixture,
        config: TrainingConfig,
        seed: int,
        start: int = 0,
    ) -> None:
        self.maker, self.cameras, self.mixture = maker, cameras, mixture
        self.config, self.seed, self.start = config, seed, start
        self.shapes = BandShapes(cameras.grid)

    def __iter__(self) -> Iterator[Moment]:
        """Yield steps from number ``start`` on."""
        number = self.start
        while True:
            yield self.moment(np.random.default_rng([self.seed, number]))
            number += 1

    def moment(self, rng: np.random.Generator) -> Moment:
        """The data of one step."""
        batch = self.maker.batch(rng)
        camera = self.cameras.draw(rng)
        first, centred = self._first(rng, camera)
        clean = np.tensordot(batch.hsi.numpy(), camera.response, axes=(1, 1)).transpose(0, 3, 1, 2)
        sigma = rng.uniform(0, 0.0006) + rng.uniform(0, 0.002) * clean
        msi = np.clip(clean + sigma * rng.standard_normal(clean.shape), 0.0, None)
        tables = self.mixture.start(first)
        start = (tables.centre, tables.whitening, tables.constant, tables.gain)
        return Moment(
            batch.hsi.float(),
            batch.measured,
            torch.from_numpy(msi).float(),
            torch.from_numpy(camera.response),
            torch.from_numpy(first),
            tuple(torch.from_numpy(table).float() for table in start),
            centred,
        )

    def _first(self, rng: np.random.Generator, camera: Camera) -> tuple[np.ndarray, bool]:
        """A response to start from and whether its centres count as known: the true one, or bands near it."""
        kind = rng.random()
        if kind < self.config.known_share:
            return camera.response, True
        known = kind <= 1.0 - self.config.unknown_share
        away = _FOUND_NM if known else _UNKNOWN_NM
        centre, width = self.shapes.centre_and_width(camera.response)
        centre = centre + rng.normal(0.0, away, len(centre))
        grid_nm = self.shapes.grid.wavelength_nm
        width = width * np.exp(rng.normal(0.0, _WIDTH, len(width)))
        return self.shapes.rows(centre.clip(grid_nm.min(), grid_nm.max()), width), known


class PGUNetTask(lightning.LightningModule):
    """PGU-Net on the grid of its scenes with its loss and schedule.

    Args:
        config: of the run.
        mixture: arrays of the mixture that images start from, by name, which goes with the checkpoint.
    """

    def __init__(self, config: TrainingConfig, mixture: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.config, self.mixture = config, SpectralMixture(**mixture)
        self.network = PGUNet(config.network)
        for name in ("mean", "basis", "level"):
            self.network.start.get_buffer(name).copy_(torch.from_numpy(getattr(self.mixture, name)))
        wavelength = torch.from_numpy(grid(config.scenes.target).wavelength_nm)
        self.register_buffer("wavelength_nm", wavelength, persistent=False)
        self.register_buffer("smoothing", smoothing_matrix(wavelength), persistent=False)

    def forward(self, moment: Moment, blind: bool = True) -> Unrolled:
        """All stages on a step's patches."""
        known = self.wavelength_nm if moment.centred else None
        return unroll(
            self.network, moment.msi, moment.first, moment.start, self.smoothing, blind, wavelength_nm=known
        )

    def training_step(self, moment: Moment, _index: int) -> Tensor:
        """The loss of section 3."""
        weights, truth, measured = self.config.loss, moment.hsi, moment.measured
        found = self(moment)
        known = measured.mean()

        def distance(image: Tensor) -> Tensor:
            return (measured * (image - truth).abs()).mean() / known

        near = distance(found.hsi)
        early = torch.stack([distance(state) for state in found.states]).mean()
        angle = spectral_angle(measured * found.hsi, measured * truth).mean()
        rows = torch.stack([(one - moment.response).abs().sum(dim=1).mean() for one in found.responses[1:]])
        seen = torch.einsum("bc,nchw->nbhw", found.responses[-1].float(), found.hsi)
        data = (moment.msi - seen).abs().mean()
        loss = near + weights.states * early + weights.angle * angle
        loss = loss + weights.response * rows.mean().float() + weights.data * data
        before = (moment.first - moment.response).abs().sum(dim=1).mean()
        self.log_dict(
            {"l1": near.detach(), "start_l1": distance(self._start(moment)).detach()}, prog_bar=True
        )
        self.log_dict({"rows": rows[-1].detach(), "start_rows": before, "angle": angle.detach()})
        return loss

    @torch.no_grad()
    def _start(self, moment: Moment) -> Tensor:
        return self.network.start(moment.msi, *moment.start)

    def configure_optimizers(self) -> dict[str, object]:
        """Adam with a one-cycle schedule, stepped every batch."""
        plan = self.config.schedule
        penalties = [self.network.log_alpha, self.network.log_beta]
        weights = [*self.network.z_nets.parameters(), *self.network.p_nets.parameters()]
        optimiser = torch.optim.Adam([{"params": weights}, {"params": penalties}], plan.rate)
        rates = [plan.rate, _PENALTIES_FASTER * plan.rate]
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rates, total_steps=plan.steps + 1, pct_start=0.1, final_div_factor=100.0
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def load_task(checkpoint: Path) -> PGUNetTask:
    """The task of a checkpoint."""
    return open_task(PGUNetTask, checkpoint)
