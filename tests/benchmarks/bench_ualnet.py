"""UALNet under onnxruntime against the same networks evaluated eagerly, the adversarial gradient by autograd.

Each runs in a process of its own, on 128 x 128 pixels, in turns; CPU seconds of one pass and the peak memory
are compared. Nothing is detached in the eager pass, as in the published release. Wanted: at most a third of
both. Then what the discriminator costs at inference: the torch modules, the gradient as forward operations,
with it and without. Then memory of a larger scene in tiles against a smaller one.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hyperlift.training.ualnet.task import UnfoldingTask

MODEL = Path(__file__).resolve().parents[2] / "resources" / "models" / "ualnet.onnx"
SIDE, ROUNDS, LARGE, SMALL = 128, 2, 256, 128


def scene(side: int) -> np.ndarray:
    """Reflectance ``(12, side, side)``."""
    return np.random.default_rng(0).random((12, side, side), dtype=np.float32) / 2


def task(**network: bool) -> UnfoldingTask:
    """The networks as configured, with changes."""
    from hyperlift.training.ualnet.config import CONFIGS
    from hyperlift.training.ualnet.task import UnfoldingTask

    config = CONFIGS["ualnet"]
    parts = {"sharpening": config.sharpening, "experts": config.experts}
    return UnfoldingTask(replace(config.network, **network), config.loss, config.schedule, **parts).eval()


def eager(side: int) -> float:
    """CPU seconds of one pass by torch and autograd."""
    import torch

    networks, msi = task(), torch.from_numpy(scene(side))[None]
    networks.network.unfolding.by_autograd = True
    return cpu_seconds(lambda: networks(msi).hsi)


def modules(side: int, adversarial: bool = True) -> float:
    """CPU seconds of one pass by torch, no autograd."""
    import torch

    networks, msi = task(adversarial=adversarial), torch.from_numpy(scene(side))[None]
    with torch.no_grad():
        return cpu_seconds(lambda: networks(msi).hsi)


def alone(side: int) -> float:
    """CPU seconds of one pass by torch without the discriminator."""
    return modules(side, adversarial=False)


def graph(side: int) -> float:
    """CPU seconds of one pass by onnxruntime."""
    from hyperlift.core.inference.session import Session

    session, msi = Session.open(MODEL, "cpu"), scene(side)
    return cpu_seconds(lambda: session.run(msi))


def tiled(side: int) -> float:
    """CPU seconds of the scene runner."""
    from hyperlift.core.inference import lift

    msi = scene(side)
    return cpu_seconds(lambda: lift(msi, MODEL))


def cpu_seconds(function) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def measured(kind: str, side: int) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one of the functions above, in a process of its own."""
    found = subprocess.run(
        [sys.executable, __file__, kind, str(side)], check=True, capture_output=True, text=True
    ).stdout.split()
    return float(found[-2]), float(found[-1])


def main() -> None:
    """Run all in turns and print the ratios."""
    kinds = "eager", "graph", "modules", "alone"
    rounds = [{kind: measured(kind, SIDE) for kind in kinds} for _ in range(ROUNDS)]
    runs = {kind: [one[kind] for one in rounds] for kind in kinds}
    medians = {}
    for kind, found in runs.items():
        medians[kind] = [statistics.median(column) for column in zip(*found)]
        print(f"{kind}: {medians[kind][0]:.1f} s of CPU time, {medians[kind][1]:,.0f} MB")
    cpu, memory = (one / other for one, other in zip(medians["graph"], medians["eager"]))
    print(f"onnxruntime takes {cpu:.2f} of the CPU time and {memory:.2f} of the memory (wanted: 0.33)")
    share = 1.0 - medians["alone"][0] / medians["modules"][0]
    print(f"The discriminator takes {100 * share:.0f} % of the modules' CPU time")
    small, large = (measured("tiled", side)[1] for side in (SMALL, LARGE))
    print(f"In tiles, {SMALL} and {LARGE} pixels: {small:,.0f} and {large:,.0f} MB with the whole result")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(globals()[sys.argv[1]](int(sys.argv[2])))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        main()
