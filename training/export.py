"""From a checkpoint to a model file: one ONNX graph with its card in the metadata.

Opset 17 and IR 8 load in onnxruntime 1.17. The graph's last steps bring the result closer to
agreement with the bands and clip negative reflectance. Large weights are stored in half precision, which
halves the file; the runtime computes in single precision.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hyperlift.core.spectral import grid, sensor

from .baselines import ridge
from .cards import NO_DIGEST, band_estimators, card_text, make_card
from .config import CONFIGS
from .scenes import scene_maker
from .scores import held_out_scenes, score
from .sensing import Observer, View
from .spectra import WORKING_GRID, data_folder, load_collections
from .task import LiftingTask

_OPSET = 17
_TILE = 256
_RIDGE_BATCHES = 150
# Kernels of convolutions; the small tables of the data steps and of the agreement stay as they are.
_LARGE = 10_000


class Deployed(nn.Module):
    """What is exported: the network, its agreement with the bands, no negative reflectance.

    ``msi (1, c, H, W)`` -> ``hsi (1, C, H, W)``. Large weights are rounded to half precision, as they are
    stored.
    """

    def __init__(self, task: LiftingTask) -> None:
        super().__init__()
        self.task = deepcopy(task).to(memory_format=torch.contiguous_format).float().eval()
        for weight in self.task.parameters():
            if weight.numel() >= _LARGE:
                weight.data = weight.data.half().float()

    @property
    def bands(self) -> int:
        """Number of bands of the input."""
        return self.task.network.config.bands

    def forward(self, msi: Tensor) -> Tensor:
        """Lift one image."""
        return F.relu(self.task(msi)[1])


def measure_halo(module: Deployed, tolerance: float = 2e-5) -> int:
    """Pixels around a tile that its result depends on by more than ``tolerance`` reflectance.

    Measured on a rough random image, where far pixels matter most, at one resolution and at native
    footprints; a multiple of eight.
    """
    side, core = 176, 16
    sharp = 0.6 * np.random.default_rng(2).random((module.bands, side, side), dtype=np.float32)
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    image = torch.from_numpy(np.stack([sharp, observer.degrade(sharp, View(native=True))]))
    middle = (side - core) // 2

    def result(halo: int) -> Tensor:
        near = slice(middle - halo, middle + core + halo)
        with torch.no_grad():
            return module(image[:, :, near, near])[:, :, halo : halo + core, halo : halo + core]

    whole = result(middle)
    for halo in range(8, middle, 8):
        if (result(halo) - whole).abs().max() < tolerance:
            return halo
    return middle


def export_checkpoint(checkpoint: Path, path: Path, data: Path | None = None) -> tuple[float, int]:
    """Export a checkpoint with a complete card; returns the difference from torch and the measured halo.

    Accuracy on the held-out scenes is measured on the exported file and written into its card.
    """
    task = LiftingTask.load_from_checkpoint(checkpoint, map_location="cpu", weights_only=False)
    collections = load_collections(data_folder(data))
    maker = scene_maker(CONFIGS["explains2a"].scenes, data)
    halo = measure_halo(Deployed(task))
    card = make_card(task, maker.config.target, band_estimators(maker), halo, _TILE)
    difference = export(task, path, card)
    methods = {
        "ridge, one resolution": ridge(maker.at_one_resolution(), _RIDGE_BATCHES),
        "ridge, both": ridge(maker, _RIDGE_BATCHES),
        card["name"]: open_model(path),
    }
    scores = [
        score(scene, name, lift)
        for scene in held_out_scenes(collections, maker.config.target)
        for name, lift in methods.items()
    ]
    seal(path, {**card, "accuracy": {"held_out": [asdict(one) for one in scores]}})
    path.with_suffix(".md").write_text(card_text(card, scores), encoding="utf-8")
    return difference, halo


def store_in_half(path: Path) -> None:
    """Store the large weights of a model file in half precision, with the casts that bring them back."""
    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def seal(path: Path, card: dict[str, object]) -> None:
    """Write a card into a model file, with the digest of the file.

    The digest is the SHA-256 of the file with the digest's own 64 digits as zeros, so it can be checked with
    the standard library alone.
    """
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"card": json.dumps({**card, "digest": NO_DIGEST})})
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(NO_DIGEST.encode(), b"sha256:" + digest))


def export(task: LiftingTask, path: Path, card: dict[str, object]) -> float:
    """Write the model file; returns the largest difference between onnxruntime and torch.

    Raises:
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    module = Deployed(task)
    example = torch.rand(1, module.bands, 40, 56, generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        # The exporter to plain opset 17 is the one that torch now calls legacy.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            module,
            (example,),
            path,
            input_names=["msi"],
            output_names=["hsi"],
            dynamic_axes={"msi": {2: "height", 3: "width"}, "hsi": {2: "height", 3: "width"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    store_in_half(path)
    seal(path, card)
    difference = parity(module, path)
    if difference >= 1e-4:
        path.unlink()
        raise ValueError(f"The exported graph differs from torch by {difference:.1e}, more than 1e-4.")
    return difference


def open_model(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A model file as a function ``(c, H, W) -> (C, H', W')``, without tiling."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda msi: session.run(None, {"msi": msi[None].astype(np.float32)})[0][0]


def parity(module: Deployed, path: Path) -> float:
    """Largest difference between a model file under onnxruntime and its torch module, over several sizes."""
    lift = open_model(path)
    random = torch.Generator().manual_seed(1)
    worst = 0.0
    for size in ((1, 1), (33, 70), (128, 96)):
        msi = 0.6 * torch.rand(1, module.bands, *size, generator=random)
        with torch.no_grad():
            expected = module(msi).numpy()
        worst = max(worst, float(np.abs(lift(msi[0].numpy()) - expected[0]).max()))
    return worst
