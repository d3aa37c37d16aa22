"""Configurations: every number of a training run, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hyperlift.core.networks.pgunet import PGUNetConfig
from hyperlift.core.spectral import grid

from ..data.scenes import SceneConfig

# As the bundled weights were trained, with adjacency and haze.
_AIR = 0.1


@dataclass(frozen=True)
class LossConfig:
    """Weights of the loss: ``L1(X) + states mean L1(X_k) + angle A(X) + response L1(R) + data |Y - R X|``.

    ``angle`` is of the angle in radians; the L1 distance of rows of ``R`` is the sum over channels.
    """

    states: float = 0.3
    angle: float = 0.05
    response: float = 0.005
    data: float = 0.1


@dataclass(frozen=True)
class ScheduleConfig:
    """Optimiser steps in all and peak learning rate of a one-cycle schedule."""

    steps: int = 1_200
    rate: float = 1e-3


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run.

    Attributes:
        network: its shape.
        loss: weights of its terms.
        schedule: of the optimiser.
        scenes: the random scenes, whose ``target`` is the grid.
        unknown_share: share of the steps in which even the centres are badly known.
        known_share: share in which the true response is given.
        mixture_spectra: spectra to which the mixture is fitted.
    """

    network: PGUNetConfig = field(default_factory=PGUNetConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    scenes: SceneConfig = field(default_factory=lambda: SceneConfig(air_share=_AIR))
    unknown_share: float = 0.2
    known_share: float = 0.15
    mixture_spectra: int = 40_000


def _on(target: str, steps: int, **network: object) -> TrainingConfig:
    return TrainingConfig(
        network=PGUNetConfig(channels=len(grid(target)), **network),
        schedule=ScheduleConfig(steps=steps),
        scenes=SceneConfig(target=target, sides=(6,), pixels=1152, native_share=0.0, air_share=_AIR),
    )


_FULL = _on("aviris172", 1_200)
CONFIGS = {
    "pgunet": _FULL,
    "pgunet-aviris172": _FULL,
    "pgunet-vnir": _on("vnir", 600, rank=16),
    # A mixture of higher rank pays here, and fewer features pay for it: all grids together have 2 MB.
    "pgunet-visible31": _on("visible31", 600, rank=20, features=28),
    # The published numbers of stages.
    "pgunet-aviris172-seven": replace(_FULL, network=replace(_FULL.network, stages=7)),
    "pgunet-aviris172-nine": replace(_FULL, network=replace(_FULL.network, stages=9)),
}
