import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes, known_bands, typical_widths


@pytest.mark.parametrize("name", ["visible31", "vnir", "aviris172"])
def test_rows_are_physical(name):
    rows = BandShapes(grid(name)).rows(np.array([500.0, 560.0, 660.0]), np.array([5.0, 30.0, 80.0]))
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", ["vnir", "aviris172"])
def test_centre_and_width_come_back(name):
    centre, width = np.array([520.0, 655.0, 860.0]), np.array([40.0, 60.0, 100.0])
    shapes = BandShapes(grid(name))
    found = shapes.centre_and_width(shapes.rows(centre, width))
    np.testing.assert_allclose(found[0], centre, atol=2.0)
    np.testing.assert_allclose(found[1], width, rtol=0.1)


def test_a_band_beyond_the_grid_still_has_a_row():
    rows = BandShapes(grid("visible31")).rows(np.array([2000.0]), np.array([10.0]))
    np.testing.assert_allclose(rows, 1 / 31)


def test_widths_of_a_known_camera_are_its_own():
    centre, width = known_bands()[1]
    mean, deviation = typical_widths(centre)
    assert np.abs(np.exp(mean) / width - 1).max() < 0.35
    assert np.median(np.abs(np.exp(mean) / width - 1)) < 0.1
    assert (deviation < 0.6).all()


def test_widths_far_from_all_bands_are_uncertain():
    mean, deviation = typical_widths(np.array([1900.0]))
    assert np.exp(mean[0]) == pytest.approx(133.0)
    assert deviation[0] == pytest.approx(0.6)


def test_cameras_of_the_evaluation_are_not_known():
    text = (BandShapes.__module__, known_bands())
    centres = {tuple(np.round(centre)) for centre, _ in text[1]}
    assert (482.0, 547.0, 605.0, 660.0, 723.0, 827.0, 922.0) not in {one[1:] for one in centres}


def test_curves_have_no_dip_where_detectors_meet():
    shapes = BandShapes(grid("aviris172"))
    rows = shapes.rows(np.array([660.0]), np.array([80.0]))
    centres = shapes.grid.wavelength_nm[shapes.grid.order]
    top = shapes.per_nm(rows)[0, np.abs(centres - 660.0) < 20]
    assert top.min() > 0.8 * top.max()
    weights = rows[0, shapes.grid.order][np.abs(centres - 660.0) < 20]
    assert weights.min() < 0.7 * weights.max()
