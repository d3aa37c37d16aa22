"""Model cards of PGU-Net: what its files say of themselves, for the scene runner and for people."""

from __future__ import annotations

from dataclasses import asdict

from hyperlift.core.inference.blind_camera import FEWEST, MOST
from hyperlift.core.inference.card import ANY_SENSOR
from hyperlift.core.networks.pgunet import PGUNet
from hyperlift.core.spectral import grid
from hyperlift.core.version import plugin_version

from ..data.spectra import HELD_OUT, SOURCES
from ..model_files import NO_DIGEST
from .responses import HELD_OUT_CAMERAS
from .task import PGUNetTask

_SCALE = 1e-4  # reflectance per digital number where a file of whole numbers states none


def model_name(task: PGUNetTask) -> str:
    """Name of the model on a task's grid, which is a configuration's too."""
    return f"pgunet-{task.config.scenes.target}"


def make_card(task: PGUNetTask, network: PGUNet) -> dict[str, object]:
    """The card, without halo and accuracy."""
    output = grid(task.config.scenes.target)
    return {
        "name": model_name(task),
        "title": f"PGU-Net: any camera of {FEWEST} to {MOST} bands to {len(output)} bands ({output.name})",
        "architecture": "PGU-Net",
        "version": plugin_version(),
        "licence": "GPL-3.0-or-later",
        "sensor": ANY_SENSOR,
        "input": {"name": "msi", "units": "reflectance", "scale": _SCALE},
        "output": {
            "name": "hsi",
            "wavelength_nm": output.wavelength_nm.tolist(),
            "fwhm_nm": output.fwhm_nm.tolist(),
            "units": "reflectance",
        },
        "scale_factor": 1,
        "halo": 0,
        "tile": 16,
        "training": {
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "steps": task.config.schedule.steps,
            "network": asdict(task.config.network),
            "data": f"Synthetic scenes of {SOURCES}, pieces of the scenes, and scenes with the texture of "
            "Sentinel-2 images, seen through invented cameras and through Sentinel-2A, B and C, WorldView-2, "
            "RapidEye, PlanetScope SD5 and consumer cameras, shifted and stretched.",
            "held_out": list(HELD_OUT),
            "held_out_cameras": list(HELD_OUT_CAMERAS),
        },
        "accuracy": {},
        "digest": NO_DIGEST,
    }


def card_text(card: dict[str, object], table: str) -> str:
    """The card for people, as Markdown."""
    training = card["training"]
    return (
        f"# {card['title']}\n\n"
        f"Version {card['version']}, {card['licence']}, {training['parameters']:,} parameters, "
        f"{training['steps']:,} optimiser steps, {training['network']['stages']} stages. Input: {FEWEST} to "
        f"{MOST} bands of any camera as reflectance. Output: {len(card['output']['wavelength_nm'])} channels "
        "as reflectance, and the camera's response.\n\n"
        f"Trained on: {training['data']}\n\nOn real scenes of areas that training never saw, seen through "
        "cameras that it never saw:\n\n" + table
    )
