"""Configurations: every number of a training run, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hyperlift.core.networks.uafl import UAFLConfig

from ..data.scenes import SceneConfig
from .pairs import PairConfig


@dataclass(frozen=True)
class ScheduleConfig:
    """Optimiser steps, peak learning rate of a one-cycle schedule and weight decay (AdamW)."""

    steps: int = 320
    rate: float = 5e-4
    weight_decay: float = 5e-5


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run: the network, its schedule, and the pairs it sees."""

    network: UAFLConfig = field(default_factory=lambda: UAFLConfig(injected=True))
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    pairs: PairConfig = field(default_factory=PairConfig)
    # With adjacency and haze, as the bundled weights were trained.
    scenes: SceneConfig = field(
        default_factory=lambda: SceneConfig(texture_share=0.0, cube_share=0.5, air_share=0.1)
    )


_UAFL = TrainingConfig()
# The comparisons of modules are too many for the full width on two cores: a quarter of it, all alike.
_SMALL = TrainingConfig(
    network=UAFLConfig(width=16, blocks=(1, 1, 1), injected=True),
    schedule=ScheduleConfig(steps=120, rate=1e-3),
)


def _small(**network: object) -> TrainingConfig:
    changed = replace(_SMALL.network, **network)
    return replace(_SMALL, network=changed, pairs=replace(_SMALL.pairs, abundances=changed.abundances))


CONFIGS = {
    "uafl": _UAFL,
    # The published ladder, each rung with all below it, and the aggregations.
    "uafl-small": _SMALL,
    "uafl-small-no-scmf": _small(mutual_fusion=False),
    "uafl-small-no-cfda": _small(mutual_fusion=False, aggregation="none"),
    "uafl-small-no-scaca": _small(mutual_fusion=False, aggregation="none", cross_attention=False),
    "uafl-small-deformable": _small(aggregation="deformable"),
    "uafl-small-unaligned": _small(aggregation="none"),
    **{f"uafl-small-k{k}": _small(abundances=k, reference=k) for k in (2, 5, 8)},
}
