"""Peak memory of taking 20 million pixels apart: endmembers by VCA, then abundances with residuals.

The scene has 172 bands as a lifted one has: Int16 with scale, tiles of 256 pixels, band by band. Wanted:
below 1.5 GB. Each step runs in a process of its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.library import SpectralLibrary
from hyperlift.core.unmixing import vca
from hyperlift.core.unmixing.image import ImagePixels, endmember_library
from hyperlift.core.unmixing.maps import write_abundances

SHAPE = (4096, 5120)
SIDE = 256
COUNT = 6


def write_scene(path: Path) -> None:
    """Noisy mixtures of smooth spectra: four tiles, repeated."""
    random = np.random.default_rng(0)
    target = grid("aviris172")
    spectra = 0.1 + 0.3 * np.abs(np.cumsum(random.standard_normal((COUNT, len(target))), axis=1)) / 10
    tiles = []
    for _ in range(4):
        pixels = random.dirichlet(np.ones(COUNT), SIDE**2) @ spectra
        pixels += 0.002 * random.standard_normal(pixels.shape)
        tiles.append((pixels.T.reshape(-1, SIDE, SIDE) * 1e4).clip(0, 32000).astype(np.int16))
    profile = {
        "driver": "GTiff",
        "dtype": "int16",
        "count": len(target),
        "height": SHAPE[0],
        "width": SHAPE[1],
    }
    layout = {"tiled": True, "blockxsize": SIDE, "blockysize": SIDE, "interleave": "band", "compress": "zstd"}
    with rasterio.open(path, "w", **profile, **layout, zstd_level=1, bigtiff="if_safer") as scene:
        scene.scales = [1e-4] * len(target)
        for number, row in enumerate(range(0, SHAPE[0], SIDE)):
            for column in range(0, SHAPE[1], SIDE):
                tile = tiles[(number + column // SIDE) % 4]
                scene.write(tile, window=((row, row + SIDE), (column, column + SIDE)))


def run(step: str, scene: Path, folder: Path) -> None:
    """One step, in a process of its own; prints its figures as JSON."""
    start = time.perf_counter()
    pixels = ImagePixels(GdalSource(str(scene)))
    library = folder / "library.npy"
    if step == "endmembers":
        np.save(library, endmember_library(pixels, vca(pixels, COUNT, seed=0)).spectra)
    else:
        target = grid("aviris172")
        names = tuple(f"endmember {number}" for number in range(1, COUNT + 1))
        endmembers = SpectralLibrary(names, np.load(library), target.wavelength_nm, target.fwhm_nm)
        sinks = (
            lambda profile, name=name: GdalSink(str(folder / name), profile)
            for name in ("abundances.tif", "rmse.tif")
        )
        write_abundances(pixels, endmembers, "fcls", *sinks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak}))


def main() -> None:
    """Measure both steps."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.tif"
        write_scene(scene)
        for step in ("endmembers", "abundances"):
            command = [sys.executable, __file__, step, str(scene), folder]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            rate = SHAPE[0] * SHAPE[1] / found["seconds"]
            print(f"{step}: {found['seconds']:.0f} s, {rate:,.0f} pixels per second,", end=" ")
            print(f"peak memory {found['peak_mb']:.0f} MB (wanted: 1500)", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
