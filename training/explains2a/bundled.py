"""Parts of the bundled ExplainS2A that other networks, and short runs, start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import torch

from hyperlift.core.networks.sharpening import SharpeningConfig, Sharpenings

_MODEL = Path(__file__).resolve().parents[2] / "resources" / "models" / "explains2a.onnx"
_PREFIX, _HALF = "task.sharpening.", ".half"


def bundled_sharpening(bands: int, shapes: Sequence[SharpeningConfig], model: Path = _MODEL) -> Sharpenings:
    """The sharpening networks inside an exported ExplainS2A.

    Raises:
        ValueError: the model's are of other shapes.
    """
    weights = {
        weight.name.removeprefix(_PREFIX).removesuffix(_HALF): torch.from_numpy(
            onnx.numpy_helper.to_array(weight).copy()
        ).float()
        for weight in onnx.load(model).graph.initializer
        if weight.name.startswith(_PREFIX)
    }
    sharpening = Sharpenings(bands, shapes)
    try:
        sharpening.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"'{model}' holds no sharpening networks of these shapes: {error}") from error
    return sharpening.eval().requires_grad_(False)
