"""Lift the bundled Sentinel-2 scene to a hyperspectral image in QGIS, and draw what came out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hyperlift.training.evaluation.pictures import draw_scene

SCENE = Path("resources/sample/sentinel2_sample.tif")
OUTPUT = Path("build/demo/hyperspectral.tif")
PICTURE = Path("build/demo/demo.png")
ALGORITHM = "hyperlift:spectralsuperresolution"


def qgis_process(*arguments: str) -> str:
    """What ``qgis_process`` answers; ends the demo with its messages when it fails."""
    command = [os.environ["QGIS_PROCESS"] or "qgis_process", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if answer.returncode:
        sys.exit(f"{answer.stdout}{answer.stderr}\nThe demo stopped: qgis_process failed.")
    return answer.stdout


def lift() -> dict:
    """Run the algorithm on the sample scene; its outputs by name."""
    # Absolute: QGIS takes a relative output for a place in its temporary folder.
    paths = (f"--INPUT={SCENE.resolve()}", f"--OUTPUT={OUTPUT.resolve()}")
    answer = qgis_process("--json", "run", ALGORITHM, *paths)
    return json.loads(answer[answer.index("{") :])["results"]


if __name__ == "__main__":
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    print(f"Running {ALGORITHM} on {SCENE} in QGIS ...", flush=True)
    results = lift()
    draw_scene(SCENE, OUTPUT, PICTURE)
    print(f"Hyperspectral image: {OUTPUT}")
    print(f"Picture:             {PICTURE}")
    print(f"Ran on {results['DEVICE_USED']}, {results['PIXELS_PER_SECOND']:,.0f} pixels per second.")
