"""Fitting the experts: perceptrons, each on scenes, and explanations of real images, of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hyperlift.core.networks.experts import Experts, ExpertsConfig

from ..data.scenes import SceneConfig, scene_maker
from .perceptron import PerceptronConfig, cached_perceptron


def fit_experts(
    shape: ExpertsConfig, plan: PerceptronConfig, scenes: SceneConfig, cache: Path, data: Path | None = None
) -> Experts:
    """Experts, each kept in ``cache`` and fitted first when it is not there.

    Args:
        shape: of the experts.
        plan: of the training of each, but for its widths and seed.
        scenes: make-up of the scenes, seen with all bands at one resolution.
        cache: folder of fitted perceptrons.
        data: folder of real spectra, cubes and images.
    """
    fitted = []
    for member in range(shape.members):
        maker = scene_maker(replace(scenes, seed=member), data).at_one_resolution()
        fitted.append(cached_perceptron(maker, replace(plan, widths=shape.widths, seed=member), cache))
    layer = fitted[0].get_buffer("weight")
    experts = Experts(layer.shape[1], layer.shape[0], shape)
    for member, network in zip(experts.members, fitted):
        member.load_state_dict(network.state_dict())
    return experts
