import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import Grid, grid, resample, resampling_matrix


def regular(first, last, step, fwhm):
    centres = np.arange(first, last + step / 2, step)
    return Grid("regular", centres, np.full_like(centres, fwhm))


def gaussian(wavelength, centre, fwhm):
    return np.exp(-4 * np.log(2) * ((wavelength - centre) / fwhm) ** 2)


def test_widths_add_in_squares():
    # Channels see a Gaussian line of width w as one of width sqrt(w^2 + fwhm^2) and the same area.
    source, target, line = regular(400, 800, 1, 8.0), regular(450, 750, 5, 24.0), 6.0
    in_source, in_target = np.hypot(line, 8.0), np.hypot(line, 24.0)
    seen = gaussian(source.wavelength_nm, 600, in_source) / in_source
    expected = gaussian(target.wavelength_nm, 600, in_target) / in_target
    np.testing.assert_allclose(resample(seen, source, target), expected, atol=2e-3 / in_target)


def test_a_finer_target_is_interpolated():
    source, target = regular(400, 800, 10, 10.0), regular(405, 795, 1, 2.0)
    line = 0.1 + source.wavelength_nm / 1000
    np.testing.assert_allclose(resample(line, source, target), 0.1 + target.wavelength_nm / 1000)


def test_overlapping_detectors_are_sorted_first():
    aviris = grid("aviris224")
    smooth = np.sin(aviris.wavelength_nm / 300)
    target = grid("vnir")
    inside = aviris.covers(target.wavelength_nm)
    result = resample(smooth, aviris, target)[inside]
    np.testing.assert_allclose(result, np.sin(target.wavelength_nm[inside] / 300), atol=2e-3)


def test_channels_without_support_are_nan():
    values = resample(np.ones(172), grid("aviris172"), grid("aviris224"))
    assert np.isnan(values[:9]).all()
    assert np.isnan(values[107:114]).all()
    np.testing.assert_allclose(values[20:100], 1.0)


def test_rows_are_weights():
    matrix, supported = resampling_matrix(grid("aviris224"), grid("aviris186"))
    assert supported.all()
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


def test_wrong_number_of_channels_is_said():
    with pytest.raises(SpectralError, match="have 5 channels, the grid 'aviris172' has 172"):
        resample(np.ones((2, 5)), grid("aviris172"), grid("vnir"))
