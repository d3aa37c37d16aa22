"""What each ingredient of the synthetic scenes is worth: left out in turn, and perceptrons trained."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from hyperlift.core.spectral import grid, sensor

from ..data.scenes import SceneConfig, clouded, scene_maker
from ..data.sensing import Observer, View
from ..data.spectra import WORKING_GRID, data_folder, load_collections
from ..evaluation.baselines import by_tile, sharpened
from ..evaluation.scores import FOOTPRINTS, HeldOutScene, held_out_scenes, scene_of, score_estimate, tiles_of
from ..processes import each_by_itself
from .perceptron import PerceptronConfig, fit_perceptron, lift_by

_NOTHING = "nothing"
# Changes of the configuration, and collections, that leave one ingredient out.
SETTINGS: dict[str, dict[str, object]] = {
    "texture of real Sentinel-2 images": {"texture_share": 0.0},
    "pieces of cubes": {"cube_share": 0.0},
    "fields, roofs and water": {"pattern_share": 0.0},
    "clouds and shadows": {"cloud_share": 0.0},
    "PROSAIL canopies": {"vegetation": False},
    # Scenes have neither; this shows why.
    "nothing, but with adjacency and haze": {"air_share": 0.1},
}
SPECTRA: dict[str, tuple[str, ...]] = {
    "San Diego": ("san_diego_aviris189", "san_diego_90_aviris189", "san_diego3_aviris189"),
    "NEON forests": ("neon_harv_40x40", "neon_osbs_40x40", "neon_idtrees_osbs24", "neon_crowns_pixels"),
    "Moffett": ("moffett_aviris184",),
    "Salton Sea": ("salton_sea_aviris",),
    "Potsdam": ("enmap_potsdam_12x32x32",),
    "Bavaria": ("hyspex_bavaria_gfz_325",),
    "USGS libraries": ("usgs_splib06_aviris95_224", "usgs_splib07_aviris95_224"),
    "urban libraries": ("klum_urban", "slum_urban", "enmapbox_berlin_urban", "roberts2017_urban"),
    "ECOSTRESS mixtures and snow": ("ecostress_mixtures_avirisc", "ecostress_snow_mixtures"),
}
NAMES = (*SETTINGS, *SPECTRA)
SHORT = PerceptronConfig(batches=120, steps=1_500, pixels=2048)
# How the scenes are seen. Clouds and haze are none of theirs: they are put over them.
SHARP, NATIVE, CLOUDY, HAZY = CONDITIONS = (
    FOOTPRINTS[0],
    "native, sharpened",
    "under clouds",
    "through haze",
)
_CLOUDS = (0, 1)  # seeds
_HAZES = (View(adjacency=0.05, haze=0.003), View(adjacency=0.1, haze=0.006))


@dataclass(frozen=True)
class HeldOut:
    """Areas that no training sees, by ingredient, and the collections among them that are measured on."""

    areas: tuple[str, ...]
    tested: tuple[str, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Collections of these areas."""
        return tuple(name for area in self.areas for name in SPECTRA[area])


_TESTED = {
    **{area: SPECTRA[area] for area in ("Salton Sea", "Potsdam", "Bavaria", "Moffett")},
    "San Diego": ("san_diego_aviris189",),
    "NEON forests": ("neon_harv_40x40", "neon_osbs_40x40"),
}


def _held_out(*areas: str) -> HeldOut:
    return HeldOut(areas, tuple(name for area in areas for name in _TESTED[area]))


# The split of the bundled weights; the other way round; and one area after the other, which leaves most
# of the data to the training.
SPLITS = {
    "held-out areas": (_held_out("Salton Sea", "Potsdam", "Bavaria"),),
    "the other areas": (_held_out("San Diego", "NEON forests", "Moffett"),),
    "each area by itself": tuple(map(_held_out, _TESTED)),
}


@dataclass(frozen=True)
class Trial:
    """Mean PSNR (dB) and angle (degrees) of held-out areas by condition, ``without`` one ingredient."""

    split: str
    areas: tuple[str, ...]
    without: str
    seed: int
    scores: dict[str, tuple[float, float]]


def _scenes(folder: Path, target: str, tested: Sequence[str]) -> dict[str, list[HeldOutScene]]:
    """The scenes of each of :data:`CONDITIONS`."""
    collections = [one for one in load_collections(folder) if one.name in tested]
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    scenes: dict[str, list[HeldOutScene]] = {condition: [] for condition in CONDITIONS}
    for scene in held_out_scenes(collections, target, tested):
        scenes[SHARP if scene.footprints == FOOTPRINTS[0] else NATIVE].append(scene)
    for one in collections:
        tiles = tiles_of(one)
        for seed in _CLOUDS:
            rng = np.random.default_rng([9, seed])
            under = np.stack([clouded(rng, tile) for tile in tiles])
            seen = [observer.see(tile) for tile in under]
            scenes[CLOUDY].append(scene_of(one, FOOTPRINTS[0], under, seen, target))
        for view in _HAZES:
            seen = [observer.look(tile, view) for tile in tiles]
            scenes[HAZY].append(scene_of(one, FOOTPRINTS[0], tiles, seen, target))
    return scenes


@dataclass(frozen=True)
class _Job:
    split: str
    held_out: HeldOut
    without: str
    config: SceneConfig
    left_out: tuple[str, ...]
    data: Path
    plan: PerceptronConfig
    accelerator: str


