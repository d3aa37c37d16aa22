"""What each ingredient of the synthetic scenes is worth: left out in turn, and networks trained without."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from ..data.spectra import data_folder
from ..data.texture import TEXTURES
from ..processes import each_by_itself
from .trials import PERCEPTRON, PLANS, PRIOR_NET, HeldOut, Job, Trial, run_trial

_NOTHING = "nothing"
_TEXTURE = "texture of real Sentinel-2 images"
# Changes of the configuration, and collections, that leave one ingredient out. Networks that see surroundings
# are taught by pieces of the real images themselves too: without their texture they have none of these.
SETTINGS: dict[str, dict[str, object]] = {
    _TEXTURE: {"texture_share": 0.0},
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
    "soils": ("soilspec_391", "soilspec_minerals", "soilspec_rutherglenNIR", "soilspec_specSoilCol"),
    "leaves and rocks": ("spectrolab_leaves", "aggeneys_minerals", "ecostress_sample"),
}
NAMES = (*SETTINGS, *SPECTRA)
_TESTED = {
    **{area: SPECTRA[area] for area in ("Salton Sea", "Potsdam", "Bavaria", "Moffett")},
    "San Diego": ("san_diego_aviris189",),
    "NEON forests": ("neon_harv_40x40", "neon_osbs_40x40"),
}


def _held_out(*areas: str) -> HeldOut:
    left_out, tested = (tuple(name for area in areas for name in table[area]) for table in (SPECTRA, _TESTED))
    return HeldOut(areas, left_out, tested)


_USGS, _URBAN = "USGS libraries", "urban libraries"


def _of_usgs(named: str) -> HeldOut:
    return HeldOut((_USGS,), SPECTRA[_USGS], ("usgs_splib07_aviris95_224",), named)


# The split of the bundled weights; the other way round; one area after the other, which leaves most of the
# data to the training. Then what the areas have little or nothing of: spectra of libraries, without
# surroundings.
BUNDLED = "held-out areas"
SPLITS = {
    BUNDLED: (_held_out("Salton Sea", "Potsdam", "Bavaria"),),
    "the other areas": (_held_out("San Diego", "NEON forests", "Moffett"),),
    "each area by itself": tuple(map(_held_out, _TESTED)),
    "snow": (_of_usgs("Melting_snow"),),
    "leaves": (_of_usgs("Leaf"),),
    "materials of towns": (HeldOut((_URBAN,), SPECTRA[_URBAN], SPECTRA[_URBAN], named=""),),
}


def leave_one_out(
    network: str = PERCEPTRON,
    data: Path | None = None,
    seeds: Sequence[int] = (0,),
    accelerator: str = "auto",
    processes: int | None = None,
    only: Sequence[str] = (),
    splits: Sequence[str] = (),
) -> Iterator[Trial]:
    """Trials with all ingredients, then with one after the other left out, for all areas of :data:`SPLITS`.

    Args:
        network: that is trained, of :data:`.trials.PLANS`.
        data: folder of real spectra, cubes and images.
        seeds: of scenes, explanations of real images and weights, instead of what the configurations say.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        processes: see :func:`..processes.each_by_itself`.
        only: ingredients to leave out, of :data:`NAMES`; by default all.
        splits: those of :data:`SPLITS` to measure with; by default all that the network can be measured on.

    Raises:
        FileNotFoundError: there is no such folder, or files that are left out or measured on are not in it.
        ValueError: there are no seeds; a network, an ingredient or a split is not known; the network cannot
            be measured on a split.
    """
    if not seeds:
        raise ValueError("Ingredients need at least one seed: give --seeds 1 or more.")
    _known("There is no network '{}'", [network], PLANS)
    _known("There is no ingredient '{}'", only, NAMES)
    _known("There is no split '{}'", splits, SPLITS)
    _known(f"The network '{network}' cannot be measured on the split '{{}}'", splits, splits_of(network))
    names, chosen = only or NAMES, splits or splits_of(network)
    folder, (plan, scenes) = data_folder(data), PLANS[network]
    _refuse_gaps(folder, names, chosen)
    jobs = [
        Job(
            split,
            held_out,
            without,
            replace(scenes, seed=seed, **changes),
            collections,
            folder,
            replace(plan, seed=seed),
            accelerator,
        )
        for seed, split in product(seeds, chosen)
        for held_out, (without, changes, collections) in product(SPLITS[split], _ways(names))
        if without not in held_out.areas
    ]
    return each_by_itself(run_trial, jobs, processes)


def splits_of(network: str) -> list[str]:
    """Splits of :data:`SPLITS` that a network can be measured on.

    Networks that see surroundings need images. Below PriorNet is the bundled sharpening, which has seen all
    areas but the held-out ones.
    """
    if network == PERCEPTRON:
        return list(SPLITS)
    if network == PRIOR_NET:
        return [BUNDLED]
    return [name for name, sets in SPLITS.items() if all(one.named is None for one in sets)]


def _known(complaint: str, asked: Sequence[str], known: Collection[str]) -> None:
    """Refuse the first of what is asked for and not known, with its name in the complaint."""
    unknown = [name for name in asked if name not in known]
    if unknown:
        choice = ", ".join(f"'{name}'" for name in known)  # some names have commas
        raise ValueError(f"{complaint.format(unknown[0])}; choose among: {choice}.")


def _refuse_gaps(folder: Path, names: Sequence[str], splits: Sequence[str]) -> None:
    """Refuse data without what is to be left out, which would seem worth nothing, or to be measured on."""
    needed = {collection for name in names for collection in SPECTRA.get(name, ())}
    needed |= {name for split in splits for held_out in SPLITS[split] for name in held_out.tested}
    kept = [folder / place / f"{name}.npz" for name in needed for place in ("cubes", "libraries")]
    missing = sorted(needed - {path.stem for path in kept if path.is_file()})
    if missing:
        raise FileNotFoundError(
            f"'{folder}' lacks what is left out or measured on ({', '.join(missing)}): add it to cubes or "
            "libraries, or choose with --only and --splits."
        )
    if _TEXTURE in names and not any((folder / "sentinel2" / image).is_file() for image in TEXTURES):
        raise FileNotFoundError(
            f"'{folder}' has no images in sentinel2 whose texture could be left out: see --only."
        )


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
        chosen = [one for one in trials if one.split == split]
        conditions = list(chosen[0].scores)
        found: dict[str, dict[tuple[tuple[str, ...], int], np.ndarray]] = {}
        for one in chosen:
            figures = np.array([one.scores[condition] for condition in conditions])
            found.setdefault(one.without, {})[one.areas, one.seed] = figures
        whole = found.pop(_NOTHING, {})
        if not whole:
            continue
        lines += [
            f"| left out; {split} | {' | '.join(conditions)} |",
            "|---|" + "---|" * len(conditions),
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
