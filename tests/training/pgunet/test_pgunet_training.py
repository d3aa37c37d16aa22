"""A short training on invented spectra, and what comes of it."""

from dataclasses import asdict, replace

import lightning
import numpy as np
import pytest
import torch

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.inference.blind_model import ResponseModel, response_file
from hyperlift.core.inference.models import read_card
from hyperlift.core.networks.pgunet import PGUNetConfig
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.mixture import fit_mixture
from hyperlift.training import __main__ as command_line
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.model_files import open_graph
from hyperlift.training.networks import configuration, part_of
from hyperlift.training.pgunet import evaluate as evaluation
from hyperlift.training.pgunet import export as exporting
from hyperlift.training.pgunet import train as training
from hyperlift.training.pgunet.config import CONFIGS, ScheduleConfig, TrainingConfig
from hyperlift.training.pgunet.export import deployed, example, export
from hyperlift.training.pgunet.responses import Cameras
from hyperlift.training.pgunet.task import CameraStream, PGUNetTask

SCENES = SceneConfig(target="vnir", sides=(12,), pixels=576, native_share=0.0, vegetation=False)
CONFIG = TrainingConfig(
    PGUNetConfig(channels=61, stages=2, features=8, rank=6, components=4),
    schedule=ScheduleConfig(steps=4),
    scenes=SCENES,
    mixture_spectra=2000,
)


@pytest.fixture(scope="module")
def maker(collections):
    return SceneMaker(collections, SCENES)


@pytest.fixture(scope="module")
def task(maker):
    torch.manual_seed(0)
    spectra = training.drawn_spectra(maker, CONFIG.mixture_spectra)
    return PGUNetTask(CONFIG, asdict(fit_mixture(spectra, 6, 4)))


@pytest.fixture(scope="module")
def stream(maker, task):
    return CameraStream(maker, Cameras(grid("vnir")), task.mixture, CONFIG, seed=0)


def test_steps_depend_on_seed_and_number_alone(stream, maker, task):
    later = CameraStream(maker, Cameras(grid("vnir")), task.mixture, CONFIG, seed=0, start=1)
    steps = iter(stream)
    next(steps)
    one, other = next(steps), next(iter(later))
    assert torch.equal(one.msi, other.msi)
    assert torch.equal(one.first, other.first)


def test_bands_are_those_of_the_response(stream):
    moment = next(iter(stream))
    clean = torch.einsum("bc,nchw->nbhw", moment.response.float(), moment.hsi)
    assert (clean - moment.msi).abs().mean() < 0.01


def test_training_lowers_the_loss(task, stream, monkeypatch):
    monkeypatch.setattr(PGUNetTask, "log_dict", lambda *_, **__: None)
    moment = next(iter(stream))
    optimiser = torch.optim.Adam(task.network.parameters(), 2e-3)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = task.training_step(moment, 0)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.95 * losses[0]


def test_both_files_give_what_the_modules_give(task, tmp_path):
    path = tmp_path / "pgunet-vnir.onnx"
    difference, halo, _ = export(task, path)
    assert difference < 1e-5
    assert halo < 48
    model, network = ResponseModel(path), deployed(task)
    assert model.stages == 2
    np.testing.assert_allclose(model.alpha, network.alpha.detach(), rtol=1e-6)
    rows = torch.rand(5, 61)
    with torch.no_grad():
        np.testing.assert_allclose(model.target(1, rows.numpy()), network.p_nets[1](rows), atol=1e-6)
    inputs = example(model, grid("vnir"), 7, (9, 8))
    states = open_graph(path)(**{name: value.numpy() for name, value in inputs.items()})
    with torch.no_grad():
        expected = network(*inputs.values())
    for one, other in zip(states, expected):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert read_card(path).sensor == "any"
    assert read_card(response_file(path)).name == "pgunet-vnir-stf"


def test_a_model_is_named_after_its_grid_whatever_its_file_is_called(task, tmp_path, monkeypatch):
    measured = []

    def table(path, _folder, scenes):
        measured.append((path.name, scenes))
        return "", {"held_out": [path.name]}

    monkeypatch.setattr(evaluation, "held_out_table", table)
    monkeypatch.setattr(exporting, "data_folder", lambda _: tmp_path)
    monkeypatch.setattr(command_line, "MODELS", tmp_path)
    checkpoint = tmp_path / "last.ckpt"
    stored = {"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}
    torch.save({**stored, "pytorch-lightning_version": lightning.__version__}, checkpoint)
    for target in ([], [str(tmp_path / "seed-1.onnx")]):
        assert command_line.main(["export", str(checkpoint), *target, "--network", "pgunet"]) == 0
    for name in ("pgunet-vnir.onnx", "seed-1.onnx"):
        card = read_card(tmp_path / name)
        assert card.name == "pgunet-vnir"
        assert card.accuracy == {"held_out": [name]}
        assert configuration(card.name).scenes.target == "vnir"
        assert read_card(response_file(tmp_path / name)).name == "pgunet-vnir-stf"
    assert measured == [("pgunet-vnir.onnx", SCENES), ("seed-1.onnx", SCENES)]


def test_a_run_leaves_a_checkpoint_that_goes_on(maker, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "scene_maker", lambda *_: maker)
    monkeypatch.setattr(training, "data_folder", lambda _: tmp_path)
    last = training.train(CONFIG, tmp_path / "run", accelerator="cpu")
    task = PGUNetTask.load_from_checkpoint(last, map_location="cpu", weights_only=False)
    longer = replace(CONFIG, schedule=ScheduleConfig(steps=6))
    again = training.train(longer, tmp_path / "run", accelerator="cpu", weights=last)
    went_on = PGUNetTask.load_from_checkpoint(again, map_location="cpu", weights_only=False)
    np.testing.assert_array_equal(task.mixture.factor, went_on.mixture.factor)
    moved = [not torch.equal(*pair) for pair in zip(task.network.parameters(), went_on.network.parameters())]
    assert any(moved)


def test_pairs_are_refused(tmp_path):
    with pytest.raises(HyperLiftError, match="random cameras, not on pairs"):
        training.train(CONFIG, tmp_path, pairs=tmp_path)


def test_every_grid_has_a_configuration():
    for name in ("pgunet-aviris172", "pgunet-vnir", "pgunet-visible31", "pgunet-aviris172-nine"):
        assert configuration(name) is CONFIGS[name]
        assert CONFIGS[name].network.channels == len(grid(CONFIGS[name].scenes.target))
    assert part_of("pgunet-vnir", "train") is training
