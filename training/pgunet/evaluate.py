"""Evaluation: held-out scenes through held-out cameras, beside regressions that know them or do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

import numpy as np
import torch

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.inference.blind_model import ResponseModel
from hyperlift.core.inference.blind_scene import BlindOptions, Camera, blind_scene
from hyperlift.core.inference.blind_stages import constants
from hyperlift.core.inference.scene import LiftOptions
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.arrays import ArraySource, array_sinks

from ..data.scenes import SceneConfig, SceneMaker, scene_maker
from ..data.spectra import Collection, data_folder, load_collections
from ..evaluation.scores import HeldOutScene, Score, mean_scores, score_estimate
from ..networks import configuration
from ..regression import Regression, fit_ridge
from .cases import P4M, Case, bumps, cases, seen_scenes
from .pair import pair_table
from .response_scores import ResponseScore, response_table, score_response
from .train import drawn_spectra

Models = tuple[Session, ResponseModel]
RIDGE_TRUE, RIDGE_WRONG = "ridge, true response", "ridge, 40 nm bumps"
KNOWN, CENTRES = "PGU-Net, true response", "PGU-Net, blind, centres given"
NO_STF, ALONE = "PGU-Net, centres given, STF module off", "PGU-Net, blind, no centres"
BUMPS = "40 nm bumps"
_RIDGE_SPECTRA = 60_000
_NOISE = 0.0003, 0.001  # deviations of the bands to which ridge regression is fitted: additive, relative


@dataclass
class Findings:
    """What was measured."""

    images: list[tuple[str, Score]] = field(default_factory=list)
    responses: list[ResponseScore] = field(default_factory=list)


def open_models(path: Path) -> Models:
    """Both files of a model."""
    return Session.open(path, "cpu", constants=True), ResponseModel(path)


def run_blind(
    models: Models, msi: np.ndarray, centres: Sequence[float] = (), refine: bool = True
) -> tuple[np.ndarray, Camera]:
    """Lift an image ``(c, H, W)``; returns ``(C, H, W)`` and the camera."""
    sinks, make_sink = array_sinks()
    lifting = LiftOptions(scale=1.0, offset=0.0, data_type="float32")
    options = BlindOptions(tuple(centres), lifting, refine)
    report = blind_scene(ArraySource(msi), make_sink, models, options)
    return sinks[0].pixels, report.camera


def run_with(models: Models, msi: np.ndarray, responses: Sequence[np.ndarray], stage: int = 0) -> np.ndarray:
    """Lift with given responses of the stages and the last one; by the first ``stage`` stages if not zero."""
    session, model = models
    session.constants = constants(model, responses)
    if not stage:
        return session.run(msi)
    state = session.run(msi, output=f"state_{stage}")
    left = msi - np.tensordot(session.constants["stf"], state, axes=1)
    return np.maximum(state + np.tensordot(session.constants["stf_back"], left, axes=1), 0.0)


def ridge_for(response: np.ndarray, spectra: np.ndarray) -> Regression:
    """Ridge regression trained for a response ``(c, C)`` on spectra ``(n, C)``."""
    bands = spectra @ response.T
    noise = np.random.default_rng(0).standard_normal(bands.shape)
    return fit_ridge([(bands + noise * (_NOISE[0] + _NOISE[1] * bands), spectra)])


class Bench:
    """Measures one model on all cases.

    Args:
        models: both files.
        folder: of real data.
        maker: draws what ridge regression is trained on.
    """

    def __init__(self, models: Models, folder: Path, maker: SceneMaker) -> None:
        self.models, self.grid = models, models[0].card.output.grid
        self.grid = replace(self.grid, name=maker.target.name)
        self.collections: list[Collection] = load_collections(folder)
        self.cases = cases(folder, self.grid)
        self.spectra = drawn_spectra(maker, _RIDGE_SPECTRA).astype(np.float64)
        self.found = Findings()

    def scenes(self, case: Case) -> Iterator[tuple[HeldOutScene, np.ndarray]]:
        """Held-out scenes and all their tiles below each other, ``(c, H, W)``: one scene has one response."""
        for scene in seen_scenes(self.collections, case, self.grid):
            yield scene, np.concatenate(list(scene.msi), axis=1)

    def run(self, alone: bool = True, stages: bool = True) -> Findings:
        """All methods on all cases; ``alone`` and ``stages`` tell whether the slow ones take part."""
        for case in self.cases:
            true, wrong = (ridge_for(r, self.spectra) for r in (case.response, bumps(case, self.grid)))
            for scene, image in self.scenes(case):
                self._score(case, scene, RIDGE_TRUE, true.predict(image))
                self._score(case, scene, RIDGE_WRONG, wrong.predict(image))
                self._blind(case, scene, image, alone, stages)
        return self.found

    def _blind(self, case: Case, scene: HeldOutScene, image: np.ndarray, alone: bool, stages: bool) -> None:
        count = self.models[1].stages
        self._score(case, scene, KNOWN, run_with(self.models, image, [case.response] * (count + 1)))
        result, camera = run_blind(self.models, image, case.centre_nm)
        self._score(case, scene, CENTRES, result)
        self._response(case, scene, CENTRES, camera, camera.stf)
        for stage in range(1, count) if stages else ():
            part = run_with(self.models, image, camera.responses, stage)
            self._score(case, scene, f"{CENTRES}, {stage} of {count} stages", part)
        result, camera = run_blind(self.models, image, case.centre_nm, refine=False)
        self._score(case, scene, NO_STF, result)
        self._response(case, scene, NO_STF, camera, camera.stf)
        self._response(case, scene, BUMPS, None, bumps(case, self.grid))
        if alone:
            result, camera = run_blind(self.models, image)
            self._score(case, scene, ALONE, result)
            self._response(case, scene, ALONE, camera, camera.stf)

    def _score(self, case: Case, scene: HeldOutScene, method: str, image: np.ndarray) -> None:
        tiles = np.stack(np.split(image, len(scene.msi), axis=1))
        self.found.images.append((case.name, score_estimate(scene, method, tiles).whole))

    def _response(
        self, case: Case, scene: HeldOutScene, method: str, camera: Camera | None, estimate: np.ndarray
    ) -> None:
        deviations = None
        if camera is not None:
            deviations = camera.found.centre_deviation_nm, camera.found.width_deviation
        names = case.name, scene.name, method
        self.found.responses.append(score_response(names, estimate, case.response, self.grid, deviations))


def image_table(found: Findings) -> str:
    """Means over scenes of each camera and method, and over the cameras held out, as a Markdown table."""
    lines = ["| camera | method | PSNR dB | SAM deg | RMSE | SSIM |", "|---|---|---|---|---|---|"]
    names = list(dict.fromkeys(name for name, _ in found.images))
    groups = {name: (name,) for name in names}
    groups["**mean without the drone's**"] = tuple(name for name in names if name != P4M)
    for title, members in groups.items():
        group = [one for name, one in found.images if name in members]
        for method in dict.fromkeys(one.method for one in group):
            means = mean_scores(group, method)
            lines.append(
                "| {} | {} | {:.2f} | {:.2f} | {:.4f} | {:.4f} |".format(title, method, *means.values())
            )
    return "\n".join(lines) + "\n"


def gap_table(found: Findings) -> str:
    """Share of the gap between ridge regression for bumps and for the true response that is closed."""
    lines = ["| camera | gap dB | " + CENTRES + " | " + ALONE + " |", "|---|---|---|---|"]
    names = list(dict.fromkeys(name for name, _ in found.images))
    held_out = [name for name in names if name != P4M]
    for title, members in {
        **{name: (name,) for name in names},
        "**mean without the drone's**": held_out,
    }.items():
        group = [one for name, one in found.images if name in members]
        psnr = {method: mean_scores(group, method)["psnr"] for method in {one.method for one in group}}
        gap = psnr[RIDGE_TRUE] - psnr[RIDGE_WRONG]
        shares = [
            f"{psnr[one] - psnr[RIDGE_WRONG]:+.2f} dB, {100 * (psnr[one] - psnr[RIDGE_WRONG]) / gap:.0f} %"
            if one in psnr
            else ""
            for one in (CENTRES, ALONE)
        ]
        lines.append(f"| {title} | {gap:.2f} | {shares[0]} | {shares[1]} |")
    return "\n".join(lines) + "\n"


def spread_table(found: dict[str, Findings]) -> str:
    """Several models (seeds) with centres given: mean PSNR and angle of each, their mean and deviation."""
    lines = ["| model | PSNR dB | SAM deg |", "|---|---|---|"]
    values = []
    for name, one in found.items():
        means = mean_scores([score for camera, score in one.images if camera != P4M], CENTRES)
        values.append((means["psnr"], means["sam"]))
        lines.append(f"| {name} | {means['psnr']:.2f} | {means['sam']:.2f} |")
    table = np.array(values)
    mean, deviation = table.mean(axis=0), table.std(axis=0, ddof=1)
    cells = [f"{value:.2f} ± {away:.2f}" for value, away in zip(mean, deviation)]
    lines.append(f"| **mean and deviation** | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def held_out_table(path: Path, folder: Path, scenes: SceneConfig) -> tuple[str, dict[str, object]]:
    """The table for a model's card, and its scores, without the slow methods.

    ``scenes`` are those that ridge regression is trained on.
    """
    found = Bench(open_models(path), folder, scene_maker(scenes, folder)).run(alone=False, stages=False)
    text = image_table(found) + "\n" + response_table(found.responses)
    return text, {"held_out": _card_scores(found.images)}


def _card_scores(images: Sequence[tuple[str, Score]]) -> list[dict[str, object]]:
    """Means over the scenes of each camera and method, in few digits: every copy of the model holds them."""
    rows = []
    for camera in dict.fromkeys(name for name, _ in images):
        group = [score for name, score in images if name == camera]
        for method in dict.fromkeys(score.method for score in group):
            means = {name: round(value, 4) for name, value in mean_scores(group, method).items()}
            rows.append({"camera": camera, "method": method, **means})
    return rows


def evaluate(
    model: Path,
    output: Path,
    data: Path | None = None,
    models: Sequence[Path] = (),
    further: Sequence[HeldOutScene] = (),
    perceptron: None = None,
) -> Path:
    """Write ``report.html`` and ``scores.md`` about a model; returns the report's path.

    Args:
        model: the ONNX file of a grid, with its second file beside it.
        output: folder for the report.
        data: folder of real cubes, libraries and responses (see :mod:`..data.spectra`).
        models: the same model of other seeds, whose spread is reported.
        further: refused: pairs have one camera, whose response is known.
        perceptron: of no use here: no such network is compared with.

    Raises:
        HyperLiftError: further scenes were given, or a model file cannot be used.
        FileNotFoundError: there is no such folder of data.
    """
    if further:
        raise HyperLiftError("PGU-Net is measured through held-out cameras, not on pairs; leave out --pairs.")
    torch.set_num_threads(1)
    folder = data_folder(data)
    output.mkdir(parents=True, exist_ok=True)
    opened = open_models(model)
    # The card names the model as its configuration, whatever the file is called.
    maker = scene_maker(configuration(opened[0].card.name).scenes, folder)
    found = Bench(opened, folder, maker).run()
    parts: dict[str, Callable[[], str]] = {
        f"# {opened[0].card.title}": lambda: "",
        "## Images, means over the held-out scenes": lambda: image_table(found),
        "## Gap between a wrong and the true response": lambda: gap_table(found),
        "## Responses, medians over bands and scenes": lambda: response_table(found.responses),
        "## Hyperion and ALI over Paris": lambda: pair_table(opened, folder),
    }
    if models:
        seeds = {str(path): Bench(open_models(path), folder, maker).run(False, False) for path in models}
        parts["## Seeds"] = lambda: spread_table({str(model): found, **seeds})
    text = "\n".join(f"{title}\n\n{body()}" for title, body in parts.items())
    (output / "scores.md").write_text(text, encoding="utf-8")
    report = output / "report.html"
    report.write_text(
        f"<!DOCTYPE html><meta charset='utf-8'><title>PGU-Net</title><pre>{escape(text)}</pre>\n",
        encoding="utf-8",
    )
    return report
