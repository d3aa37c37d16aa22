"""The whole algorithm against the time inside the session, and memory and time against the size of the scene.

The bundled model lifts 1024 x 1024 pixels; a stand-in of one convolution lifts 2048 x 2048 and 8192 x 4096,
each in a process of its own, so that the peak memory is that of the scene. Wanted: total over session at most
1.15; memory of the large scene within 10 % of the small one's and below 1.5 GB; time a pixel alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "resources" / "sample" / "sentinel2_sample.tif"
MODEL = ROOT / "resources" / "models" / "explains2a.onnx"
SIZES = ((2048, 2048), (4096, 8192))


def write_scene(path: Path, shape: tuple[int, int]) -> None:
    """The sample scene, repeated to ``shape`` rows and columns."""
    with rasterio.open(SAMPLE) as sample:
        pixels, names = sample.read(), sample.descriptions
        profile = {**sample.profile, "height": shape[0], "width": shape[1], "tiled": True}
    profile.update(blockxsize=256, blockysize=256, compress="zstd", interleave="band")
    side = pixels.shape[1]
    with rasterio.open(path, "w", **profile) as scene:
        scene.descriptions = names
        for row in range(0, shape[0], 256):
            rows = np.arange(row, min(row + 256, shape[0])) % side
            strip = pixels[:, rows][:, :, np.arange(shape[1]) % side]
            scene.write(strip, window=rasterio.windows.Window(0, row, shape[1], len(rows)))


def write_stand_in(path: Path) -> None:
    """A model of one 1x1 convolution with the bundled model's card."""
    import torch

    from hyperlift.training.model_files import seal

    card = Session.open(MODEL, "cpu").card
    torch.onnx.export(
        torch.nn.Conv2d(12, len(card.output.wavelength_nm), 1),
        (torch.rand(1, 12, 8, 8),),
        path,
        input_names=["msi"],
        output_names=["hsi"],
        dynamic_axes={"msi": {2: "height", 3: "width"}, "hsi": {2: "height", 3: "width"}},
        opset_version=17,
        dynamo=False,
    )
    seal(path, {**json.loads(card.to_json()), "name": "stand-in", "halo": 0})


def peak_megabytes() -> float:
    """Peak memory of this process; ``ru_maxrss`` would count that of the parent before ``exec`` as well."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def lift(model: str, scene: str, output: str) -> None:
    """Lift once and print seconds, seconds in the session, and peak memory in MB, as JSON."""
    start = time.perf_counter()
    source, session = GdalSource(scene), Session.open(model, "cpu")
    report = lift_scene(source, lambda profile: GdalSink(output, profile), session, LiftOptions(tile=256))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - start,
                "session": report.session_seconds,
                "megabytes": peak_megabytes(),
            }
        )
    )


def measure(model: Path, shape: tuple[int, int], folder: Path) -> dict[str, float]:
    """What :func:`lift` prints for a scene of ``shape``, from a fresh process."""
    scene, output = folder / "scene.tif", folder / "lifted.tif"
    write_scene(scene, shape)
    command = [sys.executable, __file__, str(model), str(scene), str(output)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    output.unlink()
    result = json.loads(answer)
    rate = shape[0] * shape[1] / result["seconds"]
    print(
        f"{model.stem} {shape[1]} x {shape[0]}: {result['seconds']:.1f} s, {result['session']:.1f} s in the "
        f"session, {rate:,.0f} pixels per second, peak memory {result['megabytes']:.0f} MB",
        flush=True,
    )
    return result


def main() -> None:
    """Measure all three scenes."""
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = Path(name)
        whole = measure(MODEL, (1024, 1024), folder)
        print(f"total over session: {whole['seconds'] / whole['session']:.3f} (wanted: at most 1.15)")
        stand_in = folder / "stand-in.onnx"
        write_stand_in(stand_in)
        small, large = (measure(stand_in, size, folder) for size in SIZES)
    growth = large["megabytes"] / small["megabytes"]
    pixels = (SIZES[1][0] * SIZES[1][1]) / (SIZES[0][0] * SIZES[0][1])
    slower = large["seconds"] / small["seconds"] / pixels
    print(f"memory, large over small: {growth:.3f} (wanted: at most 1.10, and below 1500 MB)")
    print(f"time a pixel, large over small: {slower:.3f} (linear: 1)")


if __name__ == "__main__":
    lift(*sys.argv[1:]) if len(sys.argv) > 1 else main()
