import numpy as np
import pytest

from hyperlift.core.spectral.mixture import FREEDOM, SpectralMixture, fit_mixture


@pytest.fixture(scope="module")
def spectra():
    """Two kinds of smooth spectra over 20 channels, 1,000 of each."""
    rng = np.random.default_rng(0)
    axis = np.linspace(0, 1, 20)
    kinds = []
    for level, slope in ((0.1, 0.1), (0.9, -0.1)):
        tilt = slope + 0.1 * rng.standard_normal((1000, 1))
        kinds.append(level + 0.05 * rng.standard_normal((1000, 1)) + tilt * axis)
    return np.concatenate(kinds)


@pytest.fixture(scope="module")
def mixture(spectra):
    return fit_mixture(spectra, rank=3, components=2)


def normal(count=1, rank=2, channels=6, seed=1):
    rng = np.random.default_rng(seed)
    return SpectralMixture(
        rng.random(channels),
        np.linalg.qr(rng.standard_normal((channels, rank)))[0],
        0.01 * rng.random(channels),
        np.full(count, 1.0 / count),
        rng.standard_normal((count, rank)),
        np.linalg.cholesky(np.eye(rank) * rng.uniform(0.5, 2.0, (count, 1, 1))),
    )


def test_one_component_gives_the_wiener_estimate():
    mixture = normal()
    response = np.random.default_rng(2).random((3, 6))
    start = mixture.start(response, noise=0.1)
    full = mixture.basis @ mixture.factor[0] @ mixture.factor[0].T @ mixture.basis.T
    seen = response @ full @ response.T + response**2 @ mixture.rest * np.eye(3) + 0.01 * np.eye(3)
    expected = full @ response.T @ np.linalg.inv(seen)
    np.testing.assert_allclose(mixture.basis @ start.gain[0], expected, atol=1e-12)
    np.testing.assert_allclose(start.whitening[0].T @ start.whitening[0], np.linalg.inv(seen), rtol=1e-10)


def test_both_kinds_are_found(mixture, spectra):
    np.testing.assert_allclose(np.sort(mixture.weight), [0.5, 0.5], atol=0.05)
    levels = mixture.level @ mixture.basis.T + mixture.mean
    expected = np.stack([spectra[:1000].mean(axis=0), spectra[1000:].mean(axis=0)])
    first, second = (table[np.argsort(table[:, 0])] for table in (levels, expected))
    np.testing.assert_allclose(first, second, atol=0.02)


def test_the_true_response_is_likelier_than_a_shifted_one(mixture, spectra):
    response = np.zeros((3, 20))
    response[0, 2:4] = response[1, 9:11] = response[2, 16:18] = 0.5
    shifted = np.roll(response, 5, axis=1)
    pixels = spectra @ response.T
    assert mixture.log_likelihood(response, pixels) > mixture.log_likelihood(shifted, pixels) + 1.0


def test_likelihood_is_that_of_students_t():
    mixture, response = normal(), np.eye(6)[:2]
    pixel = np.array([[0.3, 0.9]])
    start = mixture.start(response)
    distance = (start.whitening[0] @ (pixel[0] - start.centre[0])) ** 2
    expected = start.constant[0] - 0.5 * (FREEDOM + 2) * np.log1p(distance.sum() / FREEDOM)
    assert mixture.log_likelihood(response, pixel) == pytest.approx(expected)
