"""Evaluation of UALNet: accuracy at 5 m on held-out scenes, PriorNet by itself, real Sentinel-2 images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from torch.nn import functional as F

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.inference.session import Session
from hyperlift.core.networks.ualnet.interpolation import enlarge
from hyperlift.core.networks.ualnet.statistics import Statistics

from ..data.fine import fine_held_out_scenes
from ..data.scenes import scene_maker
from ..data.spectra import data_folder, load_collections
from ..evaluation.baselines import Method, by_tile
from ..evaluation.scores import FOOTPRINTS, HeldOutScene, Score, markdown_table, score_estimate
from ..explains2a.evaluate import lift_real
from ..runs import open_task
from .baselines import baselines, on_channels
from .config import CONFIGS
from .export import Deployed, lift_with
from .task import UnfoldingTask

_LESS = "aviris172"
_RESOLUTIONS = {"10 m": (1, 2, 3, 7), "20 m": (4, 5, 6, 8, 10, 11), "60 m": (0, 9)}


def without_adversary(module: Deployed) -> Deployed:
    """The same weights without the discriminator's gradient."""
    other = deepcopy(module)
    for stage in other.task.network.unfolding.stages:
        stage.projection = None
    return other


def without_unfolding(module: Deployed) -> Deployed:
    """The same weights, initial estimate only."""
    other = deepcopy(module)
    del other.task.network.unfolding.stages[:]
    return other


def without_start(module: Deployed) -> Deployed:
    """PriorNet and experts only: where the unfolding starts from."""
    other = without_unfolding(module)
    if other.task.network.unfolding.start is not None:
        torch.nn.init.zeros_(other.task.network.unfolding.start.tail.weight)
        torch.nn.init.zeros_(other.task.network.unfolding.start.tail.bias)
    return other


def parts_of(checkpoint: Path) -> dict[str, Method]:
    """What each part of a checkpoint brings, as methods."""
    task = open_task(UnfoldingTask, checkpoint)
    module, name = Deployed(task), f"{checkpoint.resolve().parent.name}/{checkpoint.stem}"
    takings = {
        "": lambda whole: whole,
        **({", no adversary at inference": without_adversary} if task.network.config.adversarial else {}),
        **({", initial estimate": without_unfolding} if task.network.config.initial_estimate else {}),
        ", experts on PriorNet's bands": without_start,
    }
    return {f"{name}{title}": by_tile(lift_with(take(module))) for title, take in takings.items()}


@torch.no_grad()
def bands_table(task: UnfoldingTask, scenes: Sequence[HeldOutScene]) -> str:
    """PSNR of the bands at 5 m by their resolution: bicubic, and PriorNet with what stands before it."""
    response = task.agreement.get_buffer("response")
    methods = {
        "bicubic": enlarge,
        "PriorNet": lambda msi: task.network.fine_bands(task.sharp(msi), Statistics()),
    }
    lines = [
        f"| footprints | bands by | {' | '.join(_RESOLUTIONS)} |",
        "|---|---|" + "---|" * len(_RESOLUTIONS),
    ]
    for footprints in FOOTPRINTS:
        for title, method in methods.items():
            found = []
            for scene in (one for one in scenes if one.footprints == footprints):
                truth = F.conv2d(torch.from_numpy(scene.hsi), response)
                error = (truth - method(torch.from_numpy(scene.msi))).square().mean(dim=(0, 2, 3))
                found.append(10.0 * (truth.amax(dim=(0, 2, 3)) ** 2 / error).log10())
            mean = torch.stack(found).mean(dim=0)
            cells = (f"{mean[list(bands)].mean():.2f}" for bands in _RESOLUTIONS.values())
            lines.append(f"| {footprints} | {title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _score_all(
    scenes: Sequence[HeldOutScene], methods: dict[str, Method], fewer: dict[str, Method]
) -> tuple[list[Score], list[Score]]:
    """Scores of ``methods`` on all channels, and of these and ``fewer`` on ExplainS2A's."""
    whole, part = [], []
    for scene in scenes:
        less, places = on_channels(scene, _LESS)
        for name, method in methods.items():
            estimate = method(scene)
            whole.append(score_estimate(scene, name, estimate).whole)
            part.append(score_estimate(less, name, estimate[:, places]).whole)
        part += [score_estimate(less, name, method(scene)).whole for name, method in fewer.items()]
    return whole, part


def evaluate(
    model: Path,
    output: Path,
    data: Path | None = None,
    models: Sequence[Path] = (),
    further: Sequence[HeldOutScene] = (),
    perceptron: None = None,
) -> Path:
    """Write ``report.md``, ``scores.md`` and ``scores.json`` about a model; returns the report's path.

    Args:
        model: an ONNX file with its card.
        output: folder for the report and its pictures.
        data: folder of real cubes, libraries and Sentinel-2 images.
        models: checkpoints of UALNet, to measure what each of their parts brings.
        further: refused: pairs lie on the same pixels.
        perceptron: of no use here; the experts are such.

    Raises:
        HyperLiftError: further scenes were given, or the model file cannot be used.
        FileNotFoundError: there is no such folder of data.
    """
    if further:
        raise HyperLiftError(
            "UALNet needs targets finer than its bands, not pairs on the same pixels; leave out --pairs."
        )
    output.mkdir(parents=True, exist_ok=True)
    folder = data_folder(data)
    session = Session.open(model, "cpu")
    config = CONFIGS["ualnet"].scenes
    scenes = list(fine_held_out_scenes(load_collections(folder), config.target))
    methods, fewer = baselines(scene_maker(config, folder), Session.open("explains2a", "cpu").run)
    methods[session.card.name] = by_tile(session.run)
    for checkpoint in models:
        methods |= parts_of(checkpoint)
    whole, part = _score_all(scenes, methods, fewer)
    tables = f"All channels\n\n{markdown_table(whole)}\nChannels of ExplainS2A\n\n{markdown_table(part)}"
    for checkpoint in models:
        task = open_task(UnfoldingTask, checkpoint).eval()
        tables += f"\nBands of {checkpoint}\n\n{bands_table(task, scenes)}"
    lines = ["\nReal images: median difference of the output, seen by the sensor, from the input\n"]
    for real in lift_real(model, folder, output):
        lines.append(f"* {real.name}: {real.report.consistency_median:.4f}\n\n![{real.name}]({real.picture})")
    (output / "scores.md").write_text(tables, encoding="utf-8")
    (output / "scores.json").write_text(json.dumps([asdict(one) for one in whole]), encoding="utf-8")
    report = output / "report.md"
    report.write_text(f"# {session.card.title}\n\n{tables}\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return report
