"""A trial without an ingredient: a network trained quickly, and measured where its training saw nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np
import torch

from hyperlift.core.networks.ualnet.statistics import Statistics
from hyperlift.core.spectral import grid, sensor

from ..data.fine import even_tiles, seen_at_10_m
from ..data.land_types import DARKEST
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
from ..explains2a.config import CONFIGS as EXPLAINS2A
from ..explains2a.perceptron import PerceptronConfig, fit_perceptron, lift_by
from ..explains2a.sharpener import SharpenerConfig, fit_sharpening
from ..ualnet.config import CONFIGS as UALNET
from ..ualnet.config import PriorConfig
from ..ualnet.train import fit_prior_net, real_images, sharpening_task

# What a perceptron sees of the held-out areas. Clouds and haze are none of theirs: they are put over them.
SHARP, NATIVE, CLOUDY, HAZY = CONDITIONS = (
    FOOTPRINTS[0],
    "native, sharpened",
    "under clouds",
    "through haze",
)
# What the sharpening network makes of them, and what PriorNet does.
COARSE, COARSE_CLOUDY = "coarse bands", "coarse bands under clouds"
FINE, FINE_NATIVE = "bands at 5 m, one resolution", "bands at 5 m, native footprints"
_CLOUDS = (0, 1)  # seeds
_HAZES = (View(adjacency=0.05, haze=0.003), View(adjacency=0.1, haze=0.006))
_Plan = Union[PerceptronConfig, SharpenerConfig, PriorConfig]
PERCEPTRON, SHARPENING, PRIOR_NET = "perceptron", "sharpening", "prior-net"
_EXPLAINS2A, _UALNET = EXPLAINS2A["explains2a"], UALNET["ualnet"]
# Networks that trials train, by name, one or two minutes each on one core, and the scenes that they see.
PLANS: dict[str, tuple[_Plan, SceneConfig]] = {
    PERCEPTRON: (PerceptronConfig(batches=120, steps=1_500, pixels=2048), _EXPLAINS2A.scenes),
    SHARPENING: (SharpenerConfig(scenes=600, steps=500), _EXPLAINS2A.scenes),
    PRIOR_NET: (PriorConfig(lifted=False, steps=600), _UALNET.scenes),
}
_S2A = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
# PSNR in dB and angle in degrees of single scenes, by condition.
_Found = dict[str, list[tuple[float, float]]]


@dataclass(frozen=True)
class HeldOut:
    """What no training sees, and what is measured on.

    Attributes:
        areas: names of ingredients.
        left_out: collections of these.
        tested: those among them that are measured on.
        named: part of the names of the libraries' spectra that are measured on, empty for all of them; None
            where images are.
    """

    areas: tuple[str, ...]
    left_out: tuple[str, ...]
    tested: tuple[str, ...]
    named: str | None = None


@dataclass(frozen=True)
class Job:
    """What to train and to measure.

    Attributes:
        split: name of the split.
        held_out: what is measured on.
        without: the ingredient that is left out.
        config: of the scenes.
        left_out: collections of that ingredient.
        data: folder of real spectra, cubes and images.
        plan: of the network's training.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
    """

    split: str
    held_out: HeldOut
    without: str
    config: SceneConfig
    left_out: tuple[str, ...]
    data: Path
    plan: _Plan
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
    """Train without an ingredient and measure.

    Raises:
        ValueError: a collection to measure on has nothing that could be used.
    """
    tested = [one for one in load_collections(job.data) if one.name in job.held_out.tested]
    unusable = sorted(set(job.held_out.tested) - {one.name for one in tested})
    if unusable:
        raise ValueError(f"Nothing in '{unusable[0]}' can be measured on: all of it is empty or too bright.")
    maker = scene_maker(job.config, job.data, (*job.held_out.left_out, *job.left_out))
    if isinstance(job.plan, SharpenerConfig):
        found = _sharpening_scores(maker, job, job.plan, tested)
    elif isinstance(job.plan, PriorConfig):
        found = _prior_net_scores(maker, job, job.plan, tested)
    else:
        found = _perceptron_scores(maker.at_one_resolution(), job, job.plan, tested)
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
    if job.held_out.named is not None:
        return {SHARP: [_library_score(maker, lift, one, job.held_out.named) for one in tested]}
    found: _Found = {}
    for condition, scenes in _scenes(tested, job.config.target).items():
        method = sharpened(lift) if condition == NATIVE else by_tile(lift)
        scores = [score_estimate(scene, condition, method(scene)).whole for scene in scenes]
        found[condition] = [(one.psnr, one.sam) for one in scores]
    return found


def _library_score(maker: SceneMaker, lift: Lift, library: Collection, part: str) -> tuple[float, float]:
    """PSNR and angle of the spectra of a library with ``part`` in their names."""
    spectra = library.named(part).spectra.T  # (224, n)
    bands = _S2A.see(spectra[:, :, None])
    known = maker.measured(library.measured)
    tables = (lift(bands)[:, :, 0], maker.resampling @ spectra)
    return _table_score(*(torch.from_numpy(np.asarray(table[known], np.float32)) for table in tables))


def _table_score(estimate: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """PSNR and angle of tables ``(C, n)``."""
    psnr, angle, _ = accuracy(estimate, truth, truth.amax(dim=1, keepdim=True))
    return psnr, angle


def _scenes(tested: Sequence[Collection], target: str) -> dict[str, list[HeldOutScene]]:
    """What a perceptron is measured on, by each of :data:`CONDITIONS`."""
    names = [one.name for one in tested]
    scenes: dict[str, list[HeldOutScene]] = {condition: [] for condition in CONDITIONS}
    for scene in held_out_scenes(tested, target, names):
        scenes[SHARP if scene.footprints == FOOTPRINTS[0] else NATIVE].append(scene)
    for one in tested:
        tiles = tiles_of(one)
        for under in _under_clouds(tiles):
            seen = [_S2A.see(tile) for tile in under]
            scenes[CLOUDY].append(scene_of(one, FOOTPRINTS[0], under, seen, target))
        for view in _HAZES:
            seen = [_S2A.look(tile, view) for tile in tiles]
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
    network = fit_sharpening(maker, _EXPLAINS2A.sharpening, plan, images, job.accelerator, progress=False)
    found: _Found = {COARSE: [], COARSE_CLOUDY: []}
    for one in tested:
        clear = tiles_of(one)
        seen_as = [(COARSE, clear), *((COARSE_CLOUDY, tiles) for tiles in _under_clouds(clear))]
        for condition, tiles in seen_as:
            native, truth = (np.stack([see(tile) for tile in tiles]) for see in (_S2A.see_native, _S2A.see))
            found[condition].append(_band_score(network, native, truth, network.config.coarse))
    return found


def _prior_net_scores(maker: SceneMaker, job: Job, plan: PriorConfig, tested: Sequence[Collection]) -> _Found:
    """All bands at 5 m: how near they are to those of scenes taken for 5 m.

    Bands are sharpened before by the bundled network, which was fitted with all ingredients.
    """
    images = real_images(job.data) if job.config.texture_share else []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        task = sharpening_task(_UALNET)
    fit_prior_net(task, maker, plan, images, job.accelerator, progress=False)
    task.cpu().eval()
    found: _Found = {FINE: [], FINE_NATIVE: []}

    def fine(msi: torch.Tensor) -> torch.Tensor:
        return task.network.fine_bands(task.sharp(msi), Statistics())

    for one in tested:
        truth = np.stack([_S2A.see(tile) for tile in even_tiles(one)])
        for condition, native in ((FINE, False), (FINE_NATIVE, True)):
            seen = np.stack([seen_at_10_m(_S2A, bands, native) for bands in truth])
            found[condition].append(_band_score(fine, seen, truth, range(truth.shape[1])))
    return found


@torch.no_grad()
def _band_score(
    network: Callable[[torch.Tensor], torch.Tensor],
    seen: np.ndarray,
    truth: np.ndarray,
    bands: Sequence[int],
) -> tuple[float, float]:
    """PSNR and angle of some ``bands`` of what a network makes of an image, over pixels with data.

    Args:
        network: from ``(tiles, c, H, W)`` to the size of ``truth``.
        seen: ``(tiles, c, H, W)``.
        truth: ``(tiles, c, H, W)``, or of twice the rows and columns.
        bands: positions.
    """
    chosen = list(bands)
    estimate = network(torch.from_numpy(seen).float())[:, chosen]
    known = torch.from_numpy(truth).float()[:, chosen]
    present = known.amax(dim=1) > DARKEST
    return _table_score(*(image.swapaxes(0, 1)[:, present] for image in (estimate, known)))
