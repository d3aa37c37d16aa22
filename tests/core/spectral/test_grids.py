import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import Grid, grid, grid_names


@pytest.mark.parametrize(
    ("name", "channels"),
    [("aviris224", 224), ("aviris172", 172), ("aviris186", 186), ("visible31", 31), ("vnir", 61)],
)
def test_grids_have_their_channels(name, channels):
    assert len(grid(name)) == channels
    assert name in grid_names()


def test_172_grid_leaves_out_the_published_channels():
    everything = grid("aviris224").wavelength_nm
    dropped = [*range(1, 11), *range(104, 117), *range(152, 171), *range(215, 225)]
    kept = np.delete(everything, np.array(dropped) - 1)
    np.testing.assert_array_equal(grid("aviris172").wavelength_nm, kept)


def test_186_grid_extends_the_172_grid_down_to_b1():
    wide, narrow = set(grid("aviris186").wavelength_nm), set(grid("aviris172").wavelength_nm)
    assert narrow < wide
    assert min(wide) == pytest.approx(404.6, abs=0.1)


def test_order_sorts_a_grid_that_steps_back():
    aviris = grid("aviris224")
    assert (np.diff(aviris.wavelength_nm) < 0).sum() == 3
    assert (np.diff(aviris.wavelength_nm[aviris.order]) > 0).all()


def test_covers_knows_ends_and_holes():
    covered = grid("aviris172").covers([443, 500, 660, 1400, 1900, 2200, 2500])
    assert covered.tolist() == [False, True, True, False, False, True, False]


def test_unknown_grid_names_the_choices():
    with pytest.raises(SpectralError, match="no wavelength grid 'aviris'; choose one of aviris224"):
        grid("aviris")


@pytest.mark.parametrize("bad", [np.array([]), np.array([500.0, np.nan]), np.array([-1.0, 5.0])])
def test_grid_refuses_wavelengths_that_are_none(bad):
    with pytest.raises(SpectralError, match="Grid 'x' needs"):
        Grid("x", bad, np.ones_like(bad))
