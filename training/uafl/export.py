"""From a checkpoint of UAFL to its model file."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from hyperlift.core.inference.models import SHARPENING
from hyperlift.core.inference.sharpening_card import INPUTS, OUTPUT
from hyperlift.core.networks.uafl import UAFL
from hyperlift.core.version import plugin_version

from ..data.spectra import HELD_OUT, data_folder
from ..model_files import NO_DIGEST, check_parity, round_to_half, seal, write_graph
from .evaluate import Result, held_out_results, result_table
from .scenes import CUBES
from .task import UAFLTask, load_task

PATCH, OVERLAP = 128, 32


class Deployed(nn.Module):
    """What is exported: the running mean of the network, large weights rounded as they are stored."""

    def __init__(self, network: UAFL) -> None:
        super().__init__()
        self.network = deepcopy(network).float().eval()
        round_to_half(self.network)

    def forward(self, abundances: Tensor, reference: Tensor) -> Tensor:
        """Residual abundances of one image, all (1, K, H, W)."""
        residual: Tensor = self.network(abundances, reference)
        return residual


def make_card(task: UAFLTask) -> dict[str, object]:
    """The model card that the scene runner reads."""
    config = task.network.config
    return {
        "name": "uafl",
        "task": SHARPENING,
        "title": "UAFL: a hyperspectral image sharpened with a photograph that does not line up",
        "architecture": "UAFL",
        "version": plugin_version(),
        "licence": "GPL-3.0-or-later",
        "maps": config.abundances,
        "patch": PATCH,
        "overlap": OVERLAP,
        "inputs": "abundances: upsampled, less the scene's mean, over its contrast; reference: these with "
        "the registered photograph's detail, in the same terms",
        "training": {
            "parameters": sum(weight.numel() for weight in task.network.parameters()),
            "steps": task.trained_steps,
            "network": asdict(config),
            "data": "Pieces of AVIRIS, NEON and other cubes and generated scenes of measured spectra, with a "
            "simulated camera, after registration.",
            "held_out": list(dict.fromkeys((*HELD_OUT, *CUBES))),
        },
        "accuracy": {},
        "digest": NO_DIGEST,
    }


def card_text(card: dict[str, object], results: Sequence[Result]) -> str:
    """The card for people, as Markdown."""
    training = card["training"]
    return (
        f"# {card['title']}\n\nVersion {card['version']}, {card['licence']}, {training['parameters']:,} "
        f"parameters, {training['steps']:,} optimiser steps of one pair. Inputs: {card['inputs']}. Output: "
        f"the residual of the abundances. One file for all scales.\n\nTrained on: {training['data']}\n\n"
        "The photograph is registered and its detail regressed before the network, which starts from that "
        "detail and corrects it; what each part brings is in `training/NOTES.md`.\n\n"
        "Accuracy on cubes of areas that training never saw, with photographs that lie elsewhere "
        "(`python -m hyperlift.training export`):\n\n" + result_table(results)
    )


def export(task: UAFLTask, path: Path) -> float:
    """Write the model file; returns the largest difference between onnxruntime and torch.

    Raises:
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    module, random = Deployed(task.average).eval(), torch.Generator().manual_seed(0)
    maps = task.network.config.abundances
    examples = [
        {name: torch.randn(1, maps, *size, generator=random) for name in INPUTS}
        for size in ((64, 96), (32, 32), (128, 128))
    ]
    free = {2: "height", 3: "width"}
    write_graph(module, examples[0], [OUTPUT], path, dict.fromkeys((*INPUTS, OUTPUT), free))
    seal(path, make_card(task))
    return check_parity(module, path, examples)


def export_checkpoint(checkpoint: Path, path: Path, data: Path | None = None) -> tuple[float, int]:
    """Export a checkpoint with a complete card; returns the difference from torch and a halo of 0.

    There is no halo, because the network runs on fixed squares. Accuracy on the held-out cubes of ``data`` is
    measured on the exported file, through the whole runner, and written into its card.

    Raises:
        FileNotFoundError: there is no such folder of data.
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    folder, task = data_folder(data), load_task(checkpoint)
    difference = export(task, path)
    results, card = held_out_results(path, folder), make_card(task)
    seal(path, {**card, "accuracy": {"held_out": [asdict(one) for one in results]}})
    path.with_suffix(".md").write_text(card_text(card, results), encoding="utf-8")
    return difference, 0
