"""Evaluation: accuracy on held-out scenes against baselines and other models, and real Sentinel-2 images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from hyperlift.cli.rasterio_backend import RasterioSink, RasterioSource
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session

from ..data.scenes import SceneMaker, scene_maker
from ..data.spectra import data_folder, load_collections
from ..evaluation.baselines import Method, NearestNeighbours, by_tile, ridge, scene_oracle, sharpened, spline
from ..evaluation.physicality import TRUTH, physicality
from ..evaluation.pictures import draw_scene
from ..evaluation.report import Findings, RealScene, write_report
from ..evaluation.score_tables import margins
from ..evaluation.scores import FOOTPRINTS, HeldOutScene, Lift, held_out_scenes, score_estimate
from ..runs import open_task
from .config import CONFIGS
from .export import Deployed
from .perceptron import PerceptronConfig, cached_perceptron, lift_by
from .task import LiftingTask

_RIDGE, _SHARPENED_RIDGE = "ridge, one resolution", "sharpened, ridge"
_PERCEPTRON, _SHARPENED_PERCEPTRON = "perceptron", "sharpened, perceptron"
_ORACLE = "oracle: best linear map inside the scene"
# Real images of ``sentinel2/`` and the offset that each still needs; the values of the last start near 0.10.
_REAL_IMAGES = {
    "BEN_S2A_MSIL2A_20170613T101031_87_48_12band_10m_L2A.tif": 0.0,
    "BEN_S2A_MSIL2A_20170617T113321_36_85_12band_10m_L2A.tif": 0.0,
    "BEN_S2A_MSIL2A_20171221T112501_56_35_12band_10m_L2A.tif": 0.0,
    "RStoolbox_sen2_12band_L2A.tif": -0.1,
}
_BANDS = tuple(range(1, 13))


def open_lift(path: Path) -> Lift:
    """A model file, or a checkpoint as it would be exported, as a function ``(c, H, W) -> (C, H, W)``."""
    if path.suffix != ".ckpt":
        return Session.open(path, "cpu").run
    task = open_task(LiftingTask, path)
    module = Deployed(task)

    @torch.no_grad()
    def lift(msi: np.ndarray) -> np.ndarray:
        return module(torch.from_numpy(msi[None].astype(np.float32)))[0].numpy()

    return lift


def _methods(
    maker: SceneMaker,
    models: dict[str, Lift],
    perceptron: PerceptronConfig | None,
    cache: Path,
    batches: int,
) -> dict[str, dict[str, Method]]:
    """For each footprints: baselines fitted to what the model was trained on, the models and the oracle."""
    one_resolution = maker.at_one_resolution()
    lifts = {
        "spline": spline(maker.target.wavelength_nm),
        "nearest neighbours": NearestNeighbours(one_resolution, batches).predict,
        _RIDGE: ridge(one_resolution, batches),
        "ridge, both": ridge(maker, batches),
    }
    sharp = {_SHARPENED_RIDGE: sharpened(lifts[_RIDGE])}
    if perceptron is not None:
        # A pixel cannot tell whether its coarse bands are blurred, so it is trained on bands that are not.
        lift = lift_by(cached_perceptron(one_resolution, perceptron, cache))
        lifts[_PERCEPTRON], sharp[_SHARPENED_PERCEPTRON] = lift, sharpened(lift)
    baselines, own = ({name: by_tile(lift) for name, lift in some.items()} for some in (lifts, models))
    oracle = {_ORACLE: scene_oracle}
    return dict(zip(FOOTPRINTS, ({**baselines, **own, **oracle}, {**baselines, **sharp, **own, **oracle})))


def lift_real(model: Path, folder: Path, output: Path) -> list[RealScene]:
    """Lift the real images that are there, and draw them."""
    session = Session.open(model)
    scenes = []
    for file, offset in _REAL_IMAGES.items():
        path, lifted = folder / "sentinel2" / file, output / file
        if not path.is_file():
            continue
        source = RasterioSource(path)
        report = lift_scene(
            source,
            lambda profile, lifted=lifted: RasterioSink(lifted, profile),
            session,
            LiftOptions(bands=_BANDS, offset=offset),
        )
        source.close()
        picture = lifted.with_suffix(".png").name
        draw_scene(path, lifted, output / picture, offset)
        scenes.append(RealScene(path.stem, picture, report))
    return scenes


def _named(models: Sequence[Path]) -> dict[str, Lift]:
    """Further models by the names of their folder and file."""
    return {f"{path.resolve().parent.name}/{path.stem}": open_lift(path) for path in models}


def _references(methods: dict[str, dict[str, Method]]) -> dict[str, tuple[str, ...]]:
    """What the model's margins are measured over, for each footprints, where it was fitted."""
    wanted = ((_RIDGE, _PERCEPTRON), (_SHARPENED_RIDGE, _PERCEPTRON, _SHARPENED_PERCEPTRON))
    return {
        footprints: tuple(name for name in names if name in methods[footprints])
        for footprints, names in zip(FOOTPRINTS, wanted)
    }


def evaluate(
    model: Path,
    output: Path,
    data: Path | None = None,
    models: Sequence[Path] = (),
    further: Sequence[HeldOutScene] = (),
    perceptron: PerceptronConfig | None = PerceptronConfig(),  # noqa: B008 (frozen)
    cache: Path = Path("build/baselines"),
    batches: int = 150,
) -> Path:
    """Write ``report.html``, ``scores.md`` and ``scores.json`` about a model; returns the report's path.

    Args:
        model: an ONNX file with its card.
        output: folder for the report and its pictures.
        data: folder of real cubes, libraries and Sentinel-2 images (see :mod:`..data.spectra`).
        models: further ONNX files or checkpoints to compare with.
        further: scenes to measure on beside the held-out ones of the folder.
        perceptron: the per-pixel network to train and compare with; None leaves it out.
        cache: folder where that network is kept.
        batches: of random scenes to which regressions and nearest neighbours are fitted.

    Raises:
        HyperLiftError: a model file cannot be used.
        FileNotFoundError: there is no such folder of data.
    """
    output.mkdir(parents=True, exist_ok=True)
    folder = data_folder(data)
    collections = load_collections(folder)
    session = Session.open(model, "cpu")
    name = session.card.name
    maker = scene_maker(CONFIGS["explains2a"].scenes, folder)
    methods = _methods(maker, {name: session.run, **_named(models)}, perceptron, cache, batches)
    scenes = [
        (scene, {title: method(scene) for title, method in methods[scene.footprints].items()})
        for scene in (*held_out_scenes(collections, CONFIGS["explains2a"].scenes.target), *further)
    ]
    scores = [
        score_estimate(scene, title, estimate)
        for scene, estimates in scenes
        for title, estimate in estimates.items()
    ]
    references = _references(methods)
    findings = Findings(
        card=session.card,
        scenes=scenes,
        scores=scores,
        margins=margins([one.whole for one in scores], name, references),
        physicality=[
            physicality(scene, title, estimate)
            for scene, estimates in scenes
            for title, estimate in {TRUTH: scene.hsi, **estimates}.items()
        ],
        real=lift_real(model, folder, output),
        shown={footprints: (name, *others) for footprints, others in references.items()},
    )
    return write_report(findings, output)
