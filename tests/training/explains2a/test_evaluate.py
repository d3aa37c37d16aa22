import json
import re
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch

from hyperlift.core.networks.explains2a import ExplainS2AConfig
from hyperlift.core.spectral import grid
from hyperlift.training.__main__ import MODELS, main
from hyperlift.training.data.spectra import HELD_OUT
from hyperlift.training.explains2a.evaluate import evaluate, open_lift
from hyperlift.training.explains2a.export import Deployed
from hyperlift.training.explains2a.perceptron import PerceptronConfig
from hyperlift.training.explains2a.task import LiftingTask, LossConfig, ScheduleConfig


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


def test_evaluation_compares_models_and_writes_a_report(data, linear_model, make_model, tmp_path):
    small = PerceptronConfig(widths=(8,), batches=2, steps=3, pixels=64)
    other, output = make_model("blur"), tmp_path / "evaluation"
    report = evaluate(
        linear_model, output, data, [other], perceptron=small, cache=tmp_path / "cache", batches=10
    )
    assert len(list((tmp_path / "cache").glob("*.pt"))) == 1

    page = report.read_text()
    assert HELD_OUT[0] in page
    assert "<script" not in page
    pictures = re.findall('src="([^"]+)"', page)
    assert len(pictures) == 7  # three of each scene, and one of all
    assert all((output / picture).stat().st_size > 5_000 for picture in pictures)

    scores = json.loads((output / "scores.json").read_text())
    found = {(one["footprints"], one["method"]): one for one in scores["held_out"]}
    assert found["one resolution", "ridge, one resolution"]["psnr"] > 30
    name = f"{other.parent.name}/{other.stem}"
    assert found["one resolution", "tiny"]["psnr"] > found["one resolution", name]["psnr"]
    oracle = "oracle: best linear map inside the scene"
    linear = ("tiny", "spline", "ridge, both", "ridge, one resolution")
    assert all(found[at, oracle]["rmse"] <= found[at, one]["rmse"] for at, _ in found for one in linear)
    assert ("one resolution", "sharpened, ridge") not in found
    margin = next(one for one in scores["margins"] if one["reference"] == "sharpened, ridge")
    own, reference = (found["native footprints", one] for one in ("tiny", "sharpened, ridge"))
    assert margin["decibels"] == pytest.approx(own["psnr"] - reference["psnr"])
    assert margin["angle_ratio"] == pytest.approx(own["sam"] / reference["sam"])


def test_options_reach_the_evaluation_and_its_tables_are_printed(monkeypatch, tmp_path, capsys):
    def stand_in(*arguments, **options):
        assert arguments == (MODELS / "explains2a.onnx", tmp_path)
        assert options == {"data": None, "models": [Path("a.onnx"), Path("b.ckpt")], "perceptron": None}
        (tmp_path / "scores.md").write_text("a table")
        return tmp_path / "report.html"

    monkeypatch.setattr("hyperlift.training.explains2a.evaluate.evaluate", stand_in)
    options = ["--output", str(tmp_path), "--models", "a.onnx", "b.ckpt", "--without-mlp"]
    assert main(["evaluate", *options]) == 0
    said = capsys.readouterr().out
    assert "a table" in said
    assert "report.html" in said


def test_a_checkpoint_is_opened_as_it_would_be_exported(tmp_path):
    config = ExplainS2AConfig(features=8, blocks=1)
    task = LiftingTask(config, LossConfig(), ScheduleConfig())
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    trainer.strategy.connect(task)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    msi = np.random.default_rng(0).random((12, 20, 24)).astype(np.float32)
    with torch.no_grad():
        expected = Deployed(task)(torch.from_numpy(msi[None]))[0].numpy()
    np.testing.assert_allclose(open_lift(tmp_path / "last.ckpt")(msi), expected, atol=1e-5)


def test_missing_data_are_said(tmp_path, capsys):
    missing = tmp_path / "none"
    assert main(["evaluate", "--data", str(missing), "--output", str(tmp_path)]) == 1
    assert "There are no training data" in capsys.readouterr().err


def test_missing_checkpoint_is_said(data, tmp_path, capsys):
    assert main(["export", str(tmp_path / "no.ckpt"), str(tmp_path / "m.onnx"), "--data", str(data)]) == 1
    assert "no.ckpt" in capsys.readouterr().err
