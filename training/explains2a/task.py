"""The training of ExplainS2A as a Lightning task."""

from __future__ import annotations

from dataclasses import dataclass

import lightning
import torch
from torch import Tensor

from hyperlift.core.networks.agreement import sentinel2_agreement
from hyperlift.core.networks.experts import Experts, ExpertsConfig
from hyperlift.core.networks.explains2a import ExplainS2A, ExplainS2AConfig
from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig

from ..losses import spectral_angle


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss: ``L1(Z) + L1(out) + tv (TV_spectral(Z) + TV_spatial(out)) + angle * angle(out)``.

    ``angle`` (radians) is 0 in the paper; it keeps dark pixels' spectra in shape.
    """

    tv: float = 1e-3
    angle: float = 0.0


@dataclass(frozen=True)
class ScheduleConfig:
    """Optimiser and learning rate.

    Attributes:
        steps: optimiser steps in all.
        rate: peak learning rate.
        one_cycle: one-cycle schedule; else the rate is halved at ``halve_at``.
        halve_at: steps at which the rate is halved (paper: epochs 30, 60 and 90).
        weight_decay: decoupled weight decay (AdamW; 0 is Adam).
    """

    steps: int = 6000
    rate: float = 1e-3
    one_cycle: bool = True
    halve_at: tuple[int, ...] = ()
    weight_decay: float = 0.0


def total_variation(image: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Mean absolute difference of neighbours along each of ``dims``, summed."""
    terms = [image.diff(dim=dim).abs().mean() for dim in dims if image.shape[dim] > 1]
    return torch.stack(terms).sum() if terms else image.new_zeros(())


class LiftingTask(lightning.LightningModule):
    """Sharpening, ExplainS2A and its agreement with the bands on the grid ``target``, with loss and schedule.

    Sharpening and experts are fitted by themselves and stay as they are while the network is trained; the
    experts' part in the result comes after it.
    Batches are dictionaries: ``msi`` (N, c, H, W), ``hsi`` (N, C, H, W), ``measured`` (N, C, 1, 1).
    """

    def __init__(
        self,
        network: ExplainS2AConfig,
        loss: LossConfig,
        schedule: ScheduleConfig,
        target: str = "aviris172",
        sharpening: SharpeningConfig | None = None,
        experts: ExpertsConfig | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.sharpening = None if sharpening is None else Sharpening(network.bands, sharpening)
        self.network = ExplainS2A(network)
        self.experts = None if experts is None else Experts(network.bands, network.channels, experts)
        self.agreement = sentinel2_agreement(target)
        self.loss, self.schedule = loss, schedule

    def forward(self, msi: Tensor, experts: bool = True) -> tuple[Tensor, Tensor]:
        """Spectra without detail and the result, both (N, C, H, W), of ``msi`` (N, c, H, W).

        ``experts`` False leaves these out.
        """
        # Sharpening and agreement live on small differences: no half precision there.
        exactly = torch.autocast(msi.device.type, enabled=False)
        with exactly:
            bands = msi if self.sharpening is None else self.sharpening(msi)
        spectral, fused = self.network(bands)
        with exactly:
            spectral, fused = spectral.float(), fused.float()
            if experts and self.experts is not None:
                fused = self.experts(bands, fused)
            return spectral, self.agreement(bands, fused)

    def training_step(self, batch: dict[str, Tensor], _index: int) -> Tensor:
        """One step of section 1c."""
        msi = batch["msi"].contiguous(memory_format=torch.channels_last)
        spectral, fused = self(msi, experts=False)
        truth = batch["hsi"]
        measured = batch["measured"]
        known = measured.mean()
        near = (measured * (spectral - truth).abs()).mean() / known
        far = (measured * (fused - truth).abs()).mean() / known
        smooth = total_variation(spectral, (1,)) + total_variation(fused, (2, 3))
        loss = near + far + self.loss.tv * smooth
        if self.loss.angle:
            angle = spectral_angle(measured * fused, measured * truth).mean()
            loss = loss + self.loss.angle * angle
            self.log("train/angle_deg", torch.rad2deg(angle.detach()))
        psnr = -10.0 * torch.log10((measured * (fused.detach() - truth).square()).mean() / known)
        self.log_dict({"train/loss": loss.detach(), "train/l1": far.detach()})
        self.log("train/psnr", psnr, prog_bar=True)
        return loss

    def configure_optimizers(self) -> dict[str, object]:
        """Adam with the configured schedule, stepped every batch."""
        plan = self.schedule
        optimiser = torch.optim.AdamW(self.network.parameters(), plan.rate, weight_decay=plan.weight_decay)
        if plan.one_cycle:
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, plan.rate, total_steps=plan.steps + 1, pct_start=0.1, final_div_factor=100.0
            )
        else:
            scheduler = torch.optim.lr_scheduler.MultiStepLR(optimiser, list(plan.halve_at), gamma=0.5)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
