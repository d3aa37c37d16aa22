import json

import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.__main__ import main
from hyperlift.training.spectra import HELD_OUT


@pytest.fixture
def data(tmp_path):
    """A data folder with one held-out cube, one to train on, and a library."""
    rng = np.random.default_rng(0)
    aviris = grid("aviris224")
    axis = aviris.wavelength_nm / 2500
    shapes = np.array([0.3 + 0.2 * np.sin(axis * rate + rate) for rate in (2.0, 3.5, 5.0, 7.0)])
    for folder in ("cubes", "libraries"):
        (tmp_path / folder).mkdir()
    for name in (HELD_OUT[0], "known"):
        pixels = rng.dirichlet(np.ones(4), (48, 48)) @ shapes
        np.savez(
            tmp_path / "cubes" / f"{name}.npz",
            reflectance=pixels.astype(np.float16),
            wavelength_nm=aviris.wavelength_nm,
            fwhm_nm=aviris.fwhm_nm,
            bad_bands=np.zeros(224, bool),
        )
    np.savez(
        tmp_path / "libraries" / "few.npz",
        spectra=rng.dirichlet(np.ones(4), 60) @ shapes,
        wavelength_nm=aviris.wavelength_nm,
        names=np.array([str(number) for number in range(60)]),
    )
    return tmp_path


def test_evaluate_writes_a_report(data, linear_model, tmp_path, capsys):
    output = tmp_path / "evaluation"
    assert main(["evaluate", str(linear_model), "--output", str(output), "--data", str(data)]) == 0
    assert "report.html" in capsys.readouterr().out
    scores = json.loads((output / "scores.json").read_text())
    methods = {one["method"] for one in scores["held_out"]}
    assert {"ridge, one resolution", "ridge, both"} < methods
    ridge = [one for one in scores["held_out"] if one["method"] == "ridge, one resolution"]
    assert ridge[0]["psnr"] > 30
    page = (output / "report.html").read_text()
    assert HELD_OUT[0] in page
    assert (output / "errors.png").stat().st_size > 10_000


def test_missing_data_are_said(tmp_path, capsys):
    missing = tmp_path / "none"
    assert main(["evaluate", "model.onnx", "--data", str(missing), "--output", str(tmp_path)]) == 1
    assert "There are no training data" in capsys.readouterr().err


def test_missing_checkpoint_is_said(data, tmp_path, capsys):
    assert main(["export", str(tmp_path / "no.ckpt"), str(tmp_path / "m.onnx"), "--data", str(data)]) == 1
    assert "no.ckpt" in capsys.readouterr().err
