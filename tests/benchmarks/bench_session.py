"""The bundled model under onnxruntime against the same torch modules in their faster layout, 256-pixel tiles.

Prints the ratio of medians; the two take turns, so that both see the same machine. Wanted: at least 1.3.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import torch

from hyperlift.training.explains2a.config import CONFIGS
from hyperlift.training.explains2a.export import Deployed
from hyperlift.training.explains2a.task import LiftingTask
from hyperlift.training.model_files import open_lift

MODEL = Path(__file__).resolve().parents[2] / "resources" / "models" / "explains2a.onnx"
SIDE = 256
ROUNDS = 5


def seconds(function, argument) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def main() -> None:
    """Time both, in turns."""
    msi = np.random.default_rng(0).random((12, SIDE, SIDE), dtype=np.float32) / 2
    config = CONFIGS["explains2a"]
    parts = {"sharpening": config.sharpening, "experts": config.experts}
    task = LiftingTask(config.network, config.loss, config.schedule, **parts)
    eager = Deployed(task).to(memory_format=torch.channels_last)
    tensor = torch.from_numpy(msi)[None].contiguous(memory_format=torch.channels_last)
    lift = open_lift(MODEL)
    times: dict[str, list[float]] = {"torch": [], "onnxruntime": []}
    with torch.no_grad():
        eager(tensor), lift(msi)
        for _ in range(ROUNDS):
            times["torch"].append(seconds(eager, tensor))
            times["onnxruntime"].append(seconds(lift, msi))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s a tile, {SIDE**2 / median:,.0f} pixels per second")
    print(
        f"onnxruntime is {medians['torch'] / medians['onnxruntime']:.2f} times as fast as torch (wanted: 1.3)"
    )


if __name__ == "__main__":
    main()
