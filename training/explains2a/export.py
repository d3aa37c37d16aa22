"""From a checkpoint of ExplainS2A to its model file.

The graph's last steps bring the result closer to agreement with the bands and clip negative reflectance.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.scenes import scene_maker
from ..data.spectra import data_folder, load_collections
from ..evaluation.baselines import ridge
from ..evaluation.scores import held_out_scenes, score
from ..halo import measure_halo, rough_images
from ..model_files import check_parity, open_lift, round_to_half, seal, write_graph
from ..runs import open_task
from .cards import band_estimators, card_text, make_card
from .config import CONFIGS
from .task import LiftingTask

_TILE = 256
_RIDGE_BATCHES = 150


class Deployed(nn.Module):
    """What is exported: the network, its agreement with the bands, no negative reflectance.

    ``msi (1, c, H, W)`` -> ``hsi (1, C, H, W)``. Large weights are rounded to half precision, as they are
    stored.
    """

    def __init__(self, task: LiftingTask) -> None:
        super().__init__()
        self.task = deepcopy(task).to(memory_format=torch.contiguous_format).float().eval()
        round_to_half(self.task)

    @property
    def bands(self) -> int:
        """Number of bands of the input."""
        return self.task.network.config.bands

    def forward(self, msi: Tensor) -> Tensor:
        """Lift one image."""
        return F.relu(self.task(msi)[1])


def export_checkpoint(checkpoint: Path, path: Path, data: Path | None = None) -> tuple[float, int]:
    """Export a checkpoint with a complete card; returns the difference from torch and the measured halo.

    Accuracy on the held-out scenes is measured on the exported file and written into its card.
    """
    task = open_task(LiftingTask, checkpoint)
    collections = load_collections(data_folder(data))
    maker = scene_maker(CONFIGS["explains2a"].scenes, data)
    module = Deployed(task)
    halo = measure_halo(module, rough_images(module.bands))
    card = make_card(task, maker.config.target, band_estimators(maker), halo, _TILE)
    difference = export(task, path, card)
    methods = {
        "ridge, one resolution": ridge(maker.at_one_resolution(), _RIDGE_BATCHES),
        "ridge, both": ridge(maker, _RIDGE_BATCHES),
        card["name"]: open_lift(path),
    }
    scores = [
        score(scene, name, lift)
        for scene in held_out_scenes(collections, maker.config.target)
        for name, lift in methods.items()
    ]
    seal(path, {**card, "accuracy": {"held_out": [asdict(one) for one in scores]}})
    path.with_suffix(".md").write_text(card_text(card, scores), encoding="utf-8")
    return difference, halo


def export(task: LiftingTask, path: Path, card: dict[str, object]) -> float:
    """Write the model file; returns the largest difference between onnxruntime and torch.

    Raises:
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    module, random = Deployed(task), torch.Generator().manual_seed(0)
    sizes = (40, 56), (1, 1), (33, 70), (128, 96)
    examples = [{"msi": 0.6 * torch.rand(1, module.bands, *size, generator=random)} for size in sizes]
    free = {2: "height", 3: "width"}
    write_graph(module, examples[0], ["hsi"], path, {"msi": free, "hsi": free})
    seal(path, card)
    return check_parity(module, path, examples)
