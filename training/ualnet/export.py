"""From a checkpoint of UALNet to its model file, the discriminator's gradient in its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hyperlift.core.networks.ualnet.config import SCALE
from hyperlift.core.networks.ualnet.statistics import Statistics

from ..data.fine import fine_held_out_scenes
from ..data.scenes import scene_maker
from ..data.spectra import data_folder, load_collections
from ..evaluation.scores import score
from ..explains2a.cards import band_estimators
from ..halo import measure_halo, rough_images
from ..model_files import check_parity, open_graph, round_to_half, seal, write_graph
from ..runs import open_task
from .cards import GATHERED, STATISTICS, card_text, make_card
from .config import CONFIGS
from .task import UnfoldingTask

_TILE = 96  # 192 pixels of the output: its 186 bands fill 27 MB, features several times that
_ROUGH = 128  # side of the images on which the halo is measured


class Deployed(nn.Module):
    """What is exported: the whole way, no negative reflectance, large weights as they are stored.

    ``msi (1, c, H, W)`` and ``statistics (1, S)``, NaN where they are to be computed, ->
    ``hsi (1, C, 2H, 2W)`` and the statistics that were used.
    """

    def __init__(self, task: UnfoldingTask) -> None:
        super().__init__()
        self.task = deepcopy(task).float().eval().requires_grad_(False)
        self.task.critic = None  # its copy inside the network is what counts
        round_to_half(self.task)
        self.eval()  # the exporter leaves a module in the mode in which it was

    @property
    def bands(self) -> int:
        """Number of bands of the input."""
        return self.task.network.config.bands

    def forward(self, msi: Tensor, statistics: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Lift one image."""
        used = Statistics(statistics)
        hsi = F.relu(self.task(msi, used).hsi)
        return hsi, used.gathered()


class ImageAlone(nn.Module):
    """The image alone, with its own statistics, as parity is checked."""

    def __init__(self, module: Deployed) -> None:
        super().__init__()
        self.module = module

    def forward(self, msi: Tensor) -> Tensor:
        """Lift one image."""
        image: Tensor = self.module(msi)[0]
        return image


def lift_with(module: Deployed) -> Callable[[np.ndarray], np.ndarray]:
    """A module as a function ``(c, H, W)`` -> ``(C, 2H, 2W)``, each image with its own statistics."""

    @torch.no_grad()
    def lift(msi: np.ndarray) -> np.ndarray:
        return module(torch.from_numpy(msi[None].astype(np.float32)))[0][0].numpy()

    return lift


def open_lift(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A model file, or a checkpoint as it would be exported, as such a function."""
    if path.suffix == ".ckpt":
        task = open_task(UnfoldingTask, path)
        return lift_with(Deployed(task))
    run = open_graph(path)
    return lambda msi: run(msi=msi[None].astype(np.float32))[0][0]


def local_halo(module: Deployed) -> int:
    """Halo of a network whose scene's statistics are given: those of the whole rough images."""
    images = rough_images(module.bands, _ROUGH)
    with torch.no_grad():
        given = torch.cat([module(image[None])[1] for image in images])
    return measure_halo(lambda some: module(some, given)[0], images, SCALE)


def export_checkpoint(checkpoint: Path, path: Path, data: Path | None = None) -> tuple[float, int]:
    """Export a checkpoint with a complete card; returns the difference from torch and the measured halo.

    Accuracy on the held-out scenes is measured on the exported file and written into its card.
    """
    task = open_task(UnfoldingTask, checkpoint)
    scenes = CONFIGS["ualnet"].scenes
    estimating = scene_maker(replace(scenes, sides=(12, 24), pixels=4608), data)
    halo = local_halo(Deployed(task))
    card = make_card(task, scenes.target, band_estimators(estimating), halo, _TILE)
    difference = export(task, path, card)
    lift = open_lift(path)
    held_out = fine_held_out_scenes(load_collections(data_folder(data)), scenes.target)
    scores = [score(scene, card["name"], lift) for scene in held_out]
    seal(path, {**card, "accuracy": {"held_out": [asdict(one) for one in scores]}})
    path.with_suffix(".md").write_text(card_text(card, scores), encoding="utf-8")
    return difference, halo


def export(task: UnfoldingTask, path: Path, card: Mapping[str, object]) -> float:
    """Write the model file; returns the largest difference between onnxruntime and torch.

    Raises:
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    module, random = Deployed(task), torch.Generator().manual_seed(0)
    sizes = (16, 20), (1, 1), (33, 70)
    images = [{"msi": 0.6 * torch.rand(1, module.bands, *size, generator=random)} for size in sizes]
    with torch.no_grad():
        gathered = module(images[0]["msi"])[1]
    unknown = torch.full_like(gathered, torch.nan)
    free = {"msi": {2: "height", 3: "width"}, "hsi": {2: "fine_height", 3: "fine_width"}}
    write_graph(module, {**images[0], STATISTICS: unknown}, ["hsi", GATHERED], path, free)
    _make_optional(path, unknown.numpy())
    seal(path, card)
    return check_parity(ImageAlone(module), path, images)


def _make_optional(path: Path, unknown: np.ndarray) -> None:
    """Give the graph's input of statistics a default, "compute from this array"."""
    model = onnx.load(path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(unknown, STATISTICS))
    onnx.save(model, path)
