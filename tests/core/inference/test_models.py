import shutil

import onnx
import pytest

from hyperlift.core.errors import ModelError
from hyperlift.core.inference import models
from hyperlift.core.inference.blind_scene import open_blind
from hyperlift.core.inference.models import SHARPENING, find_model, model_names, model_path, read_card


@pytest.fixture
def copy(linear_model, tmp_path):
    path = tmp_path / "copy.onnx"
    shutil.copy(linear_model, path)
    return path


def test_reads_the_card_of_a_model_file(linear_model):
    card = read_card(linear_model)
    assert card.name == "tiny"
    assert card.input.bands[8] == "B8A"


def test_finds_models_by_name_and_by_path(linear_model, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "_FOLDER", tmp_path)
    assert model_names() == []
    with pytest.raises(ModelError, match=r"no model 'tiny'; choose a bundled one \(none is installed\)"):
        model_path("tiny")
    shutil.copy(linear_model, tmp_path / "tiny.onnx")
    assert model_names() == ["tiny"]
    assert find_model("tiny") == tmp_path / "tiny.onnx"
    assert find_model(str(linear_model)) == linear_model
    with pytest.raises(ModelError, match=r"choose a bundled one \(tiny\)"):
        find_model("tinny")


def test_bundled_models_are_whole():
    assert model_names() == ["explains2a", "ualnet"]
    for name in model_names():
        card = read_card(model_path(name))
        assert card.name == name
        assert card.tile % 16 == 0


def test_models_of_all_tasks_are_bundled():
    for grid_name in ("aviris172", "vnir", "visible31"):
        session, model = open_blind(grid_name, "cpu")
        assert session.card.name == f"pgunet-{grid_name}"
        assert model.stages > 0
    assert model_names(SHARPENING) == ["uafl"]


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"There is no model file .*gone\.onnx'; check its path"):
        find_model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_card(tmp_path / "gone.onnx")


@pytest.mark.parametrize("length", [1000, 9000, -1])
def test_truncated_file(copy, length):
    copy.write_bytes(copy.read_bytes()[:length])
    with pytest.raises(ModelError, match="is damaged or was changed after its export; copy or download it"):
        read_card(copy)


def test_one_changed_weight(copy):
    content = bytearray(copy.read_bytes())
    content[5000] ^= 1
    copy.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or was changed"):
        read_card(copy)


def test_changed_card(copy):
    copy.write_bytes(copy.read_bytes().replace(b'"halo": 0', b'"halo": 7'))
    with pytest.raises(ModelError, match="is damaged or was changed"):
        read_card(copy)


@pytest.mark.parametrize(
    "content", [b"", b"II*\0" + bytes(500), b"a text of some length\n" * 9, bytes(100), b"\xff" * 300]
)
def test_file_that_is_no_onnx_model(tmp_path, content):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX model; choose a model file that HyperLift exported"):
        read_card(path)


def test_model_without_a_card(copy):
    model = onnx.load(copy)
    del model.metadata_props[:]
    onnx.save(model, copy)
    with pytest.raises(ModelError, match=r"has no HyperLift card .* hyperlift.training export"):
        read_card(copy)


def test_model_of_another_sensor(make_model):
    with pytest.raises(ModelError, match="made for the sensor 'landsat8'; choose a model for Sentinel-2"):
        read_card(make_model("linear", sensor="landsat8"))
