from inspect import signature
from types import SimpleNamespace

import pytest

from hyperlift.core.errors import HyperLiftError
from hyperlift.training import __main__ as command_line
from hyperlift.training.data.spectra import HELD_OUT
from hyperlift.training.networks import NETWORKS, configuration, part_of


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_the_parts_that_the_command_line_calls(network):
    assert network in part_of(network, "config").CONFIGS
    for part, function in (("train", "train"), ("export", "export_checkpoint"), ("evaluate", "evaluate")):
        assert callable(getattr(part_of(network, part), function))
    assert all(name.split("-")[0] == network for name in part_of(network, "config").CONFIGS)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_parts_of_all_networks_are_called_alike(network):
    evaluation = list(signature(part_of(network, "evaluate").evaluate).parameters)
    assert evaluation[:6] == ["model", "output", "data", "models", "further", "perceptron"]
    for part, function in (("train", "train"), ("export", "export_checkpoint")):
        own, first = (getattr(part_of(one, part), function) for one in (network, NETWORKS[0]))
        assert signature(own) == signature(first)


@pytest.mark.parametrize("network", ["ualnet", "pgunet", "uafl"])
def test_pairs_are_refused_where_they_are_of_no_use(network, tmp_path):
    with pytest.raises(HyperLiftError, match="leave out --pairs"):
        part_of(network, "evaluate").evaluate(tmp_path / "model.onnx", tmp_path, further=[None])
    for given in ({"pairs": tmp_path}, {"hold_out": ["valley"]}):
        with pytest.raises(HyperLiftError, match="leave out --pairs"):
            part_of(network, "train").train(configuration(network), tmp_path, **given)


@pytest.mark.parametrize("there", [HELD_OUT, HELD_OUT[:1]])
def test_held_out_cubes_that_are_not_there_are_said(monkeypatch, tmp_path, capsys, there):
    (tmp_path / "cubes").mkdir()
    for name in there:
        (tmp_path / "cubes" / f"{name}.npz").touch()
    (tmp_path / "scores.md").write_text("scores")
    evaluation = SimpleNamespace(evaluate=lambda *_, **__: tmp_path / "report.html")
    monkeypatch.setattr(command_line, "part_of", lambda *_: evaluation)
    assert command_line.main(["evaluate", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert all((name in said) == (name not in there) for name in HELD_OUT)
    assert ("Warning" in said) == (there != HELD_OUT)


def test_a_configuration_belongs_to_the_network_that_its_name_begins_with():
    assert configuration("explains2a-hybrid").network.solver == "hybrid"


def test_unknown_names_are_said_with_the_known_ones():
    with pytest.raises(ValueError, match="no configuration 'explains2a-none'; choose one of explains2a,"):
        configuration("explains2a-none")
    with pytest.raises(ValueError, match="no network 'resnet'; choose one of explains2a"):
        configuration("resnet")
