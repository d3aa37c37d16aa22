"""Parts of the bundled ExplainS2A that other networks, and short runs, start from."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig

_MODEL = Path(__file__).resolve().parents[2] / "resources" / "models" / "explains2a.onnx"
_PREFIX, _HALF = "task.sharpening.", ".half"


def bundled_sharpening(bands: int, shape: SharpeningConfig, model: Path = _MODEL) -> Sharpening:
    """The sharpening network inside an exported ExplainS2A.

    Windows and contrasts have no weights: those of ``shape`` are taken on trust.

    Raises:
        ValueError: the model's is of another shape.
    """
    weights = {
        weight.name.removeprefix(_PREFIX).removesuffix(_HALF): torch.from_numpy(
            onnx.numpy_helper.to_array(weight).copy()
        ).float()
        for weight in onnx.load(model).graph.initializer
        if weight.name.startswith(_PREFIX)
    }
    sharpening = Sharpening(bands, shape)
    try:
        sharpening.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"'{model}' holds no sharpening network of this shape: {error}") from error
    return sharpening.eval().requires_grad_(False)
