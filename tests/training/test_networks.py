import pytest

from hyperlift.training.networks import NETWORKS, configuration, part_of


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_has_the_parts_that_the_command_line_calls(network):
    assert network in part_of(network, "config").CONFIGS
    for part, function in (("train", "train"), ("export", "export_checkpoint"), ("evaluate", "evaluate")):
        assert callable(getattr(part_of(network, part), function))
    assert all(name.split("-")[0] == network for name in part_of(network, "config").CONFIGS)


def test_a_configuration_belongs_to_the_network_that_its_name_begins_with():
    assert configuration("explains2a-hybrid").network.solver == "hybrid"


def test_unknown_names_are_said_with_the_known_ones():
    with pytest.raises(ValueError, match="no configuration 'explains2a-none'; choose one of explains2a,"):
        configuration("explains2a-none")
    with pytest.raises(ValueError, match="no network 'resnet'; choose one of explains2a"):
        configuration("resnet")
