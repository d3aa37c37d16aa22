"""UAFL: speed against the torch modules on a square of the network, and memory of a whole run.

Prints the ratio of medians (both take turns) and the peak memory for scenes of two
sizes, which should not differ by much: what grows with the scene is only its registration.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from hyperlift.core.inference.sharpening_card import SharpeningSession
from hyperlift.core.networks.uafl import UAFL, UAFLConfig

SIDE, ROUNDS = 128, 3
SIZES = (24, 48)  # pixels of the image along each side; the photograph has four times as many
BANDS = 64


class _Nowhere:
    """A sink that keeps nothing."""

    def write(self, block: object) -> None:
        """Forget a block."""

    commit = discard = lambda self: None


def _speed() -> None:
    session, network = SharpeningSession.open("uafl", "cpu"), UAFL(UAFLConfig(injected=True)).eval()
    arrays = np.random.default_rng(0).normal(size=(2, 3, SIDE, SIDE)).astype(np.float32)
    tensors = [torch.from_numpy(array)[None] for array in arrays]
    times: dict[str, list[float]] = {"torch": [], "onnxruntime": []}
    with torch.no_grad():
        network(*tensors), session.run(*arrays)
        for _ in range(ROUNDS):
            for name, run in (
                ("torch", lambda: network(*tensors)),
                ("onnxruntime", lambda: session.run(*arrays)),
            ):
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s a square of {SIDE} pixels, {SIDE**2 / median:,.0f} pixels per second")
    print(f"onnxruntime is {medians['torch'] / medians['onnxruntime']:.2f} times as fast as torch")


def _scene(side: int) -> None:
    """One run, in a process of its own; prints its peak memory."""
    from hyperlift.core.inference.sharpening import sharpen_scene
    from hyperlift.core.inference.sharpening_report import SharpenOptions
    from hyperlift.core.raster.arrays import ArraySource

    rng = np.random.default_rng(0)
    photo = np.kron(rng.random((3, side, side)), np.ones((4, 4))).astype(np.float32) + 0.1
    image = np.tensordot(rng.random((BANDS, 3)), photo[:, ::4, ::4], axes=1).astype(np.float32)
    options = SharpenOptions(4, "float32")
    start = time.perf_counter()
    sharpen_scene(
        ArraySource(image), ArraySource(photo), lambda _: _Nowhere(), SharpeningSession.open("uafl"), options
    )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{side} x {side}, {BANDS} bands, x4: {time.perf_counter() - start:.1f} s, peak {memory:,.0f} MB")


def main() -> None:
    """Speed here, scenes each in a process of its own."""
    if len(sys.argv) > 1:
        _scene(int(sys.argv[1]))
        return
    _speed()
    for side in SIZES:
        subprocess.run([sys.executable, str(Path(__file__)), str(side)], check=True)


if __name__ == "__main__":
    main()
