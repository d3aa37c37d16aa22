"""The evaluation of UAFL: held-out cubes with known misregistration, baselines, and real pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import numpy as np
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    spectral_angle_mapper,
    structural_similarity_index_measure,
)

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.fusion.subspace import Subspace
from hyperlift.core.inference.sharpening import sharpen_scene
from hyperlift.core.inference.sharpening_card import SharpeningSession
from hyperlift.core.inference.sharpening_report import SharpenOptions
from hyperlift.core.raster.arrays import ArraySource, array_sinks

from ..data.spectra import data_folder
from ..evaluation.scores import HeldOutScene
from .baselines import gsa, interpolate, matched_features, phase_correlation, warped
from .scenes import CUBES, REAL_PAIRS, Misregistered, load_cube, load_pair, misregistered

_SCALES = (4, 8)
_COARSE = 16  # for cubes that leave enough pixels
_FEWEST = 12  # of the coarse image along a side
_SEED = 7
_VIEWS = 2  # photographs of each cube
_MAPS = (2, 3, 5, 8)
_NONE, _OWN = "bicubic", "UAFL"


_Method = Callable[[Misregistered], np.ndarray]


@dataclass(frozen=True)
class Result:
    """Accuracy of a method on a scene: PSNR with each band's peak in dB, SSIM, angle in degrees."""

    scene: str
    scale: int
    method: str
    psnr: float
    ssim: float
    sam: float


def accuracy(truth: np.ndarray, estimate: np.ndarray) -> tuple[float, float, float]:
    """PSNR, SSIM and angle of an estimate, both (B, H, W); bands of one value do not count."""
    told = truth.max(axis=(1, 2)) > truth.min(axis=(1, 2))
    target, guess = (torch.from_numpy(cube[told].astype(np.float32)) for cube in (truth, estimate))
    peak = target.amax(dim=(1, 2), keepdim=True)
    target, guess = target / peak, guess / peak
    flat = (guess.flatten(1), target.flatten(1))
    angle = spectral_angle_mapper((guess * peak)[None], (target * peak)[None], reduction="none")
    return (
        float(peak_signal_noise_ratio(*flat, data_range=1.0, dim=1)),
        float(structural_similarity_index_measure(guess[None], target[None], data_range=1.0)),
        float(torch.rad2deg(angle.nanmean())),
    )


