"""From a checkpoint of PGU-Net to its two model files: the image's part, and what goes with it.

``pgunet-<grid>.onnx`` is :meth:`PGUNet.forward`, any number of bands; ``pgunet-<grid>-stf.onnx`` holds the
proximal networks of the response, the penalties and the mixture.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hyperlift.core.inference.blind_model import PENALTIES, TABLES, TARGETS, ResponseModel, response_file
from hyperlift.core.inference.blind_stages import constants
from hyperlift.core.networks.pgunet import PGUNet
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes
from hyperlift.core.spectral.grids import Grid

from ..data.spectra import data_folder
from ..model_files import check_parity, round_to_half, seal, write_graph
from .cards import card_text, make_card, model_name
from .task import PGUNetTask, load_task

_LARGE = 200  # weights of so many numbers are stored in half precision
_TILE = 128
_BANDS = (3, 5, 12)  # numbers of bands that parity is checked with


class ResponsePart(nn.Module):
    """``stf (c, C)`` -> targets of all stages, and as they are the penalties and the mixture's tables."""

    def __init__(self, task: PGUNetTask, network: PGUNet) -> None:
        super().__init__()
        self.p_nets = network.p_nets
        values = [getattr(task.mixture, name) for name in TABLES]
        values += [penalty.detach().numpy() for penalty in (network.alpha, network.beta)]
        for name, value in zip((*TABLES, *PENALTIES), values):
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)))

    def forward(self, stf: Tensor) -> tuple[Tensor, ...]:
        """All outputs, the targets first."""
        targets = torch.stack([net(stf) for net in self.p_nets])
        return targets, *(self.get_buffer(name).clone() for name in (*TABLES, *PENALTIES))


def deployed(task: PGUNetTask) -> PGUNet:
    """The network as it is stored, with weights and tables rounded to half precision."""
    network = deepcopy(task.network).float().eval()
    round_to_half(network, _LARGE)
    return network


def example(model: ResponseModel, on: Grid, bands: int, size: tuple[int, int]) -> dict[str, Tensor]:
    """Inputs of the image's graph for evenly spread bands, 60 nm wide, of a random image."""
    centre = np.linspace(on.wavelength_nm.min() + 20, min(on.wavelength_nm.max() - 20, 950.0), bands)
    response = BandShapes(on).rows(centre, np.full(bands, 60.0))
    tables = constants(model, [response] * (model.stages + 1))
    msi = 0.6 * torch.rand(1, bands, *size, generator=torch.Generator().manual_seed(bands))
    return {"msi": msi, **{name: torch.from_numpy(table) for name, table in tables.items()}}


class _Hsi(nn.Module):
    """The first output alone, for :func:`check_parity`."""

    def __init__(self, network: PGUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """As :class:`PGUNet`."""
        return self.network(*inputs)[0]


def measure_halo(network: PGUNet, model: ResponseModel, on: Grid, tolerance: float = 2e-5) -> int:
    """Pixels around a tile that its result depends on by more than ``tolerance``, a multiple of four."""
    core, most = 16, 48
    inputs = example(model, on, 6, (core + 2 * most,) * 2)
    image, rest = inputs.pop("msi"), tuple(inputs.values())

    def result(halo: int) -> Tensor:
        near = slice(most - halo, most + core + halo)
        with torch.no_grad():
            return network(image[:, :, near, near], *rest)[0][:, :, halo : halo + core, halo : halo + core]

    whole = result(most)
    found = (halo for halo in range(4, most, 4) if (result(halo) - whole).abs().max() < tolerance)
    return next(found, most)


def bundled_name(checkpoint: Path) -> str:
    """Name of the bundled model of a checkpoint's grid."""
    return model_name(load_task(checkpoint))


def export_checkpoint(checkpoint: Path, path: Path, data: Path | None = None) -> tuple[float, int]:
    """Export both files with complete cards; returns the difference from torch and the measured halo.

    Accuracy on the held-out scenes is measured on the exported files and written into the card.
    """
    task = load_task(checkpoint)
    difference, halo, card = export(task, path)
    from .evaluate import held_out_table  # it reads exported files, so it comes after

    table, accuracy = held_out_table(path, data_folder(data), task.config.scenes)
    seal(path, {**card, "accuracy": accuracy})
    path.with_suffix(".md").write_text(card_text(card, table), encoding="utf-8")
    return difference, halo


def export(task: PGUNetTask, path: Path) -> tuple[float, int, dict[str, object]]:
    """Write both files; returns the difference from torch, the halo, and the card without accuracy.

    Raises:
        ValueError: the difference is 1e-4 or more; no file of the image's part is left.
    """
    network, on = deployed(task), grid(task.config.scenes.target)
    card = make_card(task, network)
    part, second = ResponsePart(task, network).eval(), response_file(path)
    outputs = [TARGETS, *TABLES, *PENALTIES]
    free = {"stf": {0: "bands"}, TARGETS: {1: "bands"}}
    write_graph(part, {"stf": torch.full((4, len(on)), 1.0 / len(on))}, outputs, second, free, _LARGE)
    seal(second, {**card, "name": f"{card['name']}-stf", "title": f"{card['title']}: responses"})
    model = ResponseModel(path)
    halo = measure_halo(network, model, on)
    card = {**card, "halo": halo, "tile": _TILE}
    examples = [example(model, on, bands, size) for bands, size in zip(_BANDS, ((24, 40), (1, 1), (33, 20)))]
    write_graph(network, examples[0], ["hsi", *_states(task)], path, _axes(task), _LARGE)
    seal(path, card)
    return check_parity(_Hsi(network), path, examples), halo, card


def _states(task: PGUNetTask) -> list[str]:
    return [f"state_{number + 1}" for number in range(task.config.network.stages)]


def _axes(task: PGUNetTask) -> dict[str, dict[int, str]]:
    """Free axes of the image's graph."""
    size = {2: "height", 3: "width"}
    bands = {
        "stf": (0,), "stf_back": (1,), "responses": (1,), "backs": (2,), "centre": (1,), "whitening": (1, 2),
        "gain": (2,),
    }  # fmt: skip
    free = {name: dict.fromkeys(axes, "bands") for name, axes in bands.items()}
    return {"msi": {1: "bands", **size}, **free, **dict.fromkeys(("hsi", *_states(task)), size)}
