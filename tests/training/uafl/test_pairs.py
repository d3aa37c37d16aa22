import numpy as np
import pytest

from hyperlift.training.uafl.pairs import PairConfig, PairMaker, camera, make_pair
from hyperlift.training.uafl.task import PairStream


@pytest.fixture
def pairs(maker):
    return PairMaker(maker, PairConfig(side=32, margin=8, scales=(4,)))


def test_a_pair_depends_on_its_seed_alone(pairs):
    one, same, other = (pairs.pair(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.reference, same.reference)
    assert not np.array_equal(one.truth, other.truth)
    assert one.abundances.shape == one.reference.shape == one.truth.shape == (3, 32, 32)


def test_a_photograph_in_its_place_brings_detail(maker):
    rng = np.random.default_rng(1)
    scene = maker._generated(rng, 64)[0]
    pair = make_pair(rng, scene, camera(rng, scene), 4, PairConfig(side=32, margin=16))
    errors = [np.abs(guess - pair.truth).mean() for guess in (pair.abundances, pair.reference)]
    assert errors[1] < errors[0]


def test_a_stream_goes_on_where_it_was_left(pairs):
    stream = iter(PairStream(pairs, 0))
    for number in range(6):
        batch, resumed = next(stream), next(iter(PairStream(pairs, 0, start=number)))
        assert batch["truth"].shape == (1, 3, 32, 32)
        for name in ("abundances", "reference", "truth"):
            np.testing.assert_array_equal(batch[name], resumed[name])
