"""Spectral angle and continuum-removed correlation: known answers, gaps, other channels."""

from __future__ import annotations

import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import SpectralLibrary, grid
from hyperlift.core.spectral.matching import Matcher, correlation, joined, rank, spectral_angle

X = np.linspace(400.0, 2400.0, 101)


def absorption(centre: float, depth: float = 0.3, slope: float = 0.0) -> np.ndarray:
    return (0.4 + slope * (X - 400) / 2000) * (1 - depth * np.exp(-(((X - centre) / 60) ** 2)))


@pytest.fixture
def minerals() -> SpectralLibrary:
    spectra = np.stack([absorption(900), absorption(1400), absorption(2200), np.full(101, 0.5)])
    return SpectralLibrary(("goethite", "gypsum", "clay", "chalk"), spectra, X)


def test_angle_of_known_vectors():
    angles = spectral_angle([[1.0, 0.0]], [[2.0, 0.0], [1.0, 1.0], [0.0, 3.0], [-1.0, 0.0], [0.0, 0.0]])
    assert angles[0, :4] == pytest.approx([0.0, 45.0, 90.0, 180.0])
    assert np.isnan(angles[0, 4])


def test_correlation_is_that_of_numpy():
    spectra = np.random.default_rng(0).random((6, 30))
    assert correlation(spectra[:2], spectra[2:]) == pytest.approx(np.corrcoef(spectra)[:2, 2:])


@pytest.mark.parametrize("level", [0.2, 1e-3, 7.0])
def test_constant_spectra_correlate_with_nothing(level):
    rounded = level * (1.0 + 1e-8 * np.random.default_rng(1).normal(size=(1, 30)))
    assert np.isnan(correlation(rounded, np.random.default_rng(0).random((2, 30)))).all()


def test_angle_does_not_see_brightness_and_correlation_no_slope(minerals):
    matcher = Matcher(minerals, X)
    dark = matcher.closest(0.2 * absorption(1400), 2)
    assert (dark[0].name, dark[0].angle_deg) == ("gypsum", pytest.approx(0.0, abs=1e-5))
    steep = matcher.closest(absorption(2200, slope=0.5), 4, "correlation")
    assert len(steep) == 3  # chalk has no absorption to compare
    assert steep[0].name == "clay"
    assert steep[0].correlation == pytest.approx(1.0, abs=0.01)
    assert steep[0].angle_deg > 5.0
    correlations = {match.name: match.correlation for match in matcher.closest(absorption(2200), 4)}
    assert [name for name, value in correlations.items() if np.isnan(value)] == ["chalk"]


def test_library_on_other_channels_is_brought_to_those_of_the_spectrum(minerals):
    bands = grid("aviris172")
    spectrum = np.interp(bands.wavelength_nm, X, absorption(2200))
    best = Matcher(minerals, bands.wavelength_nm, bands.fwhm_nm).closest(spectrum, 1)[0]
    assert (best.number, best.name) == (2, "clay")
    assert best.angle_deg < 0.3
    assert best.correlation > 0.99


def test_channels_without_values_are_not_compared(minerals):
    spectra = minerals.spectra.copy()
    spectra[2, 70:75] = np.nan
    matcher = Matcher(SpectralLibrary(minerals.names, spectra, X), X)
    spectrum = absorption(2200)
    spectrum[[3, 72]] = [np.nan, 40.0]
    best = matcher.closest(spectrum, 1)[0]
    assert (best.name, best.angle_deg) == ("clay", pytest.approx(0.0, abs=1e-5))


def test_spectra_that_cover_less_than_half_are_left_out(minerals):
    spectra = minerals.spectra.copy()
    spectra[0, 40:] = np.nan
    matcher = Matcher(SpectralLibrary(minerals.names, spectra, X), X)
    assert list(matcher.compared) == [1, 2, 3]
    assert "goethite" not in [match.name for match in matcher.closest(absorption(900), 4)]
    with pytest.raises(SpectralError, match="None of the library's 4 spectra covers at least half of the 50"):
        Matcher(minerals, np.linspace(3000.0, 4000.0, 50))


def test_scores_of_many_are_those_of_each(minerals):
    matcher, random = Matcher(minerals, X), np.random.default_rng(1)
    spectra = minerals.spectra[[0, 2]] + random.normal(0, 0.01, (2, 101))
    angles, correlations = matcher.scores(spectra)
    assert angles.shape == correlations.shape == (2, 4)
    for row, spectrum in enumerate(spectra):
        found = {match.number: match for match in matcher.closest(spectrum, 4)}
        assert [found[number].angle_deg for number in range(4)] == pytest.approx(angles[row])
    assert list(rank(angles, correlations, "angle")[:, 0]) == [0, 2]


def test_without_wavelengths_the_number_of_channels_must_agree(minerals):
    matcher = Matcher(SpectralLibrary(minerals.names, minerals.spectra), None)
    assert matcher.closest(absorption(900), 1)[0].name == "goethite"
    with pytest.raises(SpectralError, match="The spectra have 5 channels and the library 101"):
        matcher.scores(np.ones((1, 5)))


def test_spectra_are_joined_on_the_channels_of_the_first():
    fine, coarse = np.linspace(400, 1000, 61), np.linspace(500, 900, 9)
    library = joined(
        [("a", fine / 1000, fine, None), ("b", coarse / 1000, coarse, None), ("c", fine, fine, None)]
    )
    assert library.names == ("a", "b", "c")
    assert np.array_equal(library.spectra[0], fine / 1000)
    assert np.array_equal(library.spectra[2], fine)
    inside = (fine >= 500) & (fine <= 900)
    assert library.spectra[1][inside] == pytest.approx(fine[inside] / 1000)
    assert np.isnan(library.spectra[1][[0, -1]]).all()


def test_nothing_and_what_cannot_be_joined_are_refused():
    with pytest.raises(SpectralError, match="There are no spectra"):
        joined([])
    with pytest.raises(SpectralError, match="no common wavelengths and another number of channels"):
        joined([("a", np.ones(3), None, None), ("b", np.ones(4), None, None)])
