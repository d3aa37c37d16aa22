import numpy as np
import pytest
import torch

from hyperlift.core.networks.sizes import UAFL_MULTIPLE
from hyperlift.core.networks.uafl import UAFL, UAFLConfig
from hyperlift.core.networks.uafl.alignment import CoarseToFineAlignment, ModulatedDeformable
from hyperlift.core.networks.uafl.attention import (
    CrossAttention,
    PlainFusion,
    WindowAttention,
    unwindows,
    windows,
)
from hyperlift.core.networks.uafl.network import MutualFusion, SimpleFusion

SMALL = {"width": 8, "blocks": (1, 1, 1)}


def count(**changes):
    return sum(weight.numel() for weight in UAFL(UAFLConfig(**changes)).parameters())


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({}, 5_948_450),
        ({"biases": True}, 5_967_781),
        ({"mutual_fusion": False}, 5_859_426),
        ({"mutual_fusion": False, "aggregation": "none"}, 4_859_816),
    ],
)
def test_it_has_the_published_number_of_parameters(changes, parameters):
    assert count(**changes) == parameters


def trained(**changes):
    """A network whose answer is not zero."""
    torch.manual_seed(0)
    network = UAFL(UAFLConfig(**{**SMALL, **changes})).eval()
    for weight in network.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    return network


@pytest.mark.parametrize("maps", [2, 3, 5, 8])
@pytest.mark.parametrize("aggregation", ["none", "deformable", "cfda"])
def test_it_gives_as_many_maps_as_it_takes(maps, aggregation):
    network = trained(abundances=maps, aggregation=aggregation)
    found = network(torch.rand(1, maps, 32, 64), torch.rand(1, 3, 32, 64))
    assert found.shape == (1, maps, 32, 64)
    assert found.abs().max() > 0


def test_it_takes_multiples_of_a_size_and_no_smaller_ones():
    for side in (UAFL_MULTIPLE, 3 * UAFL_MULTIPLE):
        assert trained()(*torch.rand(2, 1, 3, side, side)).shape == (1, 3, side, side)
    side = UAFL_MULTIPLE // 2
    with pytest.raises(RuntimeError):
        trained()(*torch.rand(2, 1, 3, side, side))


@pytest.mark.parametrize(
    ("changes", "absent", "present"),
    [
        ({"cross_attention": False}, {CrossAttention, WindowAttention}, {PlainFusion, MutualFusion}),
        ({"mutual_fusion": False}, {MutualFusion}, {SimpleFusion, CrossAttention}),
        ({"aggregation": "none"}, {CoarseToFineAlignment, ModulatedDeformable}, {CrossAttention}),
        ({}, {PlainFusion, SimpleFusion}, {CrossAttention, MutualFusion, CoarseToFineAlignment}),
    ],
)
def test_its_modules_can_be_left_out(changes, absent, present):
    """With the same weights in what they share, only another network gives another answer."""
    whole, network = trained(), trained(**changes)
    kinds = {type(module) for module in network.modules()}
    assert kinds.isdisjoint(absent)
    assert kinds >= present
    own, weights = network.state_dict(), whole.state_dict()
    shared = [name for name in own if name in weights and own[name].shape == weights[name].shape]
    network.load_state_dict({**own, **{name: weights[name] for name in shared}})
    abundances, reference = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    same = torch.equal(network(abundances, reference), whole(abundances, reference))
    assert same == (not changes)


def test_untrained_it_changes_nothing_or_gives_the_injected_detail():
    abundances, reference = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    assert not UAFL(UAFLConfig(**SMALL))(abundances, reference).any()
    injected = UAFL(UAFLConfig(**SMALL, injected=True))(abundances, reference)
    torch.testing.assert_close(injected, reference - abundances)


@pytest.mark.parametrize(
    "changes", [{"width": 12}, {"aggregation": "best"}, {"blocks": (2,)}, {"injected": True, "abundances": 5}]
)
def test_a_configuration_that_cannot_be_built_is_refused(changes):
    with pytest.raises(ValueError, match=r"must|has as many"):
        UAFLConfig(**changes)


def test_windows_come_back_in_their_places():
    x = torch.rand(2, 6, 16, 24)
    assert torch.equal(unwindows(windows(x, 2)), x)


def test_shifted_windows_do_not_join_opposite_edges():
    torch.manual_seed(0)
    attention = WindowAttention(8, 4, bias=False).eval()
    x, reference = torch.rand(1, 8, 24, 24), torch.rand(1, 8, 24, 24)
    changed = reference.clone()
    changed[..., :4] += 1.0
    found = (attention(x, changed) - attention(x, reference)).abs().amax(dim=(0, 1, 2))
    assert found[:4].min() > 1e-3
    assert found[4:].max() < 1e-6


def test_a_shift_of_the_window_grid_shifts_the_plain_attention():
    torch.manual_seed(0)
    attention = WindowAttention(8, 0, bias=False).eval()
    x, reference = torch.rand(1, 8, 24, 24), torch.rand(1, 8, 24, 24)
    moved = attention(x.roll(8, 3), reference.roll(8, 3)).detach()
    np.testing.assert_allclose(moved, attention(x, reference).roll(8, 3).detach(), atol=1e-6)
