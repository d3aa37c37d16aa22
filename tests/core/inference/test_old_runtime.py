"""Every bundled model in the oldest onnxruntime that is supported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OLD = Path(__file__).resolve().parents[3] / "build" / "onnxruntime-1.17"
CALLS = {
    "explains2a": ("lift(random(12, 9, 7))", (172, 9, 7)),
    "ualnet": ("lift(random(12, 9, 7), 'ualnet')", (186, 18, 14)),
    "pgunet-visible31": ("blind(random(3, 9, 9), (450, 550, 640), 'visible31').hsi", (31, 9, 9)),
    "pgunet-vnir": ("blind(random(3, 9, 9), (450, 550, 640), 'vnir').hsi", (61, 9, 9)),
    "pgunet-aviris172": ("blind(random(3, 9, 9), (480, 550, 640), 'aviris172').hsi", (172, 9, 9)),
    "uafl": ("sharpen(random(5, 9, 8), random(3, 36, 32), 4)", (5, 36, 32)),
}


@pytest.mark.skipif(not OLD.is_dir(), reason="onnxruntime 1.17 is not installed (no wheel for this Python)")
@pytest.mark.parametrize("name", CALLS)
def test_bundled_models_run_in_onnxruntime_1_17(name):
    call, shape = CALLS[name]
    script = (
        "import numpy, onnxruntime; assert onnxruntime.__version__.startswith('1.17');"
        "from hyperlift.core.inference import blind, lift, sharpen;"
        "random = lambda *shape: numpy.random.default_rng(0).uniform(0.1, 0.3, shape);"
        f"result = {call}; assert numpy.isfinite(result).all(); print(result.shape)"
    )
    path = os.pathsep.join([str(OLD), os.environ["PYTHONPATH"]])
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(shape) in run.stdout, run.stderr
