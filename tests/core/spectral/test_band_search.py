import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_search import BandSearch
from hyperlift.core.spectral.band_shapes import BandShapes
from hyperlift.core.spectral.mixture import fit_mixture

CENTRE, WIDTH = np.array([480.0, 560.0, 650.0, 840.0]), np.array([60.0, 40.0, 40.0, 100.0])


@pytest.fixture(scope="module")
def shapes():
    return BandShapes(grid("vnir"))


@pytest.fixture(scope="module")
def land(shapes):
    """Spectra with a red edge of varying place and height, and bare ones."""
    rng = np.random.default_rng(0)
    nm = shapes.grid.wavelength_nm
    edge, height = rng.normal(710, 8, (3000, 1)), rng.uniform(0, 0.4, (3000, 1))
    green = rng.uniform(0, 0.1, (3000, 1)) * np.exp(-(((nm - 555) / 35) ** 2))
    return rng.uniform(0.03, 0.1, (3000, 1)) + green + height / (1 + np.exp(-(nm - edge) / 12)) + 1e-4 * nm


@pytest.fixture(scope="module")
def search(shapes, land):
    pixels = land[::5] @ shapes.rows(CENTRE, WIDTH).T
    return BandSearch(shapes, fit_mixture(land, rank=6, components=4), pixels)


def test_nominal_centres_are_kept_within_their_deviation(search):
    bands = search.with_centres(CENTRE)
    assert np.abs(bands.centre_nm - CENTRE).max() < 8.0
    assert (bands.centre_deviation_nm < 8.0).all()


def test_widths_are_near_those_of_known_cameras(search):
    bands = search.with_centres(CENTRE)
    assert np.median(np.abs(bands.width_nm / WIDTH - 1)) < 0.4


def test_without_centres_bands_are_in_the_right_region(search):
    bands = search.alone()
    assert np.median(np.abs(bands.centre_nm - CENTRE)) < 40.0


def test_the_search_repeats(shapes, land):
    mixture = fit_mixture(land, rank=6, components=4)
    pixels = land[::5] @ shapes.rows(CENTRE, WIDTH).T
    first, second = (BandSearch(shapes, mixture, pixels).with_centres(CENTRE) for _ in range(2))
    np.testing.assert_array_equal(first.width_nm, second.width_nm)
