"""What each ingredient of the synthetic scenes is worth: left out in turn, and a perceptron trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..data.scenes import SceneConfig, scene_maker
from ..data.spectra import data_folder, load_collections
from ..evaluation.baselines import by_tile, sharpened
from ..evaluation.scores import FOOTPRINTS, Score, held_out_scenes, mean_scores, score_estimate
from .perceptron import PerceptronConfig, fit_perceptron, lift_by

# Changes of the configuration, and collections, that leave one ingredient out.
SETTINGS: dict[str, dict[str, object]] = {
    "texture of real Sentinel-2 images": {"texture_share": 0.0},
    "pieces of cubes": {"cube_share": 0.0},
    "fields, roofs and water": {"pattern_share": 0.0},
    "clouds and shadows": {"cloud_share": 0.0},
    "PROSAIL canopies": {"vegetation": False},
    "adjacency and haze": {"air_share": 0.0},
}
SPECTRA: dict[str, tuple[str, ...]] = {
    "San Diego": ("san_diego_aviris189", "san_diego_90_aviris189", "san_diego3_aviris189"),
    "NEON forests": ("neon_harv_40x40", "neon_osbs_40x40", "neon_idtrees_osbs24", "neon_crowns_pixels"),
    "Moffett": ("moffett_aviris184",),
    "USGS libraries": ("usgs_splib06_aviris95_224", "usgs_splib07_aviris95_224"),
    "urban libraries": ("klum_urban", "slum_urban", "enmapbox_berlin_urban", "roberts2017_urban"),
    "ECOSTRESS mixtures and snow": ("ecostress_mixtures_avirisc", "ecostress_snow_mixtures"),
}
SHORT = PerceptronConfig(batches=120, steps=1_500, pixels=2048)


@dataclass(frozen=True)
class Trial:
    """Mean scores over the held-out scenes ``without`` one ingredient, by footprints."""

    without: str
    scores: dict[str, dict[str, float]]


def _trial(
    without: str, config: SceneConfig, data: Path, left_out: tuple[str, ...], plan: PerceptronConfig
) -> Trial:
    """Train a perceptron without an ingredient; it sees native footprints after sharpening."""
    lift = lift_by(fit_perceptron(scene_maker(config, data, left_out).at_one_resolution(), plan))
    methods = dict(zip(FOOTPRINTS, (by_tile(lift), sharpened(lift))))
    scores: list[Score] = [
        score_estimate(scene, without, methods[scene.footprints](scene)).whole
        for scene in held_out_scenes(load_collections(data), config.target)
    ]
    means = {
        footprints: mean_scores([one for one in scores if one.footprints == footprints], without)
        for footprints in FOOTPRINTS
    }
    return Trial(without, means)


def leave_one_out(
    config: SceneConfig, data: Path | None = None, plan: PerceptronConfig = SHORT, seed: int = 0
) -> Iterator[Trial]:
    """All ingredients first, then each of :data:`SETTINGS` and :data:`SPECTRA` left out.

    ``seed`` is of scenes, explanations of real images and weights, instead of what the configurations say.
    """
    folder = data_folder(data)
    config, plan = replace(config, seed=seed), replace(plan, seed=seed)
    yield _trial("nothing", config, folder, (), plan)
    for name, changes in SETTINGS.items():
        yield _trial(name, replace(config, **changes), folder, (), plan)
    for name, collections in SPECTRA.items():
        yield _trial(name, config, folder, collections, plan)


def table_row(trial: Trial) -> str:
    """A trial as a row of a Markdown table: PSNR in dB and angle in degrees, for both footprints."""
    figures = [f"{means['psnr']:.2f} / {means['sam']:.2f}" for means in trial.scores.values()]
    return f"| {trial.without} | {' | '.join(figures)} |"


TABLE_HEAD = "| left out | one resolution | native, sharpened |\n|---|---|---|"
