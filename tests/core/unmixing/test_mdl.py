import numpy as np
import pytest

from hyperlift.core.errors import CancelledError
from hyperlift.core.unmixing import sampled_pixels
from hyperlift.core.unmixing.likely_simplex import _log_likelihood, _whole, likely_simplex
from hyperlift.core.unmixing.mdl import mdl
from hyperlift.core.unmixing.statistics import UnmixingError

BANDS = 48


def spectra(count, random):
    """Smooth endmembers ``(count, BANDS)``."""
    place = np.linspace(0.0, 1.0, BANDS)
    height, centre, width = random.random((3, count, 4, 1))
    return 0.05 + (height * np.exp(-(((place - centre) / (0.05 + 0.15 * width)) ** 2))).sum(axis=1) / 3.0


def scene(count, decibel, seed=0, purest=1.0, proportional=False, number=1000):
    """Noisy mixtures; the standard deviation of the noise is even or proportional to the values."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(count), 4 * number)
    pixels = shares[shares.max(axis=1) <= purest][:number] @ spectra(count, random)
    shape = pixels if proportional else np.ones_like(pixels)
    level = np.sqrt((pixels**2).mean() / (shape**2).mean() / 10 ** (decibel / 10))
    return pixels + level * shape * random.standard_normal(pixels.shape)


@pytest.mark.parametrize(
    ("count", "decibel", "purest"), [(3, 25, 1.0), (4, 32, 0.8), (5, 40, 1.0), (6, 32, 0.8), (8, 40, 1.0)]
)
def test_white_noise(count, decibel, purest):
    assert mdl(scene(count, decibel, count, purest), count - 1, count + 1).count == count


@pytest.mark.parametrize("count", [3, 5, 7])
def test_noise_that_differs_among_bands_and_pixels(count):
    pixels = scene(count, 30, count, proportional=True)
    assert mdl(pixels, count - 1, count + 1).count == count


def test_pixels_that_keep_away_from_the_facets():
    random = np.random.default_rng(3)
    pixels = random.dirichlet(np.full(4, 5.0), 1500) @ spectra(4, random)
    pixels += 0.002 * random.standard_normal(pixels.shape)
    assert mdl(pixels, 3, 6).count == 4


@pytest.mark.parametrize("count", [2, 4])
def test_noiseless_mixtures(count):
    random = np.random.default_rng(count)
    pixels = random.dirichlet(np.ones(count), 500) @ spectra(count, random)
    assert mdl(pixels, 2, 6).count == count


def expression(probes=3000, samples=10, additive=5.0, seed=0):
    """Expression of ``probes`` in ``samples`` mixtures of four tissues: heavy tails, noise of both kinds."""
    random = np.random.default_rng(seed)
    tissues = np.exp(random.normal(5.0, 1.8, (probes, 1)) + random.standard_normal((probes, 4)))
    shares = random.dirichlet(np.full(4, 2.0), samples)
    pure = tissues @ shares.T
    factor = np.exp(0.05 * random.standard_normal(pure.shape))
    return np.maximum(pure * factor + additive * random.standard_normal(pure.shape), 0.0)


@pytest.mark.parametrize("additive", [0.0, 20.0])
def test_sources_by_amounts_instead_of_shares(additive):
    assert mdl(expression(additive=additive), 3, 6, sums_to_one=False).count == 4


def test_brightness_does_not_count_without_the_sum():
    pixels = scene(3, 40)
    brightness = np.random.default_rng(1).uniform(0.5, 1.5, (len(pixels), 1))
    assert mdl(pixels * brightness, 2, 5, sums_to_one=False).count == 3


def test_few_bands():
    random = np.random.default_rng(2)
    mixed = random.uniform(0.05, 0.6, (4, 12))
    pixels = random.dirichlet(np.ones(4), 1000) @ mixed + 0.004 * random.standard_normal((1000, 12))
    assert mdl(pixels, 3, 6).count == 4


def test_nodata_and_blocks_make_no_difference_and_a_seed_decides():
    pixels = scene(3, 30)
    holed = np.full((2 * len(pixels), BANDS), np.nan)
    holed[::2] = pixels
    first = mdl(pixels, 2, 4, seed=5)
    assert first == mdl([holed[:500], holed[500:]], 2, 4, seed=5)
    assert first.scores != mdl(pixels, 2, 4, seed=6).scores
    assert first.count == min(first.scores, key=first.scores.get)
    assert list(first.scores) == [2, 3, 4]


def test_large_scenes_are_sampled_evenly(monkeypatch):
    monkeypatch.setattr(sampled_pixels, "SAMPLE", 1000)
    table = np.repeat(np.arange(10.0), 2000)[:, None] + np.zeros((1, 3))
    table[::5] = np.nan
    sample = sampled_pixels.drawn_pixels([table[:7000], table[7000:]], np.random.default_rng(0))
    assert sample.shape == (1000, 3)
    assert np.all(np.abs(np.bincount(sample[:, 0].astype(int), minlength=10) - 100) < 45)
    pixels = np.tile(scene(4, 32), (5, 1)) + 0.0
    assert mdl(pixels, 3, 5).count == 4


class Follower:
    def __init__(self, patience=np.inf):
        self.seen, self.patience = [], patience

    def progress(self, fraction):
        self.seen.append(fraction)

    def cancelled(self):
        return len(self.seen) >= self.patience

    def info(self, text):
        pass

    def warning(self, text):
        pass


def test_progress_rises_to_one_and_cancel_stops():
    pixels = scene(3, 30)
    follower = Follower()
    mdl(pixels, 2, 4, monitor=follower)
    assert follower.seen == sorted(follower.seen)
    assert follower.seen[-1] == 1.0
    assert len(follower.seen) > 10
    impatient = Follower(patience=4)
    with pytest.raises(CancelledError, match="cancelled"):
        mdl(pixels, 2, 4, monitor=impatient)
    assert len(impatient.seen) == 4


@pytest.mark.parametrize(
    ("pixels", "limits", "sentence"),
    [
        (np.full((100, 9), np.nan), (2, 4), "no valid pixel"),
        (np.full((100, 9), 0.3), (2, 4), "All valid pixels are the same"),
        (np.random.default_rng(0).random((9, 9)), (2, 4), "9 valid pixels are too few"),
        (scene(3, 30), (4, 3), "not from 4 to 3"),
        (scene(3, 30), (1, 3), "not from 1 to 3"),
        (scene(3, 30), (2, BANDS + 1), f"{BANDS} bands allow {BANDS} endmembers"),
        (np.outer(np.linspace(0.0, 1.0, 99), np.ones(9)), (3, 4), "mixtures of only 2 spectra"),
    ],
)
def test_what_cannot_be_estimated_is_refused(pixels, limits, sentence):
    with pytest.raises(UnmixingError, match=sentence):
        mdl(pixels, *limits)


def test_sums_leave_one_dimension_less():
    with pytest.raises(UnmixingError, match="10 bands allow 9 endmembers"):
        mdl(expression(100), 2, 10, sums_to_one=False)


def test_gradient_of_the_simplex_is_that_of_its_likelihood():
    random = np.random.default_rng(0)
    table = np.column_stack([random.standard_normal((50, 2)), np.ones(50)])
    variances = np.array([0.02, 0.1, 0.0])
    free = random.standard_normal(6)
    slope = _log_likelihood(_whole(free, 3), table, variances)[1]
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-6
        values = [_log_likelihood(_whole(free, 3) + sign * step, table, variances)[0] for sign in (1, -1)]
        assert slope[place] == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-5)


def test_likely_simplex_is_found_in_noise():
    random = np.random.default_rng(1)
    vertices = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.2], [0.2, 1.0, 0.0], [0.1, 0.3, 0.9]])
    points = random.dirichlet(np.ones(4), 20_000) @ vertices + 0.02 * random.standard_normal((20_000, 3))
    centre = points.mean(axis=0)
    found = likely_simplex(points - centre, 0.02**2, 2.0 * (vertices - vertices.mean(axis=0))) + centre
    np.testing.assert_allclose(found, vertices, atol=0.03)
