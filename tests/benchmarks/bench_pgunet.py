"""PGU-Net: time against torch eager, time of the response's estimate and of a whole scene, and memory.

Prints figures for ``aviris172`` and eight bands; the graph and torch take turns, so that both see the same
machine.
"""

from __future__ import annotations

import resource
import statistics
import time

import numpy as np
import torch

from hyperlift.core.inference.blind_model import blind_model
from hyperlift.core.inference.blind_scene import BlindOptions, blind_scene, open_blind
from hyperlift.core.inference.scene import LiftOptions
from hyperlift.core.networks.pgunet import PGUNet, PGUNetConfig
from hyperlift.core.raster.arrays import ArraySource, array_sinks
from hyperlift.core.spectral import grid
from hyperlift.training.model_files import open_graph
from hyperlift.training.pgunet.export import example

SIDE, ROUNDS, SCENE = 128, 5, 512
CENTRES = (480.0, 545.0, 605.0, 660.0, 725.0, 830.0, 920.0, 1610.0)


def seconds(function) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def network_time() -> None:
    """The graph against the same torch modules with other weights, which take the same time."""
    session, model = open_blind("aviris172", "cpu")
    inputs = example(model, grid("aviris172"), len(CENTRES), (SIDE, SIDE))
    torch.manual_seed(0)
    network = PGUNet(PGUNetConfig(**session.card.training["network"])).eval()
    run = open_graph(blind_model("aviris172"))
    feed = {name: value.numpy() for name, value in inputs.items()}
    times: dict[str, list[float]] = {"torch": [], "onnxruntime": []}
    with torch.no_grad():
        network(*inputs.values()), run(**feed)
        for _ in range(ROUNDS):
            times["torch"].append(seconds(lambda: network(*inputs.values())))
            times["onnxruntime"].append(seconds(lambda: run(**feed)))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.3f} s a tile of {SIDE}, {SIDE**2 / median:,.0f} pixels per second")
    print(f"onnxruntime is {medians['torch'] / medians['onnxruntime']:.2f} times as fast as torch")


def scene_time() -> None:
    """A scene of smooth noise from the estimate of the response to the last tile."""
    rng = np.random.default_rng(0)
    small = rng.random((len(CENTRES), SCENE // 32, SCENE // 32))
    image = 0.05 + 0.3 * np.kron(small, np.ones((32, 32))).astype(np.float32)
    image = image + 0.01 * rng.random(image.shape, dtype=np.float32)
    sinks, make_sink = array_sinks()
    lift = LiftOptions(scale=1.0, offset=0.0, data_type="float32")
    reports = []
    whole = seconds(
        lambda: reports.append(
            blind_scene(
                ArraySource(image), make_sink, open_blind("aviris172", "cpu"), BlindOptions(CENTRES, lift)
            )
        )
    )
    scene = reports[0].scene
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{SCENE} x {SCENE} pixels of {len(CENTRES)} bands: response {whole - scene.seconds:.1f} s, image "
        f"{scene.seconds:.1f} s ({scene.pixels_per_second:,.0f} pixels per second), peak memory {memory:.2f} "
        f"GB with the result of {sinks[0].pixels.nbytes / 1e9:.2f} GB in it"
    )


def main() -> None:
    """Print all figures; parity is that of the export, which refuses a difference of 1e-4."""
    scene_time()
    network_time()


if __name__ == "__main__":
    main()
