import numpy as np
import pytest
from scipy.stats import norm

from hyperlift.core.unmixing.model_order import hfc, hysime
from hyperlift.core.unmixing.noise import factor_noise, regression_noise
from hyperlift.core.unmixing.statistics import PixelStatistics, UnmixingError

BANDS = 40


def scene(count, number=2000, deviation=0.003, seed=0):
    """Mixtures ``(number, BANDS)`` of smooth spectra; ``deviation`` of the noise, one or for every band."""
    random = np.random.default_rng(seed)
    place = np.linspace(0.0, 1.0, BANDS)
    centre, width = random.random((2, count, 1))
    spectra = 0.1 + 0.8 * np.exp(-(((place - centre) / (0.05 + 0.2 * width)) ** 2))
    pixels = random.dirichlet(np.ones(count), number) @ spectra
    return pixels + deviation * random.standard_normal(pixels.shape)


def residuals(pixels):
    """What least squares on the other bands leaves of every band."""
    result = np.empty_like(pixels)
    for band in range(pixels.shape[1]):
        others = np.delete(pixels, band, axis=1)
        weights = np.linalg.lstsq(others, pixels[:, band], rcond=None)[0]
        result[:, band] = pixels[:, band] - others @ weights
    return result


def test_noise_is_what_regression_on_the_other_bands_leaves():
    pixels = scene(4, deviation=0.02)
    noise = residuals(pixels)
    estimate = regression_noise(pixels.T @ pixels / len(pixels))
    np.testing.assert_allclose(estimate.variance, (noise**2).mean(axis=0), rtol=1e-5)
    signal = (pixels - noise).T @ (pixels - noise) / len(pixels)
    np.testing.assert_allclose(estimate.signal, signal, atol=1e-6)


def test_noise_of_every_band_is_found():
    deviation = np.linspace(0.002, 0.02, BANDS)
    pixels = scene(3, 20_000, deviation)
    found = regression_noise(np.cov(pixels.T)).variance
    np.testing.assert_allclose(found[10:], deviation[10:] ** 2, rtol=0.2)
    np.testing.assert_allclose(found, deviation**2, rtol=0.8)


def test_noise_beside_factors_is_found():
    deviation = np.linspace(0.01, 0.03, 12)
    random = np.random.default_rng(1)
    pixels = random.standard_normal((40_000, 3)) @ random.standard_normal((3, 12))
    pixels += deviation * random.standard_normal(pixels.shape)
    np.testing.assert_allclose(factor_noise(np.cov(pixels.T), 3), deviation**2, rtol=0.1)


def test_white_noise_stays_white_when_pixels_are_divided_by_their_sums():
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.ones(3), 40_000) @ random.dirichlet(np.full(12, 5.0), 3)
    noise = 1e-3 * random.standard_normal(shares.shape)
    pixels = shares + noise - noise.mean(axis=1, keepdims=True)
    found = factor_noise(np.cov(pixels.T), 2)
    np.testing.assert_allclose(found, found.mean(), rtol=0.25)


def reference_hysime(pixels):
    """The paper's algorithm with the pixels themselves."""
    noise = residuals(pixels)
    signal = pixels - noise
    axes = np.linalg.svd(signal.T @ signal / len(pixels))[0]
    spread = np.diag((noise**2).mean(axis=0))
    moment = pixels.T @ pixels / len(pixels)
    return sum(-axis @ moment @ axis + 2 * axis @ spread @ axis < 0 for axis in axes.T)


@pytest.mark.parametrize("count", [2, 4, 6])
@pytest.mark.parametrize("deviation", [0.003, 0.05])
def test_hysime_is_that_of_the_paper(count, deviation):
    pixels = scene(count, deviation=deviation, seed=count)
    found = hysime(pixels)
    assert found.count == reference_hysime(pixels)
    assert min(found.scores, key=found.scores.get) == found.count
    if deviation == 0.003:
        assert found.count == count


@pytest.mark.parametrize("whiten", [False, True])
def test_hfc_counts_differences_beyond_the_threshold(whiten):
    pixels = scene(5, deviation=np.linspace(0.002, 0.02, BANDS))
    scaled = pixels / residuals(pixels).std(axis=0) if whiten else pixels
    correlation = np.linalg.eigvalsh(scaled.T @ scaled / len(scaled))[::-1]
    covariance = np.linalg.eigvalsh(np.cov(scaled.T, bias=True))[::-1]
    spread = np.sqrt(2 * (correlation**2 + covariance**2) / len(scaled))
    found = hfc(pixels, 1e-3, whiten)
    assert found.count == np.sum(correlation - covariance > norm.ppf(1 - 1e-3) * spread)
    assert sum(score > 1 for score in found.scores.values()) == found.count


def test_more_false_alarms_count_more():
    pixels = scene(6)
    assert hfc(pixels, 0.4).count >= hfc(pixels, 1e-3).count > hfc(pixels, 1e-300).count


def test_blocks_and_statistics_do_as_well_as_pixels():
    pixels = scene(4)
    pixels[::7, 3] = np.nan
    blocks = [pixels[:300], pixels[300:]]
    for method in (hysime, hfc):
        assert method(blocks) == method(PixelStatistics.of(pixels)) == method(pixels)


@pytest.mark.parametrize("method", [hysime, hfc])
@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.full((100, 5), np.nan), "no valid pixel"),
        (np.full((100, 5), 0.3), "All valid pixels are the same"),
        (np.random.default_rng(0).random((5, 5)), "5 valid pixels are too few"),
    ],
)
def test_pixels_that_tell_nothing_are_refused(method, pixels, sentence):
    with pytest.raises(UnmixingError, match=sentence):
        method(pixels)


@pytest.mark.parametrize("probability", [0.0, 0.5, float("nan")])
def test_probabilities_out_of_range_are_refused(probability):
    with pytest.raises(UnmixingError, match=r"between 0 and 0\.5"):
        hfc(scene(3), probability)