class _NoNetwork(SharpeningSession):
    """A session whose network stands where its training began: the detail of the photograph as it is."""

    def run(self, abundances: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Residual abundances ``(K, H, W)``."""
        return reference - abundances


def _methods(model: SharpeningSession) -> dict[str, _Method]:
    idle = _NoNetwork.open(model.path, "cpu")

    def intensity(scene: Misregistered) -> np.ndarray:
        return interpolate(scene.coarse, scene.scale).mean(axis=0)

    def aligned(scene: Misregistered, find: Callable[..., object], *more: object) -> np.ndarray:
        place = find(intensity(scene), scene.photo.mean(axis=0), *more)
        return gsa(scene.coarse, warped(scene.photo, place), scene.scale)

    return {
        _NONE: lambda scene: interpolate(scene.coarse, scene.scale),
        "GSA, not aligned": lambda scene: gsa(scene.coarse, scene.photo, scene.scale),
        "GSA, phase correlation": lambda scene: aligned(scene, phase_correlation),
        "GSA, features": lambda scene: aligned(scene, matched_features, scene.scale),
        "GSA, true affine": lambda scene: gsa(scene.coarse, warped(scene.photo, scene.place), scene.scale),
        "UAFL without its network": lambda scene: _sharpened(scene.coarse, scene.photo, scene.scale, idle),
        _OWN: lambda scene: _sharpened(scene.coarse, scene.photo, scene.scale, model),
        "oracle E E^T X, K = 3": lambda scene: oracle(scene, 3),
    }


def oracle(scene: Misregistered, maps: int) -> np.ndarray:
    """True abundances with the endmembers of the coarse image; the rest of the spectra interpolated."""
    coarse = scene.coarse
    subspace = Subspace.of(coarse.reshape(len(coarse), -1).T, maps, np.ones(len(coarse), bool))
    fine = interpolate(coarse, scene.scale)
    return fine + subspace.spectra(subspace.abundances(scene.truth) - subspace.abundances(fine))


def _sharpened(
    coarse: np.ndarray, photo: np.ndarray, scale: int, model: SharpeningSession, said: list[str] | None = None
) -> np.ndarray:
    """The sharpened image ``(B, H, W)``; what a user would be warned of is added to ``said``."""
    sinks, make_sink = array_sinks()
    options = SharpenOptions(scale=scale, data_type="float32")
    report = sharpen_scene(ArraySource(coarse), ArraySource(photo), make_sink, model, options)
    if said is not None:
        said += report.warnings
    return sinks[0].pixels


def held_out_results(model: Path, folder: Path) -> list[Result]:
    """Interpolation and a model file on one photograph of each held-out cube at each scale, for its card."""
    methods = _methods(SharpeningSession.open(model, "cpu"))
    return _results(_held_out(folder)[::_VIEWS], {name: methods[name] for name in (_NONE, _OWN)})


def evaluate(
    model: Path,
    output: Path,
    data: Path | None = None,
    models: Sequence[Path] = (),
    further: Sequence[HeldOutScene] = (),
    perceptron: None = None,
) -> Path:
    """Measure a model and write ``scores.md`` and pictures of the real pairs to ``output``.

    Args:
        model: the model file.
        output: folder.
        data: folder of real cubes.
        models: further model files, measured alike under their names.
        further: refused: such scenes have no photograph.
        perceptron: of no use here: no such network is compared with.

    Returns:
        The path of ``scores.md``.

    Raises:
        HyperLiftError: further scenes were given, or a model file cannot be used.
        FileNotFoundError: there is no such folder of data.
    """
    if further:
        raise HyperLiftError("UAFL is measured with photographs, not on pairs; leave out --pairs.")
    folder = data_folder(data)
    output.mkdir(parents=True, exist_ok=True)
    session = SharpeningSession.open(model, "cpu")
    methods = _methods(session)
    for other in models:
        opened = SharpeningSession.open(other, "cpu")
        methods[other.stem] = lambda scene, opened=opened: _sharpened(
            scene.coarse, scene.photo, scene.scale, opened
        )
    scenes = _held_out(folder)
    results = _results(scenes, methods)
    text = [f"# {model.name}", "", "## Held-out cubes, misregistered", "", result_table(results)]
    text += ["## Unrelated photographs", "", result_table(_unrelated(scenes, methods))]
    text += ["## Oracle by number of abundances", "", result_table(_oracles(scenes))]
    text += ["## Real pairs", "", *_real_pairs(folder, session, output)]
    report = output / "scores.md"
    report.write_text("\n".join(text) + "\n", encoding="utf-8")
    return report


def _held_out(folder: Path) -> list[Misregistered]:
    rng, scenes = np.random.default_rng(_SEED), []
    for name in CUBES:
        cube, wavelength = load_cube(folder, name)
        scenes += [misregistered(name, cube, wavelength, s, rng) for s in _SCALES for _ in range(_VIEWS)]
    for name in CUBES:
        cube, wavelength = load_cube(folder, name)
        if min(cube.shape[1:]) >= _FEWEST * _COARSE:
            scenes += [misregistered(name, cube, wavelength, _COARSE, rng) for _ in range(_VIEWS)]
    return scenes


def _results(scenes: Sequence[Misregistered], methods: Mapping[str, _Method]) -> list[Result]:
    return [
        Result(scene.name, scene.scale, name, *accuracy(scene.truth, method(scene)))
        for scene in scenes
        for name, method in methods.items()
    ]


def with_the_next_photograph(scenes: Sequence[Misregistered]) -> list[Misregistered]:
    """Every cube's scenes with the photographs of the next cube, of the same scale where it has that."""
    cubes: dict[str, list[Misregistered]] = {}
    for scene in scenes:
        cubes.setdefault(scene.name, []).append(scene)
    first, *others = cubes.values()
    return [
        replace(scene, photo=other.photo)
        for own, following in zip((first, *others), (*others, first))
        for scene, other in zip(own, cycle(following))
    ]


def _unrelated(scenes: Sequence[Misregistered], methods: Mapping[str, _Method]) -> list[Result]:
    return _results(with_the_next_photograph(scenes), {name: methods[name] for name in (_NONE, _OWN)})


def _oracles(scenes: Sequence[Misregistered]) -> list[Result]:
    return [
        Result(scene.name, scene.scale, f"K = {maps}", *accuracy(scene.truth, oracle(scene, maps)))
        for scene in scenes[::_VIEWS]
        for maps in _MAPS
    ]


def result_table(results: Sequence[Result]) -> str:
    """Results as a Markdown table of means over the photographs of each cube, and over cubes."""
    lines = ["| scale | scene | method | PSNR dB | SSIM | SAM deg |", "|---|---|---|---|---|---|"]
    for scale in dict.fromkeys(one.scale for one in results):
        group = [one for one in results if one.scale == scale]
        for place in (*dict.fromkeys(one.scene for one in group), "**mean**"):
            rows = [one for one in group if place in (one.scene, "**mean**")]
            for method in dict.fromkeys(one.method for one in rows):
                values = [(one.psnr, one.ssim, one.sam) for one in rows if one.method == method]
                cells = " | ".join(
                    f"{value:.{digits}f}" for value, digits in zip(np.mean(values, 0), (2, 4, 2))
                )
                lines.append(f"| x{scale} | {place} | {method} | {cells} |")
    return "\n".join(lines) + "\n"


def _real_pairs(folder: Path, model: SharpeningSession, output: Path) -> list[str]:
    """Sharpen the real pairs, whose truth is not known, and draw them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = []
    for name in REAL_PAIRS:
        image, photo = load_pair(folder, name)
        said: list[str] = []
        sharp = _sharpened(image, photo, 4, model, said)
        lines.append(
            f"* {name}: {image.shape[1]} x {image.shape[2]} to {sharp.shape[1]} x {sharp.shape[2]}. "
            + (" ".join(said) or "The reference was used in full.")
        )
        figure, axes = pyplot.subplots(1, 3, figsize=(15, 5))
        for axis, picture in zip(axes, (interpolate(image, 4), sharp, photo)):
            rgb = picture[[len(picture) * k // 8 for k in (3, 2, 1)]] if len(picture) > 3 else picture
            axis.imshow(np.clip(rgb / np.nanpercentile(rgb, 99), 0, 1).transpose(1, 2, 0))
            axis.set_axis_off()
        figure.savefig(output / f"{name}.png", bbox_inches="tight")
        pyplot.close(figure)
    return lines
