import numpy as np
import pytest
from scipy.optimize import approx_fprime, linear_sum_assignment

from hyperlift.core.unmixing.endmembers import vca
from hyperlift.core.unmixing.sampled_pixels import SAMPLE
from hyperlift.core.unmixing.simplex import _Fit, minimum_volume, minimum_volume_simplex
from hyperlift.core.unmixing.statistics import UnmixingError


def spectra_of(count, bands=60, seed=0):
    """Unlike spectra of a few broad features: ``(count, bands)``."""
    random = np.random.default_rng(seed)
    at, centre = np.linspace(0, 1, bands), random.random((count, 4, 1))
    bumps = np.exp(-((at - centre) ** 2) / (2 * random.uniform(0.03, 0.2, (count, 4, 1)) ** 2))
    return 0.05 + (random.random((count, 4, 1)) * bumps).sum(axis=1)


def highly_mixed(spectra, count=8000, snr=35.0, most=0.8, seed=0):
    """Pixels ``(count, bands)`` with white noise, none with an abundance above ``most``."""
    random = np.random.default_rng(seed)
    abundances = random.dirichlet(np.ones(len(spectra)), 30 * count)
    clean = abundances[abundances.max(axis=1) <= most][:count] @ spectra
    deviation = np.sqrt(np.mean(clean**2) * 10 ** (-snr / 10))
    return clean + deviation * random.standard_normal(clean.shape)


def mean_angle(truth, estimate):
    """Mean of the degrees between the spectra of both, matched so that it is least."""
    unit = [spectra / np.linalg.norm(spectra, axis=1, keepdims=True) for spectra in (truth, estimate)]
    table = np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1)))
    return table[linear_sum_assignment(table)].mean()


@pytest.mark.parametrize("count", [3, 4, 6])
@pytest.mark.parametrize("snr", [25, 30, 40])
def test_endmembers_without_pure_pixels(count, snr):
    spectra = spectra_of(count)
    pixels = highly_mixed(spectra, snr=snr)
    purest, fitted = vca(pixels, count).spectra, minimum_volume_simplex(pixels, count)
    assert fitted.shape == spectra.shape
    assert mean_angle(spectra, fitted) < 0.2 * mean_angle(spectra, purest)


def test_noise_does_not_push_the_facets_out():
    spectra = spectra_of(3)
    for snr in (20, 30):
        fitted = minimum_volume_simplex(highly_mixed(spectra, snr=snr), 3)
        volume, true = (
            np.linalg.svd(table - table.mean(axis=0))[1][:2].prod() for table in (fitted, spectra)
        )
        assert volume == pytest.approx(true, rel=0.1)


def test_noiseless_pixels_give_the_simplex_itself():
    spectra = spectra_of(4)
    assert mean_angle(spectra, minimum_volume_simplex(highly_mixed(spectra, snr=200), 4)) < 0.2


def test_two_endmembers_are_the_ends():
    spectra = spectra_of(2)
    pixels = highly_mixed(spectra, most=1.0, snr=40)
    assert mean_angle(spectra, minimum_volume_simplex(pixels, 2)) < 0.3


def test_eleven_endmembers():
    spectra = spectra_of(11, bands=100)
    pixels = highly_mixed(spectra, 20_000, snr=45)
    found = mean_angle(spectra, minimum_volume_simplex(pixels, 11))
    assert found < 0.3 * mean_angle(spectra, vca(pixels, 11).spectra)


def test_a_start_near_the_truth_leads_to_the_same_simplex():
    spectra = spectra_of(4)
    pixels = highly_mixed(spectra)
    fitted, started = minimum_volume_simplex(pixels, 4), minimum_volume_simplex(pixels, 4, start=spectra)
    assert mean_angle(fitted, started) < 0.01


