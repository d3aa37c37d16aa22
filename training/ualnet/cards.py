"""The model card of UALNet, for the scene runner and for people."""

from __future__ import annotations

from dataclasses import asdict

from hyperlift.core.networks.ualnet.config import SCALE
from hyperlift.core.version import plugin_version

from ..data.spectra import HELD_OUT, SOURCES
from ..evaluation.scores import Score, markdown_table
from ..explains2a.cards import card_input, card_output, parameters
from ..model_files import NO_DIGEST
from .task import UnfoldingTask

STATISTICS, GATHERED = "statistics", "gathered"
_WINDOW, _WINDOWS = 48, 5


def make_card(
    task: UnfoldingTask, target: str, estimators: dict[str, dict[str, object]], halo: int, tile: int
) -> dict[str, object]:
    """The model card, in the vocabulary that the scene runner reads."""
    parts = {
        "": task.network.unfolding,
        "prior_net_": task.network.prior_net,
        "discriminator_": task.network.discriminator,
        "sharpening_": task.sharpening,
        "experts_": task.experts,
    }
    return {
        "name": "ualnet",
        "title": "UALNet: Sentinel-2 to 186 AVIRIS bands at half the pixel size",
        "architecture": "UALNet",
        "version": plugin_version(),
        "licence": "GPL-3.0-or-later",
        "sensor": "sentinel2",
        "input": card_input(estimators),
        "output": card_output(target),
        "scale_factor": SCALE,
        "halo": halo,
        "tile": tile,
        "statistics": {"name": STATISTICS, "gathered": GATHERED, "window": _WINDOW, "windows": _WINDOWS},
        "training": {
            **{f"{name}parameters": parameters(part) for name, part in parts.items()},
            "steps": task.schedule.steps,
            "network": asdict(task.network.config),
            "data": f"Synthetic scenes, taken for 5 m, of {SOURCES}, with the texture of real Sentinel-2 "
            "images, and pieces of the scenes, seen through Sentinel-2A, B and C at 10 m and at native "
            "footprints; PriorNet also these images; the sharpening is ExplainS2A's.",
            "held_out": list(HELD_OUT),
        },
        "accuracy": {},
        "digest": NO_DIGEST,
    }


def card_text(card: dict[str, object], scores: list[Score]) -> str:
    """The card for people, as Markdown."""
    training = card["training"]
    return (
        f"# {card['title']}\n\n"
        f"Version {card['version']}, {card['licence']}. Parameters: {training['parameters']:,} of the "
        f"unfolding, {training['prior_net_parameters']:,} of PriorNet, "
        f"{training['discriminator_parameters']:,} of the discriminator, whose gradient steers every result, "
        f"{training['sharpening_parameters']:,} of the sharpening before them and "
        f"{training['experts_parameters']:,} of the experts whose estimate they start from. Input: "
        f"{', '.join(card['input']['bands'])} as reflectance on one 10 m grid, and optionally statistics of "
        "the scene, which the scene runner gathers first. Output: "
        f"{len(card['output']['wavelength_nm'])} AVIRIS channels as reflectance, two by two pixels for each "
        f"of the input.\n\nTrained on: {training['data']}\n\nAccuracy on real scenes of areas that training "
        "never saw, taken for 5 m and seen through Sentinel-2A at 10 m "
        "(`python -m hyperlift.training export`):\n\n" + markdown_table(scores)
    )
