"""Accuracy of a sharpened image, and what a model file says of its own."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from hyperlift.core.inference.models import read_card_as
from hyperlift.core.inference.sharpening_card import SharpeningCard
from hyperlift.core.networks.uafl import UAFLConfig
from hyperlift.training.uafl import evaluate as evaluation
from hyperlift.training.uafl import export as exporting
from hyperlift.training.uafl.config import ScheduleConfig
from hyperlift.training.uafl.evaluate import accuracy, with_the_next_photograph
from hyperlift.training.uafl.scenes import CUBES, misregistered
from hyperlift.training.uafl.task import UAFLTask


@pytest.fixture
def truth():
    return np.random.default_rng(0).uniform(0.1, 0.5, (5, 24, 24))


def test_psnr_is_relative_to_each_bands_peak(truth):
    error = 0.01 * truth.max(axis=(1, 2), keepdims=True)
    psnr, ssim, angle = accuracy(truth, truth + error)
    assert psnr == pytest.approx(40.0, abs=1e-3)
    assert 0.99 < ssim < 1.0
    assert angle == pytest.approx(_angle(truth, truth + error), abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.001])
def test_a_band_of_one_value_does_not_count(truth, value):
    estimate = truth + np.random.default_rng(1).normal(0, 0.01, truth.shape)
    dead = np.full((1, 24, 24), value)
    with_dead = accuracy(np.concatenate((truth, dead)), np.concatenate((estimate, dead)))
    assert with_dead == accuracy(truth, estimate)


def scenes_of(name, scales, views=2, side=64):
    rng = np.random.default_rng(len(name))
    wavelength = np.linspace(400.0, 900.0, 20)
    cube = 0.3 + 0.1 * np.stack([gaussian_filter(rng.normal(size=(side, side)), 2.0) for _ in wavelength])
    return [misregistered(name, cube, wavelength, scale, rng) for scale in scales for _ in range(views)]


def test_unrelated_photographs_are_never_of_the_same_cube():
    scenes = [*scenes_of("one", (4, 8)), *scenes_of("other", (4, 8)), *scenes_of("one", (16,))]
    found = with_the_next_photograph(scenes)
    assert len(found) == len(scenes)
    for scene in found:
        (source,) = (one for one in scenes if one.photo is scene.photo)
        assert source.name != scene.name
        assert source.scale == scene.scale or scene.scale == 16


def test_an_export_writes_the_held_out_accuracy_into_the_card(tmp_path, monkeypatch):
    task = UAFLTask(UAFLConfig(width=8, blocks=(1, 1), injected=True), ScheduleConfig(steps=2))
    checkpoint, path = tmp_path / "last.ckpt", tmp_path / "sharp.onnx"
    torch.save({"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}, checkpoint)
    monkeypatch.setattr(exporting, "data_folder", lambda _: tmp_path)
    monkeypatch.setattr(evaluation, "_held_out", lambda _: scenes_of("cube", (4, 8)))
    difference, halo = exporting.export_checkpoint(checkpoint, path)
    assert difference < 1e-4
    assert halo == 0
    card = read_card_as(SharpeningCard.from_json, path)
    found = [(one["scene"], one["scale"], one["method"]) for one in card.accuracy["held_out"]]
    assert found == [("cube", scale, method) for scale in (4, 8) for method in ("bicubic", "UAFL")]
    assert all(one["psnr"] > 10 for one in card.accuracy["held_out"])
    assert set(CUBES) <= set(card.training["held_out"])
    assert "| x8 | cube | UAFL |" in path.with_suffix(".md").read_text(encoding="utf-8")


def _angle(truth, estimate):
    cosine = (truth * estimate).sum(0) / np.linalg.norm(truth, axis=0) / np.linalg.norm(estimate, axis=0)
    return np.degrees(np.arccos(cosine)).mean()
