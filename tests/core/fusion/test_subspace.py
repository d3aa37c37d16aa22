import numpy as np
import pytest

from hyperlift.core.fusion.subspace import Subspace


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return (rng.random((400, 3)) @ rng.random((3, 20))).astype(np.float32)


def test_it_spans_mixtures_and_its_signs_are_fixed(table):
    subspace = Subspace.of(table, 3, np.ones(20, bool))
    assert (subspace.endmembers.sum(axis=0) >= 0).all()
    np.testing.assert_allclose(subspace.endmembers.T @ subspace.endmembers, np.eye(3), atol=1e-9)
    pixels = table[:100].T.reshape(20, 10, 10)
    back = (
        subspace.spectra(subspace.abundances(pixels)) + (subspace.endmembers @ subspace.mean)[:, None, None]
    )
    np.testing.assert_allclose(back, pixels, atol=1e-4)


def test_abundances_do_not_depend_on_brightness_or_blocks(table):
    one = Subspace.of(table, 3, np.ones(20, bool))
    other = Subspace.of([7.0 * table[:150], 7.0 * table[150:]], 3, np.ones(20, bool))
    pixels = table[:100].T.reshape(20, 10, 10)
    np.testing.assert_allclose(one.abundances(pixels), other.abundances(7.0 * pixels), atol=1e-4)


def test_bad_bands_have_no_part(table):
    table[:, 4] = 1e6
    usable = np.arange(20) != 4
    assert not Subspace.of(table, 3, usable).endmembers[4].any()
