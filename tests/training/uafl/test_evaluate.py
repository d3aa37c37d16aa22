"""Accuracy of a sharpened image."""

import numpy as np
import pytest

from hyperlift.training.uafl.evaluate import accuracy


@pytest.fixture
def truth():
    return np.random.default_rng(0).uniform(0.1, 0.5, (5, 24, 24))


def test_psnr_is_relative_to_each_bands_peak(truth):
    error = 0.01 * truth.max(axis=(1, 2), keepdims=True)
    psnr, ssim, angle = accuracy(truth, truth + error)
    assert psnr == pytest.approx(40.0, abs=1e-3)
    assert 0.99 < ssim < 1.0
    assert angle == pytest.approx(_angle(truth, truth + error), abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.001])
def test_a_band_of_one_value_does_not_count(truth, value):
    estimate = truth + np.random.default_rng(1).normal(0, 0.01, truth.shape)
    dead = np.full((1, 24, 24), value)
    with_dead = accuracy(np.concatenate((truth, dead)), np.concatenate((estimate, dead)))
    assert with_dead == accuracy(truth, estimate)


def _angle(truth, estimate):
    cosine = (truth * estimate).sum(0) / np.linalg.norm(truth, axis=0) / np.linalg.norm(estimate, axis=0)
    return np.degrees(np.arccos(cosine)).mean()
