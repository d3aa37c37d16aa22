"""The real ``qgis_process``, as scripts and servers run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from osgeo import gdal

ALGORITHM = "hyperlift:spectralsuperresolution"
WORKFLOW = "hyperlift:Red-edge index (NDVI705)"


def test_run_answers_in_json(qgis_process, scene, model_file, tmp_path):
    answer = qgis_process(
        "--json",
        "run",
        ALGORITHM,
        f"--INPUT={scene}",
        f"--MODEL_FILE={model_file}",
        f"--OUTPUT={tmp_path / 'lifted.tif'}",
        f"--REPORT={tmp_path / 'report.html'}",
    )
    assert answer.returncode == 0, answer.stderr
    results = json.loads(answer.stdout[answer.stdout.index("{") :])["results"]
    assert results["DEVICE_USED"] == "CPU"
    assert (results["PIXELS"], results["SCALE_USED"]) == (2240, 0.0001)
    assert gdal.Open(results["OUTPUT"]).RasterCount == 172
    assert (tmp_path / "report.html").exists()


def test_algorithms_and_models_are_listed(qgis_process):
    listing = qgis_process("list").stdout
    assert ALGORITHM in listing
    assert WORKFLOW in listing


def test_bad_input_is_an_error_with_its_sentence(qgis_process, make_scene, model_file, tmp_path):
    answer = qgis_process(
        "run",
        ALGORITHM,
        f"--INPUT={make_scene(names=None)}",
        f"--MODEL_FILE={model_file}",
        f"--OUTPUT={tmp_path / 'lifted.tif'}",
    )
    assert answer.returncode == 1
    assert "neither Sentinel-2 names nor wavelengths; set the bands" in answer.stderr
    assert not (tmp_path / "lifted.tif").exists()


def test_runtime_missing_is_said_with_what_to_do(qgis_process, scene, model_file, tmp_path):
    search = "import importlib.util; print(importlib.util.find_spec('onnxruntime'))"
    python = ["/usr/bin/python3", "-c", search]
    if subprocess.run(python, capture_output=True, text=True, env={}, check=True).stdout.strip() != "None":
        pytest.skip("onnxruntime is installed for the whole system")
    model, output = f"--MODEL_FILE={model_file}", f"--OUTPUT={tmp_path / 'lifted.tif'}"
    answer = qgis_process("run", ALGORITHM, f"--INPUT={scene}", model, output, runtime=False)
    assert answer.returncode == 1
    assert "onnxruntime" in answer.stderr
    assert "-m pip install" in answer.stderr


def test_workflow_computes_the_red_edge_index(qgis_process, scene, model_file, tmp_path):
    lifted, index = tmp_path / "lifted.tif", tmp_path / "index.tif"
    answer = qgis_process(
        "run",
        WORKFLOW,
        f"--image={scene}",
        f"--modelfile={model_file}",
        f"--lift:hyperspectral={lifted}",
        f"--index:ndvi705={index}",
    )
    assert answer.returncode == 0, answer.stderr
    hyperspectral = gdal.Open(str(lifted))
    bands = [hyperspectral.GetRasterBand(number) for number in (33, 28)]
    assert [band.GetDescription() for band in bands] == ["753.3 nm", "704.5 nm"]
    high, low = (band.ReadAsArray().astype(float) for band in bands)
    expected = (high - low) / (high + low)
    assert np.abs(gdal.Open(str(index)).ReadAsArray() - expected).max() < 1e-5


def test_interrupt_fails_and_leaves_nothing(start_qgis_process, make_scene, model_file, tmp_path):
    rows = columns = 2048
    numbers = np.full((12, rows, columns), 1500, np.uint16)
    scene = make_scene(numbers, "large.tif")
    process = start_qgis_process(
        "run",
        ALGORITHM,
        f"--INPUT={scene}",
        f"--MODEL_FILE={model_file}",
        f"--OUTPUT={tmp_path / 'lifted.tif'}",
    )
    while process.poll() is None and not list(tmp_path.glob("lifted*")):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "Cancelled; nothing was written." in errors
    assert list(tmp_path.glob("lifted*")) == []
