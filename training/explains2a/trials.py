"""A trial without an ingredient: a network trained quickly, and measured where its training saw nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig
from hyperlift.core.spectral import grid, sensor

from ..data.scenes import SceneConfig, SceneMaker, clouded, scene_maker
from ..data.sensing import Observer, View
from ..data.spectra import WORKING_GRID, Collection, load_collections
from ..data.texture import read_images
from ..evaluation.baselines import by_tile, sharpened
from ..evaluation.scores import (
    FOOTPRINTS,
    HeldOutScene,
    Lift,
    accuracy,
    held_out_scenes,
    scene_of,
    score_estimate,
    tiles_of,
)
from .perceptron import PerceptronConfig, fit_perceptron, lift_by
from .sharpener import SharpenerConfig, fit_sharpening

# What a perceptron sees of the held-out areas. Clouds and haze are none of theirs: they are put over them.
SHARP, NATIVE, CLOUDY, HAZY = CONDITIONS = (
    FOOTPRINTS[0],
    "native, sharpened",
    "under clouds",
    "through haze",
)
# What the sharpening network sees of them.
COARSE, COARSE_CLOUDY = ("coarse bands", "coarse bands under clouds")
_CLOUDS = (0, 1)  # seeds
_HAZES = (View(adjacency=0.05, haze=0.003), View(adjacency=0.1, haze=0.006))
# Networks that trials train, by name; both take one or two minutes on one core.
PLANS: dict[str, PerceptronConfig | SharpenerConfig] = {
    "perceptron": PerceptronConfig(batches=120, steps=1_500, pixels=2048),
    "sharpening": SharpenerConfig(scenes=600, steps=500),
}
SEES_SURROUNDINGS = "sharpening"  # it can be measured on images only
# PSNR in dB and angle in degrees of single scenes, by condition.
_Found = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class HeldOut:
    """What no training sees, and what is measured on.

    Attributes:
        areas: names of ingredients.
        left_out: collections of these.
        tested: those among them that are measured on.
        kind: of libraries: the spectra with this in their names are.
    """

    areas: tuple[str, ...]
    left_out: tuple[str, ...]
    tested: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True)
class Job:
    """What to train and to measure; ``left_out`` are the collections of the ingredient ``without``."""

    split: str
    held_out: HeldOut
    without: str
    config: SceneConfig
    left_out: tuple[str, ...]
    data: Path
    plan: PerceptronConfig | SharpenerConfig
    accelerator: str


@dataclass(frozen=True)
class Trial:
    """Mean PSNR (dB) and angle (degrees) of held-out areas by condition, ``without`` one ingredient."""

    split: str
    areas: tuple[str, ...]
    without: str
    seed: int
    scores: dict[str, tuple[float, float]]


def run_trial(job: Job) -> Trial:
    """Train without an ingredient and measure."""
    maker = scene_maker(job.config, job.data, (*job.held_out.left_out, *job.left_out)).at_one_resolution()
    tested = [one for one in load_collections(job.data) if one.name in job.held_out.tested]
    if isinstance(job.plan, SharpenerConfig):
        found = _sharpening_scores(maker, job, job.plan, tested)
    else:
        found = _perceptron_scores(maker, job, job.plan, tested)
    scores = {}
    for condition, values in found.items():
        psnr, angle = (float(value) for value in np.mean(values, axis=0))
        scores[condition] = (psnr, angle)
    return Trial(job.split, job.held_out.areas, job.without, job.plan.seed, scores)


def _perceptron_scores(
    maker: SceneMaker, job: Job, plan: PerceptronConfig, tested: Sequence[Collection]
) -> _Found:
    """Spectra of a library, or images under all conditions; native footprints are sharpened before."""
    lift = lift_by(fit_perceptron(maker, plan, job.accelerator))
    if job.held_out.kind:
        return {SHARP: [_library_score(maker, lift, one, job.held_out.kind) for one in tested]}
    found: _Found = {}
    for condition, scenes in _scenes(tested, job.config.target).items():
        method = sharpened(lift) if condition == NATIVE else by_tile(lift)
        found[condition] = [_score(scene, job.without, method(scene)) for scene in scenes]
    return found


def _library_score(maker: SceneMaker, lift: Lift, library: Collection, kind: str) -> tuple[float, float]:
    """PSNR and angle of the spectra of a library with ``kind`` in their names."""
    spectra = library.named(kind).spectra.T  # (224, n)
    bands = Observer(sensor("sentinel2a"), grid(WORKING_GRID)).see(spectra[:, :, None])
    known = maker.measured(library.measured)
    truth, estimate = (
        torch.from_numpy(np.asarray(table[known], np.float32))
        for table in (maker.resampling @ spectra, lift(bands)[:, :, 0])
    )
    psnr, angle, _ = accuracy(estimate, truth, truth.amax(dim=1, keepdim=True))
    return psnr, angle


def _score(scene: HeldOutScene, method: str, estimate: np.ndarray) -> tuple[float, float]:
    whole = score_estimate(scene, method, estimate).whole
    return whole.psnr, whole.sam


def _scenes(tested: Sequence[Collection], target: str) -> dict[str, list[HeldOutScene]]:
    """What a perceptron is measured on, by each of :data:`CONDITIONS`."""
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    names = [one.name for one in tested]
    scenes: dict[str, list[HeldOutScene]] = {condition: [] for condition in CONDITIONS}
    for scene in held_out_scenes(tested, target, names):
        scenes[SHARP if scene.footprints == FOOTPRINTS[0] else NATIVE].append(scene)
    for one in tested:
        tiles = tiles_of(one)
        for under in _under_clouds(tiles):
            seen = [observer.see(tile) for tile in under]
            scenes[CLOUDY].append(scene_of(one, FOOTPRINTS[0], under, seen, target))
        for view in _HAZES:
            seen = [observer.look(tile, view) for tile in tiles]
            scenes[HAZY].append(scene_of(one, FOOTPRINTS[0], tiles, seen, target))
    return scenes


def _under_clouds(tiles: np.ndarray) -> Iterator[np.ndarray]:
    """Tiles ``(n, 224, H, W)`` with clouds and their shadows over them, several draws."""
    for seed in _CLOUDS:
        rng = np.random.default_rng([9, seed])
        yield np.stack([clouded(rng, tile) for tile in tiles])


def _sharpening_scores(
    maker: SceneMaker, job: Job, plan: SharpenerConfig, tested: Sequence[Collection]
) -> _Found:
    """Coarse bands at native footprints, sharpened by the network: how near they are to those at 10 m."""
    images = read_images(job.data / "sentinel2") if job.config.texture_share else []
    network = fit_sharpening(maker, SharpeningConfig(), plan, images, job.accelerator)
    found: _Found = {COARSE: [], COARSE_CLOUDY: []}
    for one in tested:
        clear = tiles_of(one)
        found[COARSE].append(_sharpening_score(network, one.name, clear))
        for clouded_over in _under_clouds(clear):
            found[COARSE_CLOUDY].append(_sharpening_score(network, one.name, clouded_over))
    return found


@torch.no_grad()
def _sharpening_score(network: Sharpening, name: str, tiles: np.ndarray) -> tuple[float, float]:
    """PSNR and angle of the coarse bands of ``tiles (n, 224, H, W)``."""
    seen_by = sensor("sentinel2a")
    observer = Observer(seen_by, grid(WORKING_GRID))
    coarse = list(network.config.coarse)
    native = np.stack([observer.see_native(tile) for tile in tiles])
    truth = np.stack([observer.see(tile)[coarse] for tile in tiles])
    estimate = network(torch.from_numpy(native).float())[:, coarse].numpy()
    measured = np.ones(len(coarse), bool)
    centre = seen_by.centre_nm[coarse]
    scene = HeldOutScene(name, FOOTPRINTS[1], native, truth, measured, centre)
    return _score(scene, "sharpening", estimate)