def test_reduced_pixels_may_have_one_band_less_than_endmembers():
    spectra = spectra_of(4)
    pixels = highly_mixed(spectra)
    mean = pixels.mean(axis=0)
    axes = np.linalg.svd(pixels - mean, full_matrices=False)[2][:3].T
    noise = np.sort(np.linalg.eigvalsh(np.cov(pixels.T)))[:-3].mean()
    reduced = minimum_volume_simplex((pixels - mean) @ axes, 4, noise_variance=noise)
    assert mean_angle(spectra, reduced @ axes.T + mean) < 0.5


def test_too_many_endmembers_give_a_simplex_of_some_thickness():
    spectra = spectra_of(3)
    fitted = minimum_volume_simplex(highly_mixed(spectra, 4000), 6)
    assert np.isfinite(fitted).all()
    assert np.linalg.matrix_rank(fitted - fitted.mean(axis=0), tol=1e-4) == 5


@pytest.mark.parametrize("count", [2, 4])
def test_gradient_of_the_criterion(count):
    random = np.random.default_rng(count)
    fit = _Fit.of(random.standard_normal((200, count - 1)), 0.3)
    vertices = random.standard_normal((count, count - 1))
    numeric = approx_fprime(
        vertices.ravel(), lambda values: fit.criterion(values.reshape(vertices.shape))[0], 1e-7
    )
    np.testing.assert_allclose(fit.criterion(vertices)[1], numeric, rtol=1e-4, atol=1e-4)


def test_criterion_is_distances_and_volume():
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    fit = _Fit.of(np.array([[1.0, 1.0], [1.0, -2.0], [-0.5, 1.0], [4.0, 3.0]]), 0.01)
    squares = 2.0**2 + 0.5**2 + (12 / 5) ** 2  # the last point is that far beyond the hypotenuse
    centred = triangle - triangle.mean(axis=0)
    volume = np.log(np.linalg.det(centred.T @ centred + 3 * 4 / 2 * 0.01 * np.eye(2))) / 2
    assert fit.criterion(triangle / fit.spread)[0] == pytest.approx(squares / 4 / 0.01 + volume / 2)


def test_blocks_give_what_the_array_gives():
    pixels = highly_mixed(spectra_of(3), 12_000)
    pixels[::9] = np.nan
    expected = minimum_volume(pixels, 3)
    found = minimum_volume(np.array_split(pixels, 7), 3)
    np.testing.assert_array_equal(found.spectra, expected.spectra)
    np.testing.assert_array_equal(found.indices, expected.indices)


def test_large_images_are_sampled():
    spectra = spectra_of(3)
    pixels = highly_mixed(spectra, 3 * SAMPLE)
    first, again, other = (minimum_volume_simplex(pixels, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert 0 < mean_angle(first, other) < 0.2
    assert mean_angle(spectra, first) < 0.3


def test_the_sample_is_drawn_from_valid_pixels():
    """Scenes may be nodata but for a strip."""
    spectra = spectra_of(3)
    valid = highly_mixed(spectra, 500)
    pixels = np.full((20 * SAMPLE, valid.shape[1]), np.nan, np.float32)
    pixels[7::800][:500] = valid
    assert mean_angle(spectra, minimum_volume_simplex(pixels, 3)) < 0.5


def test_indices_are_the_pixels_at_the_least_angle_none_twice():
    pixels = highly_mixed(spectra_of(4), 9000)
    pixels[1234] = np.nan
    found = minimum_volume(pixels, 4)
    unit = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    cosines = found.spectra @ unit.T / np.linalg.norm(found.spectra, axis=1, keepdims=True)
    np.testing.assert_array_equal(found.indices, np.nanargmax(cosines, axis=1))
    few = minimum_volume(pixels[:4], 4)
    assert sorted(few.indices) == [0, 1, 2, 3]


def test_more_endmembers_than_a_simplex_can_have_are_refused():
    with pytest.raises(UnmixingError, match="3 bands allow 4"):
        minimum_volume_simplex(np.random.default_rng(0).random((50, 3)), 5)
    with pytest.raises(UnmixingError, match="at least two"):
        minimum_volume_simplex(np.random.default_rng(0).random((50, 3)), 1)
