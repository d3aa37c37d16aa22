"""Configurations of UALNet: every number of a training run, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hyperlift.core.networks.experts import ExpertsConfig
from hyperlift.core.networks.sharpening import SharpeningConfig
from hyperlift.core.networks.ualnet.config import UALNetConfig

from ..data.scenes import SceneConfig
from ..explains2a.config import CONFIGS as EXPLAINS2A
from ..explains2a.perceptron import PerceptronConfig

_PAPER_EPOCH = 1_000  # the paper does not say how many crops an epoch has
# A patch of 16 pixels of 10 m holds nearly three footprints of 60 m along each side.
_SCENES = SceneConfig(target="aviris186", sides=(16, 24), pixels=1152)


@dataclass(frozen=True)
class LossConfig:
    """The generator's loss.

    Attributes:
        published: mean over the pixels of angle times error; else the logarithms of errors and of angles, see
            :mod:`..losses`. Errors and angles themselves would be those of bright and difficult scenes.
        angle: weight of the latter.
        adversarial: weight of the discriminator's verdict ``-log mean f(fake)`` beside these; 0 in the paper,
            whose discriminator acts by its gradients inside the unfolding.
    """

    published: bool = False
    angle: float = 1.0
    adversarial: float = 0.0


@dataclass(frozen=True)
class ScheduleConfig:
    """Optimisers and turns.

    Attributes:
        steps: of generator and discriminator together.
        rate: peak learning rate of the generator.
        critic_rate: learning rate of the discriminator.
        cosine_to: the generator's learning rate at the end of a cosine schedule; None takes one cycle.
        turns: steps of the generator, then of the discriminator, and so on.
        until: step from which on the generator trains alone.
        last_rate: learning rate that the cosine goes on from there; None keeps the schedule's.
        faster_steps: learning rate of the step sizes, relative to the others'.
    """

    steps: int = 600
    rate: float = 1e-3
    critic_rate: float = 2e-4
    cosine_to: float | None = None
    turns: tuple[int, int] = (20, 5)
    until: int = 450
    last_rate: float | None = None
    faster_steps: float = 5.0

    def generates(self, index: int) -> bool:
        """Whether step ``index`` (from 0) is the generator's."""
        return index >= self.until or index % sum(self.turns) < self.turns[0]

    @property
    def generator_steps(self) -> int:
        """Steps of the generator, which its learning rate follows."""
        return sum(map(self.generates, range(self.steps)))


@dataclass(frozen=True)
class PriorConfig:
    """Training of PriorNet by itself.

    Attributes:
        published: the loss of the paper; else the logarithms of errors and of angles, see :mod:`..losses`.
        angle: weight of the latter.
        lifted: whether these are, in synthetic scenes, of what the experts, where there are any, make of the
            bands.
        steps: optimiser steps.
        rate: peak learning rate of one cycle.
        real_share: share of the batches that are pieces of real images.
        pixels: of 10 m in a batch.
        sides: of the patches, of which each batch has one.
        seed: of the scenes.
    """

    published: bool = False
    angle: float = 1.0
    lifted: bool = True
    steps: int = 12_000
    rate: float = 8e-4
    real_share: float = 0.5
    pixels: int = 2_304
    sides: tuple[int, ...] = (24,)
    seed: int = 0


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run: networks, the parts before and below them, losses, schedules and scenes."""

    network: UALNetConfig = field(default_factory=lambda: UALNetConfig.local(initial_estimate=False))
    sharpening: SharpeningConfig | None = EXPLAINS2A["explains2a"].sharpening
    experts: ExpertsConfig | None = field(default_factory=ExpertsConfig)
    expert: PerceptronConfig = EXPLAINS2A["explains2a"].expert
    prior: PriorConfig = field(default_factory=PriorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    scenes: SceneConfig = _SCENES

    def __post_init__(self) -> None:
        if self.experts is None and not self.network.initial_estimate:
            raise ValueError("Without experts the network must make an initial_estimate of its own.")


_UALNET = TrainingConfig()
_ALONE = (1, 0)  # turns without a discriminator


def _ladder(whole: TrainingConfig) -> dict[str, TrainingConfig]:
    """The steps of the paper's ladder, each with one part more, up to ``whole``."""

    def rung(adversarial_training: bool = False, **network: bool) -> TrainingConfig:
        """``whole`` without what ``network`` switches off."""
        turns = whole.schedule.turns if adversarial_training else _ALONE
        return replace(
            whole,
            network=replace(whole.network, **network),
            loss=replace(whole.loss, adversarial=0.1 if adversarial_training else 0.0),
            schedule=replace(whole.schedule, turns=turns),
        )

    return {
        "ualnet-unfolding": rung(implicit_prior=False, prior_net=False, adversarial=False),
        "ualnet-implicit-prior": rung(prior_net=False, adversarial=False),
        "ualnet-prior-net": rung(adversarial=False),
        "ualnet-adversarial-training": rung(adversarial_training=True, adversarial=False),
        "ualnet": whole,
    }


CONFIGS = {
    **_ladder(_UALNET),
    # Without what this project put before and below the networks.
    "ualnet-bare": replace(_UALNET, network=UALNetConfig.local(), sharpening=None, experts=None),
    # As published: cosine schedule over 500 epochs, turns of 5 epochs until epoch 250, crops of 64 pixels.
    "ualnet-paper": TrainingConfig(
        network=UALNetConfig(),
        sharpening=None,
        experts=None,
        prior=PriorConfig(published=True, steps=200 * _PAPER_EPOCH, rate=5e-4, real_share=0.0),
        loss=LossConfig(published=True),
        schedule=ScheduleConfig(
            steps=500 * _PAPER_EPOCH,
            rate=5e-4,
            critic_rate=1e-5,
            cosine_to=5e-5,
            turns=(5 * _PAPER_EPOCH, 5 * _PAPER_EPOCH),
            until=250 * _PAPER_EPOCH,
            last_rate=8e-5,
            faster_steps=1.0,
        ),
        scenes=replace(_SCENES, sides=(32,), pixels=8 * 32 * 32),
    ),
}
