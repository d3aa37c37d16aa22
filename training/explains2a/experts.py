"""Fitting the experts: perceptrons, each on scenes, and explanations of real images, of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from hyperlift.core.networks.experts import Experts, ExpertsConfig, Perceptron

from ..data.scenes import SceneConfig, scene_maker
from ..processes import each_by_itself
from .perceptron import PerceptronConfig, cached_perceptron


def _fit_member(
    seed: int, plan: PerceptronConfig, scenes: SceneConfig, cache: Path, data: Path | None, accelerator: str
) -> Perceptron:
    maker = scene_maker(replace(scenes, seed=seed), data).at_one_resolution()
    return cached_perceptron(maker, replace(plan, seed=seed), cache, accelerator)


def fit_experts(
    shape: ExpertsConfig,
    plan: PerceptronConfig,
    scenes: SceneConfig,
    cache: Path,
    data: Path | None = None,
    accelerator: str = "auto",
) -> Experts:
    """Experts, each kept in ``cache`` and fitted first when it is not there.

    Args:
        shape: of the experts.
        plan: of the training of each, but for its widths and seed.
        scenes: make-up of the scenes, seen with all bands at one resolution.
        cache: folder of fitted perceptrons.
        data: folder of real spectra, cubes and images.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
    """
    fit = partial(
        _fit_member,
        plan=replace(plan, widths=shape.widths),
        scenes=scenes,
        cache=cache,
        data=data,
        accelerator=accelerator,
    )
    fitted = list(each_by_itself(fit, range(shape.members)))
    layer = fitted[0].get_buffer("weight")
    experts = Experts(layer.shape[1], layer.shape[0], shape)
    for member, network in zip(experts.members, fitted):
        member.load_state_dict(network.state_dict())
    return experts