def _trial(job: _Job) -> Trial:
    """Train a perceptron without an ingredient; it sees native footprints after sharpening."""
    maker = scene_maker(job.config, job.data, (*job.held_out.left_out, *job.left_out)).at_one_resolution()
    lift = lift_by(fit_perceptron(maker, job.plan, job.accelerator))
    scores = {}
    for condition, scenes in _scenes(job.data, job.config.target, job.held_out.tested).items():
        method = sharpened(lift) if condition == NATIVE else by_tile(lift)
        found = [score_estimate(scene, job.without, method(scene)).whole for scene in scenes]
        psnr, angle = (float(np.mean([getattr(one, name) for one in found])) for name in ("psnr", "sam"))
        scores[condition] = (psnr, angle)
    return Trial(job.split, job.held_out.areas, job.without, job.plan.seed, scores)


def leave_one_out(
    config: SceneConfig,
    data: Path | None = None,
    plan: PerceptronConfig = SHORT,
    seeds: Sequence[int] = (0,),
    accelerator: str = "auto",
    processes: int | None = None,
    only: Sequence[str] = (),
    splits: Sequence[str] = (),
) -> Iterator[Trial]:
    """Trials with all ingredients, then with one after the other left out, for all areas of :data:`SPLITS`.

    Args:
        config: of the scenes.
        data: folder of real spectra, cubes and images.
        plan: of the perceptrons.
        seeds: of scenes, explanations of real images and weights, instead of what the configurations say.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        processes: see :func:`..processes.each_by_itself`.
        only: ingredients to leave out, of :data:`NAMES`; by default all.
        splits: those of :data:`SPLITS` to measure with; by default all.

    Raises:
        ValueError: there are no seeds, or an ingredient or a split is not known.
    """
    if not seeds:
        raise ValueError("Ingredients need at least one seed: give --seeds 1 or more.")
    for kind, asked, known in (("ingredient", only, NAMES), ("split", splits, SPLITS)):
        unknown = [name for name in asked if name not in known]
        if unknown:
            choice = ", ".join(f"'{name}'" for name in known)  # some names have commas
            raise ValueError(f"There is no {kind} '{unknown[0]}'; choose among: {choice}.")
    folder = data_folder(data)
    jobs = [
        _Job(
            split,
            held_out,
            without,
            replace(config, seed=seed, **changes),
            collections,
            folder,
            replace(plan, seed=seed),
            accelerator,
        )
        for seed, split in product(seeds, splits or SPLITS)
        for held_out, (without, changes, collections) in product(SPLITS[split], _ways(only or NAMES))
        if without not in held_out.areas
    ]
    return each_by_itself(_trial, jobs, processes)


def _ways(names: Container[str]) -> list[tuple[str, dict[str, object], tuple[str, ...]]]:
    """What to leave out: nothing, then each of ``names``, by changes of the scenes or by collections."""
    return [
        (_NOTHING, {}, ()),
        *((name, changes, ()) for name, changes in SETTINGS.items() if name in names),
        *((name, {}, collections) for name, collections in SPECTRA.items() if name in names),
    ]


def ingredient_tables(trials: Sequence[Trial]) -> str:
    """A Markdown table for each split: what the scores are, and how they change without each ingredient.

    Changes are means over the seeds and, of several, the standard error of these means; where several areas
    were held out by themselves, over the means of these areas, without that which a row leaves out. Trials
    without one that leaves nothing out are passed over.
    """
    lines = []
    for split in dict.fromkeys(one.split for one in trials):
        found: dict[str, dict[tuple[tuple[str, ...], int], np.ndarray]] = {}
        for one in trials:
            if one.split == split:
                figures = np.array([one.scores[condition] for condition in CONDITIONS])
                found.setdefault(one.without, {})[one.areas, one.seed] = figures
        whole = found.pop(_NOTHING, {})
        if not whole:
            continue
        lines += [
            f"| left out; {split} | {' | '.join(CONDITIONS)} |",
            "|---|" + "---|" * len(CONDITIONS),
            _row(_NOTHING, _samples(whole), "{:.2f}"),
        ]
        for without, scores in found.items():
            change = {trial: figures - whole[trial] for trial, figures in scores.items() if trial in whole}
            if change:
                lines.append(_row(without, _samples(change), "{:+.2f}"))
        lines.append("")
    return "\n".join(lines)


def _samples(figures: dict[tuple[tuple[str, ...], int], np.ndarray]) -> np.ndarray:
    """Independent ``figures (n, conditions, 2)``: means of areas; where there is one set, its seeds."""
    by_areas: dict[tuple[str, ...], list[np.ndarray]] = {}
    for (areas, _), values in figures.items():
        by_areas.setdefault(areas, []).append(values)
    samples = [np.stack(values) for values in by_areas.values()]
    return samples[0] if len(samples) == 1 else np.stack([values.mean(axis=0) for values in samples])


def _row(name: str, figures: np.ndarray, form: str) -> str:
    """A row of a table from ``figures (n, conditions, 2)``."""
    count = len(figures)
    error = figures.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else None
    cells = []
    for number, pair in enumerate(figures.mean(axis=0)):
        texts = [form.format(value) for value in pair]
        if error is not None:
            texts = [f"{text} ± {one:.2f}" for text, one in zip(texts, error[number])]
        cells.append(" / ".join(texts))
    return f"| {name} | {' | '.join(cells)} |"
