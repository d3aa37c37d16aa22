import hashlib
import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from hyperlift.core.networks.experts import ExpertsConfig
from hyperlift.core.networks.explains2a import ExplainS2AConfig
from hyperlift.core.networks.sharpening import SharpeningConfig
from hyperlift.training.explains2a.cards import band_estimators, make_card
from hyperlift.training.explains2a.export import Deployed, export
from hyperlift.training.explains2a.task import LiftingTask, LossConfig, ScheduleConfig
from hyperlift.training.halo import measure_halo, rough_images
from hyperlift.training.model_files import check_parity, open_lift

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def task():
    torch.manual_seed(0)
    return LiftingTask(
        ExplainS2AConfig(),
        LossConfig(),
        ScheduleConfig(steps=1),
        sharpening=SharpeningConfig(features=16),
        experts=ExpertsConfig(members=2, widths=(16,)),
    )


@pytest.fixture(scope="module")
def model(task, maker, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "explains2a.onnx"
    card = make_card(task, "aviris172", band_estimators(maker, batches=3), halo=48, tile=256)
    export(task, path, card)
    return path


def test_parity_with_torch(task, model):
    msi = 0.6 * torch.rand(1, 12, 31, 64, generator=torch.Generator().manual_seed(5))
    assert check_parity(Deployed(task), model, [{"msi": msi}]) < 1e-4


def test_a_graph_that_differs_is_refused_and_removed(task, model, tmp_path):
    copy = tmp_path / "other.onnx"
    copy.write_bytes(model.read_bytes())
    other = Deployed(task)
    other.task.network.fusion.head.bias.data += 0.01
    with pytest.raises(ValueError, match=r"differs from torch by .* more than 0\.0001"):
        check_parity(other, copy, [{"msi": torch.full((1, 12, 8, 8), 0.3)}])
    assert not copy.exists()


def test_one_plain_file_of_an_old_opset(model):
    graph = onnx.load(model)
    onnx.checker.check_model(graph)
    assert graph.ir_version <= 9
    assert [entry.version for entry in graph.opset_import] == [17]
    assert [path.name for path in model.parent.iterdir()] == [model.name]
    assert not any(weight.external_data for weight in graph.graph.initializer)


def test_large_weights_are_stored_in_half_precision(task, model):
    weights = {weight.name: weight for weight in onnx.load(model).graph.initializer}
    half = weights["task.network.fusion.head.weight.half"]
    assert half.data_type == onnx.TensorProto.FLOAT16
    assert weights["task.network.unfolding.start.weight"].data_type == onnx.TensorProto.FLOAT
    single = 4 * sum(weight.numel() for weight in task.parameters())
    assert model.stat().st_size < 0.75 * single


def test_deploying_leaves_the_task_as_it_was(task):
    before = {name: weight.clone() for name, weight in task.state_dict().items()}
    Deployed(task)
    assert all(torch.equal(weight, before[name]) for name, weight in task.state_dict().items())


def test_any_size_and_no_negative_reflectance(model):
    lift = open_lift(model)
    for size in ((1, 1), (7, 30)):
        hsi = lift(np.random.default_rng(0).random((12, *size)))
        assert hsi.shape == (172, *size)
        assert hsi.min() >= 0


def test_digest_can_be_checked_with_the_standard_library(model):
    content = model.read_bytes()
    digest = re.search(rb"sha256:([0-9a-f]{64})", content).group(1)
    assert hashlib.sha256(content.replace(digest, b"0" * 64)).hexdigest().encode() == digest


def test_card_holds_what_others_read(model):
    properties = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    card = json.loads(properties["card"])
    assert card["name"] == "explains2a"
    assert card["sensor"] == "sentinel2"
    assert card["input"]["bands"] == [
        "B1",
        "B2",
        "B3",
        "B4",
        "B5",
        "B6",
        "B7",
        "B8",
        "B8A",
        "B9",
        "B11",
        "B12",
    ]
    assert card["input"]["scale"] == 1e-4
    assert len(card["output"]["wavelength_nm"]) == len(card["output"]["fwhm_nm"]) == 172
    assert (card["scale_factor"], card["halo"], card["tile"]) == (1, 48, 256)
    assert set(card["input"]["estimators"]) == {"B1", "B9"}
    assert set(card["input"]["estimators"]["B1"]["weights"]) == set(card["input"]["bands"]) - {"B1", "B9"}


def test_measured_halo_is_within_the_receptive_field(task):
    assert 8 <= measure_halo(Deployed(task), rough_images(12), tolerance=1e-3) <= 80


def test_loads_in_onnxruntime_1_17(model, run_in_old_runtime):
    script = (
        "import sys, numpy, onnxruntime as ort; assert ort.__version__.startswith('1.17'), ort.__version__;"
        "s = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider']);"
        "print(s.run(None, {'msi': numpy.zeros((1, 12, 5, 9), numpy.float32)})[0].shape)"
    )
    assert "(1, 172, 5, 9)" in run_in_old_runtime(script, model)
