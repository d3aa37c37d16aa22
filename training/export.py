"""From a checkpoint to a model file: one ONNX graph with its card in the metadata.

Opset 17 and IR 8 load in onnxruntime 1.17. The graph's last step clips negative reflectance.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hyperlift.core.networks.explains2a import ExplainS2A
from hyperlift.core.spectral import Sensor, grid, sensor
from hyperlift.core.version import plugin_version

from .regression import fit_ridge
from .scenes import SceneMaker
from .spectra import HELD_OUT
from .task import LiftingTask

_OPSET = 17
_NO_DIGEST = "sha256:" + "0" * 64
_SENSOR = "sentinel2a"
# Bands that common ten-band stacks lack; the card tells how to estimate them from the rest.
_OFTEN_MISSING = ("B1", "B9")
_SCALE = 1e-4  # reflectance per digital number of Sentinel-2 products (QUANTIFICATION_VALUE 10000)


class Deployed(nn.Module):
    """What is exported: ``msi (1, c, H, W)`` -> ``hsi (1, C, H, W)``, no negative reflectance."""

    def __init__(self, network: ExplainS2A) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, msi: Tensor) -> Tensor:
        """Lift one image."""
        return F.relu(self.network(msi).fused)


def band_estimators(maker: SceneMaker, sensor: Sensor, batches: int = 60) -> dict[str, dict[str, object]]:
    """Ridge regressions of the bands that ten-band stacks lack from those that they have."""
    names = np.array(sensor.band_names)
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


def make_card(
    task: LiftingTask, target: str, estimators: dict[str, dict[str, object]], halo: int, tile: int
) -> dict[str, object]:
    """The model card, in the vocabulary that the scene runner reads (STAC MLM where it has a word)."""
    seen, output = sensor(_SENSOR), grid(target)
    parameters = sum(weight.numel() for weight in task.network.parameters())
    return {
        "name": "explains2a",
        "title": "ExplainS2A: Sentinel-2 to 172 AVIRIS bands",
        "architecture": "ExplainS2A",
        "version": plugin_version(),
        "licence": "GPL-3.0-or-later",
        "sensor": "sentinel2",
        "input": {
            "name": "msi",
            "bands": seen.band_names,
            "centre_nm": seen.centre_nm.tolist(),
            "width_nm": seen.width_nm.tolist(),
            "units": "reflectance",
            "scale": _SCALE,
            "estimators": estimators,
        },
        "output": {
            "name": "hsi",
            "wavelength_nm": output.wavelength_nm.tolist(),
            "fwhm_nm": output.fwhm_nm.tolist(),
            "units": "reflectance",
        },
        "scale_factor": 1,
        "halo": halo,
        "tile": tile,
        "training": {
            "parameters": parameters,
            "steps": task.schedule.steps,
            "network": asdict(task.network.config),
            "data": "Random mixtures of spectra from AVIRIS, AVIRIS-NG, EMIT and NEON scenes, of the USGS, "
            "ECOSTRESS, KLUM, SLUM, Berlin, Roberts and soil libraries and of PROSAIL, and pieces of the scenes, "
            "seen through Sentinel-2A, B and C at one resolution and at native footprints.",
            "held_out": list(HELD_OUT),
        },
        "accuracy": {},
        "digest": _NO_DIGEST,
    }


def seal(path: Path, card: dict[str, object]) -> None:
    """Write a card into a model file, with the digest of the file.

    The digest is the SHA-256 of the file with the digest's own 64 digits as zeros, so it can be checked with
    the standard library alone.
    """
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {"card": json.dumps({**card, "digest": _NO_DIGEST})})
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(_NO_DIGEST.encode(), b"sha256:" + digest))


def export(task: LiftingTask, path: Path, card: dict[str, object]) -> float:
    """Write the model file; returns the largest difference between onnxruntime and torch.

    Raises:
        ValueError: the difference is 1e-4 or more; no file is left.
    """
    module = Deployed(task.network.to(memory_format=torch.contiguous_format).float())
    example = torch.rand(1, module.network.config.bands, 40, 56, generator=torch.Generator().manual_seed(0))
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
    seal(path, card)
    difference = parity(module, path)
    if difference >= 1e-4:
        path.unlink()
        raise ValueError(f"The exported graph differs from torch by {difference:.1e}, more than 1e-4.")
    return difference


def parity(module: Deployed, path: Path) -> float:
    """Largest difference between a model file under onnxruntime and its torch module, over several sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    random = torch.Generator().manual_seed(1)
    worst = 0.0
    for size in ((1, 1), (33, 70), (128, 96)):
        msi = 0.6 * torch.rand(1, module.network.config.bands, *size, generator=random)
        with torch.no_grad():
            expected = module(msi).numpy()
        worst = max(worst, float(np.abs(session.run(None, {"msi": msi.numpy()})[0] - expected).max()))
    return worst
