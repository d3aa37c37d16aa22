"""Configurations: every number of a training run, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hyperlift.core.networks.experts import ExpertsConfig
from hyperlift.core.networks.explains2a import ExplainS2AConfig
from hyperlift.core.networks.sharpening import SharpeningConfig

from ..data.scenes import SceneConfig
from .perceptron import PerceptronConfig
from .sharpener import SharpenerConfig
from .task import LossConfig, ScheduleConfig

_PAPER_EPOCH = 20_000 // 8  # crops per epoch / batch
# A minute and a half on one core; longer fits know the training's areas better and others worse.
_EXPERT = PerceptronConfig(batches=150, refresh=4, steps=1_200, pixels=2048)


_SHARPENING = SharpeningConfig(), SharpeningConfig(features=48, regression=False)


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run: the network, where it starts, its loss and schedule, and the scenes it sees."""

    network: ExplainS2AConfig = field(default_factory=ExplainS2AConfig)
    sharpening: tuple[SharpeningConfig, ...] = _SHARPENING
    sharpener: SharpenerConfig = field(default_factory=SharpenerConfig)
    experts: ExpertsConfig | None = field(default_factory=ExpertsConfig)
    expert: PerceptronConfig = _EXPERT
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    scenes: SceneConfig = field(default_factory=SceneConfig)


# Fits two CPU cores in an hour with bfloat16: many small patches, one-cycle schedule.
_EXPLAINS2A = TrainingConfig(
    loss=LossConfig(tv=1e-4, angle=0.1),
    schedule=ScheduleConfig(steps=4_500, rate=5e-4, one_cycle=True),
)


def _ablation(**network: object) -> TrainingConfig:
    return replace(_EXPLAINS2A, network=replace(_EXPLAINS2A.network, **network))


CONFIGS = {
    "explains2a": _EXPLAINS2A,
    # The ablations of the paper, and half of the data.
    "explains2a-no-attention": _ablation(spectral_attention=False, spatial_attention=False),
    "explains2a-hybrid": _ablation(solver="hybrid"),
    "explains2a-closed-form": _ablation(solver="closed_form"),
    "explains2a-no-sharpening": replace(_EXPLAINS2A, sharpening=()),
    "explains2a-no-experts": replace(_EXPLAINS2A, experts=None),
    "explains2a-half-data": replace(_EXPLAINS2A, scenes=SceneConfig(data_share=0.5)),
    # As published: Adam 1e-4, halved at epochs 30, 60 and 90 of 20,000 crops of 64 x 64, batches of 8.
    "explains2a-paper": TrainingConfig(
        network=ExplainS2AConfig(window=None),
        sharpening=(),
        experts=None,
        loss=LossConfig(tv=1e-3, angle=0.0),
        schedule=ScheduleConfig(
            steps=120 * _PAPER_EPOCH,
            rate=1e-4,
            one_cycle=False,
            halve_at=tuple(epoch * _PAPER_EPOCH for epoch in (30, 60, 90)),
        ),
        scenes=SceneConfig(sides=(64,), pixels=8 * 64 * 64),
    ),
}
