"""The training of UALNet: PriorNet by itself, then generator and discriminator in turns."""

from __future__ import annotations

from copy import deepcopy

import lightning
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from hyperlift.core.networks.agreement import sentinel2_agreement
from hyperlift.core.networks.experts import Experts, ExpertsConfig
from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig
from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.network import UALNet, Unfolded
from hyperlift.core.networks.ualnet.prior_net import gram
from hyperlift.core.networks.ualnet.statistics import Statistics

from ..losses import log_angle, log_rmse
from .config import LossConfig, PriorConfig, ScheduleConfig
from .losses import critic_loss, deceiving_loss, prior_loss, published_bands_loss, published_loss

_CLIP = 1.0


def _known(batch: dict[str, Tensor]) -> Tensor:
    """The truth ``(N, C, 2H, 2W)``, NaN in channels that were not measured."""
    return torch.where(batch["measured"] > 0, batch["hsi"], torch.nan)


def _logarithms(estimate: Tensor, truth: Tensor, angle: float) -> Tensor:
    """Logarithms of errors and, of this weight, of angles, see :mod:`..losses`."""
    return log_rmse(estimate, truth) + angle * log_angle(estimate, truth)


class UnfoldingTask(lightning.LightningModule):
    """Sharpening, UALNet over the experts' estimate, and agreement with the bands on the grid ``target``.

    Sharpening and experts are fitted by themselves, and so is PriorNet's image branch. Batches are
    dictionaries: ``msi`` (N, c, H, W), ``bands`` (N, c, 2H, 2W), ``hsi`` (N, C, 2H, 2W) and ``measured``
    (N, C, 1, 1). The discriminator inside the network is a frozen copy of ``critic``.
    """

    def __init__(
        self,
        network: UALNetConfig,
        loss: LossConfig,
        schedule: ScheduleConfig,
        target: str = "aviris186",
        sharpening: SharpeningConfig | None = None,
        experts: ExpertsConfig | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.sharpening = None if sharpening is None else Sharpening(network.bands, sharpening)
        self.experts = None if experts is None else Experts(network.bands, network.channels, experts)
        self.network = UALNet(network)
        self.critic = deepcopy(self.network.discriminator)
        self.agreement = sentinel2_agreement(target) if network.measured else None
        self.loss, self.schedule = loss, schedule
        self.freeze()

    def freeze(self) -> None:
        """Keep the parts that are not trained here as they are."""
        for part in (self.sharpening, self.experts, self.network.discriminator, self.network.prior_net.image):
            if part is not None:
                part.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> UnfoldingTask:
        """As for any module, but frozen parts stay in evaluation mode."""
        super().train(mode)
        self.freeze()
        return self

    def sharp(self, msi: Tensor) -> Tensor:
        """All bands at 10 m ``(N, c, H, W)``."""
        sharp: Tensor = msi if self.sharpening is None else self.sharpening(msi)
        return sharp

    def forward(self, msi: Tensor, statistics: Statistics | None = None) -> Unfolded:
        """Fine bands ``(N, c, 2H, 2W)`` and the result ``(N, C, 2H, 2W)`` of ``msi`` (N, c, H, W)."""
        estimate = None if self.experts is None else self.experts.mean
        bands, hsi = self.network(self.sharp(msi), statistics, estimate)
        return Unfolded(bands, self.agreeing(bands, hsi))

    def agreeing(self, bands: Tensor, hsi: Tensor) -> Tensor:
        """``hsi (N, C, 2H, 2W)`` in agreement with the fine bands, if that is asked for."""
        agreeing: Tensor = hsi if self.agreement is None else self.agreement(bands, hsi)
        return agreeing

    def training_step(self, batch: dict[str, Tensor], index: int) -> None:
        """One step of section 2e: of the generator or of the discriminator, whose turn it is."""
        generator, critic = self.optimizers()
        if self.schedule.generates(index):
            self._generate(batch, generator, index)
        else:
            self._judge(batch, critic)
            if (index + 1) % sum(self.schedule.turns) == 0:
                self.network.discriminator.load_state_dict(self.critic.state_dict())

    def _generate(self, batch: dict[str, Tensor], optimiser: torch.optim.Optimizer, index: int) -> None:
        found, truth, measured = self(batch["msi"]).hsi, batch["hsi"], batch["measured"]
        if self.loss.published:
            loss = published_loss(found, truth, measured)
        else:
            loss = _logarithms(found, _known(batch), self.loss.angle)
        if self.loss.adversarial:
            loss = loss + self.loss.adversarial * deceiving_loss(self.network.discriminator(found).image())
        optimiser.zero_grad()
        self.manual_backward(loss)
        nn.utils.clip_grad_norm_(self.generator_weights(), _CLIP)
        optimiser.step()
        self.lr_schedulers().step()
        if index == self.schedule.until and self.schedule.last_rate is not None:
            for group in optimiser.param_groups:
                group["lr"] = self.schedule.last_rate
        error = (measured * (found.detach() - truth)).square().mean() / measured.mean()
        self.log("train/loss", loss.detach())
        self.log("train/psnr", -10.0 * error.log10(), prog_bar=True)

    def _judge(self, batch: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            fake = self(batch["msi"]).hsi
        loss = critic_loss(self.critic(batch["hsi"]).image(), self.critic(fake).image())
        optimiser.zero_grad()
        self.manual_backward(loss)
        optimiser.step()
        self.log("train/critic", loss.detach(), prog_bar=True)

    def generator_weights(self) -> list[nn.Parameter]:
        """What the generator's optimiser trains."""
        parts = (self.network.unfolding, self.network.prior_net.prior)
        return [weight for part in parts for weight in part.parameters()]

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[LRScheduler]]:
        """Adam for both, the generator's with the schedule."""
        plan = self.schedule
        steps = [stage.step for stage in self.network.unfolding.stages]
        others = [weight for weight in self.generator_weights() if all(weight is not one for one in steps)]
        rates = [plan.rate, plan.faster_steps * plan.rate]
        groups = [{"params": some, "lr": rate} for some, rate in zip((others, steps), rates)]
        generator = torch.optim.Adam(groups)
        critic = torch.optim.Adam(self.critic.parameters(), plan.critic_rate)
        if plan.cosine_to is None:
            total = plan.generator_steps + 1
            schedule: LRScheduler = OneCycleLR(generator, rates, total_steps=total, pct_start=0.1)
        else:
            schedule = CosineAnnealingLR(generator, plan.generator_steps, plan.cosine_to)
        return [generator, critic], [schedule]


class PriorTask(lightning.LightningModule):
    """PriorNet by itself; batches as for :class:`UnfoldingTask`, those without ``hsi`` teach bands alone.

    Where the configuration says so, bands with ``hsi`` are judged by what the experts, one after the other,
    make of them.
    """

    def __init__(self, task: UnfoldingTask, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.whole = [task]  # in a list: the task freezes PriorNet and must be no part of this module
        self.prior_net, self.sharpening = task.network.prior_net, task.sharpening
        self.experts, self.agreement = task.experts, task.agreement

    def training_step(self, batch: dict[str, Tensor], index: int) -> Tensor:
        """One step of section 2b."""
        (task,) = self.whole
        with torch.no_grad():
            msi = task.sharp(batch["msi"])
        bands = task.network.fine_bands(msi, Statistics())
        if self.config.published:
            loss = published_bands_loss(bands, batch["bands"])
        elif self.config.lifted and self.experts is not None and "hsi" in batch:
            loss = _logarithms(self._lifted(bands, index), _known(batch), self.config.angle)
        else:
            loss = _logarithms(bands, batch["bands"], self.config.angle)
        if "hsi" in batch:
            matrix = gram(batch["hsi"], task.network.config.normalised)
            loss = loss + prior_loss(self.prior_net.prior(msi), matrix, batch["measured"])
        self.log("train/loss", loss.detach(), prog_bar=True)
        return loss

    def _lifted(self, bands: Tensor, index: int) -> Tensor:
        """What an expert makes of the bands, ``(N, C, 2H, 2W)``, in agreement with them."""
        expert = self.experts.members[index % len(self.experts.members)]
        (task,) = self.whole
        return task.agreeing(bands, expert(bands, self.experts.kept))

    def configure_optimizers(self) -> dict[str, object]:
        """Adam in one cycle."""
        plan = self.config
        optimiser = torch.optim.Adam(self.prior_net.requires_grad_(True).parameters(), plan.rate)
        schedule = OneCycleLR(optimiser, plan.rate, total_steps=plan.steps + 1, pct_start=0.1)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
