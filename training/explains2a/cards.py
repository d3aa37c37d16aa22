"""Model cards: what a model file says of itself, for the scene runner and for people."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from torch import nn

from hyperlift.core.spectral import grid, sensor
from hyperlift.core.version import plugin_version

from ..data.scenes import SceneMaker
from ..data.spectra import HELD_OUT, SOURCES
from ..evaluation.scores import Score, markdown_table
from ..model_files import NO_DIGEST
from ..regression import fit_ridge
from .task import LiftingTask

_SENSOR = sensor("sentinel2a")
# Bands that common ten-band stacks lack; the card tells how to estimate them from the rest.
_OFTEN_MISSING = ("B1", "B9")
_SCALE = 1e-4  # reflectance per digital number of Sentinel-2 products (QUANTIFICATION_VALUE 10000)


def band_estimators(maker: SceneMaker, batches: int = 60) -> dict[str, dict[str, object]]:
    """Ridge regressions of the bands that ten-band stacks lack from those that they have."""
    names = np.array(_SENSOR.band_names)
    missing = np.isin(names, _OFTEN_MISSING)

    def pixels(number: int) -> tuple[np.ndarray, np.ndarray]:
        batch = maker.batch(np.random.default_rng([2, number]))
        table = batch.msi.permute(0, 2, 3, 1).flatten(0, 2).numpy()
        return table[:, ~missing], table[:, missing]

    fit = fit_ridge(pixels(number) for number in range(batches))
    return {
        str(name): {
            "intercept": round(float(bias), 6),
            "weights": {str(band): round(float(w), 6) for band, w in zip(names[~missing], weights)},
        }
        for name, weights, bias in zip(names[missing], fit.weight, fit.bias)
    }


def card_input(estimators: dict[str, dict[str, object]]) -> dict[str, object]:
    """What a model of Sentinel-2 takes; ``estimators`` as from :func:`band_estimators`."""
    return {
        "name": "msi",
        "bands": _SENSOR.band_names,
        "centre_nm": _SENSOR.centre_nm.tolist(),
        "width_nm": _SENSOR.width_nm.tolist(),
        "units": "reflectance",
        "scale": _SCALE,
        "estimators": estimators,
    }


def card_output(target: str) -> dict[str, object]:
    """What a model gives whose target is the grid of that name."""
    output = grid(target)
    return {
        "name": "hsi",
        "wavelength_nm": output.wavelength_nm.tolist(),
        "fwhm_nm": output.fwhm_nm.tolist(),
        "units": "reflectance",
    }


def parameters(part: nn.Module | None) -> int:
    """Number of weights that are trained."""
    return 0 if part is None else sum(weight.numel() for weight in part.parameters())


def make_card(
    task: LiftingTask, target: str, estimators: dict[str, dict[str, object]], halo: int, tile: int
) -> dict[str, object]:
    """The model card, in the vocabulary that the scene runner reads (STAC MLM where it has a word)."""
    parts = {"": task.network, "sharpening_": task.sharpening, "experts_": task.experts}
    return {
        "name": "explains2a",
        "title": "ExplainS2A: Sentinel-2 to 172 AVIRIS bands",
        "architecture": "ExplainS2A",
        "version": plugin_version(),
        "licence": "GPL-3.0-or-later",
        "sensor": "sentinel2",
        "input": card_input(estimators),
        "output": card_output(target),
        "scale_factor": 1,
        "halo": halo,
        "tile": tile,
        "training": {
            **{f"{name}parameters": parameters(part) for name, part in parts.items()},
            "steps": task.schedule.steps,
            "network": asdict(task.network.config),
            "data": f"Synthetic scenes of {SOURCES}, and pieces of the scenes, seen through Sentinel-2A, B "
            "and C at one resolution and at native footprints; the experts also scenes with the texture of "
            "real Sentinel-2 images, the sharpening these images.",
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
        f"Version {card['version']}, {card['licence']}, {training['parameters']:,} parameters and "
        f"{training['sharpening_parameters']:,} of the sharpening before it and "
        f"{training['experts_parameters']:,} of the experts beside it, "
        f"{training['steps']:,} optimiser steps. Input: {', '.join(card['input']['bands'])} as reflectance "
        f"on one grid. Output: {len(card['output']['wavelength_nm'])} AVIRIS channels as reflectance.\n\n"
        f"Trained on: {training['data']}\n\nAccuracy on real scenes of areas that training never saw, "
        "seen through Sentinel-2A (`python -m hyperlift.training export`):\n\n" + markdown_table(scores)
    )
