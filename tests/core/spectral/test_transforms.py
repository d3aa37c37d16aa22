"""Continuum removal and derivatives against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from hyperlift.core.spectral import grid
from hyperlift.core.spectral.transforms import continuum, continuum_removed, derivative, pieces


def hull_by_scipy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The upper hull by scipy: that of the points and two far below the ends."""
    low = y.min() - 10.0 * (np.ptp(y) + 1.0)
    points = np.column_stack([np.r_[x, x[0], x[-1]], np.r_[y, low, low]])
    corners = sorted(number for number in ConvexHull(points).vertices if number < len(x))
    return np.interp(x, x[corners], y[corners])


def rough_spectra(count: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    x = np.sort(random.uniform(400, 2500, channels))
    return x, 0.3 + 0.1 * np.sin(x / 200) + random.normal(0, 0.03, (count, channels))


def test_continuum_is_the_upper_convex_hull():
    x, spectra = rough_spectra(40, 120)
    expected = np.stack([hull_by_scipy(x, y) for y in spectra])
    assert continuum(x, spectra) == pytest.approx(expected, abs=1e-12)
    assert continuum(x, spectra[0]) == pytest.approx(expected[0], abs=1e-12)


def test_continuum_does_not_depend_on_the_order_of_channels():
    x, spectra = rough_spectra(5, 60)
    order = np.random.default_rng(1).permutation(60)
    assert np.array_equal(continuum(x[order], spectra[:, order]), continuum(x, spectra)[:, order])


def test_continuum_leaves_out_channels_without_values():
    x, spectra = rough_spectra(3, 50)
    spectra[1, [0, 7, 49]] = np.nan
    spectra[2] = np.nan
    hulls, known = continuum(x, spectra), np.isfinite(spectra[1])
    assert np.array_equal(np.isnan(hulls[1]), ~known)
    assert hulls[1][known] == pytest.approx(hull_by_scipy(x[known], spectra[1][known]), abs=1e-12)
    assert np.isnan(hulls[2]).all()


def test_absorption_is_what_is_left_without_the_continuum():
    x = np.linspace(2000, 2400, 81)
    depth = 0.3 * np.exp(-(((x - 2200) / 25) ** 2))
    removed = continuum_removed(x, (0.2 + x / 10000) * (1 - depth))
    assert removed.min() == pytest.approx(0.7, abs=0.002)
    assert x[removed.argmin()] == 2200
    assert removed.max() == pytest.approx(1.0)


def test_continuum_that_is_not_positive_gives_nothing():
    assert np.isnan(continuum_removed(np.arange(4.0), -np.ones(4))).all()


def test_channels_of_one_wavelength_are_no_corner_each():
    x = np.array([500.0, 600.0, 600.0, 700.0])
    hull = continuum(x, np.array([1.0, 3.0, 2.0, 1.0]))
    assert hull[[0, 1, 3]] == pytest.approx([1.0, 3.0, 1.0])


def test_derivative_of_a_parabola_is_exact_inside():
    x = np.sort(np.random.default_rng(2).uniform(400, 900, 40))
    slopes = derivative(x, x**2)
    inside = np.concatenate([piece[1:-1] for piece in pieces(x)])
    assert slopes[inside] == pytest.approx(2 * x[inside], rel=1e-9)


def test_derivative_does_not_reach_across_holes_or_missing_values():
    x = np.r_[np.arange(400.0, 500, 10), np.arange(900.0, 1000, 10)]
    y = np.where(x < 600, x, 5000 - x)
    slopes = derivative(x, y)
    assert slopes == pytest.approx(np.where(x < 600, 1.0, -1.0))
    y[3] = np.nan
    assert np.isnan(derivative(x, y)[2:5]).all()
    assert np.isfinite(derivative(x, y)[5:]).all()


def test_pieces_break_at_the_water_bands_and_sort_detectors():
    bands = grid("aviris172")
    parts = pieces(bands.wavelength_nm)
    assert len(parts) == 3
    assert all((np.diff(bands.wavelength_nm[part]) > 0).all() for part in parts)
    assert sum(map(len, parts)) == 172
    assert pieces([np.nan, np.nan]) == []
