import numpy as np
import pytest

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.sensing import Observer, View, footprint_operator

OBSERVER = Observer(sensor("sentinel2a"), grid("aviris224"))
FINE = sensor("sentinel2a").footprint_m == 10


def scene(side=24, seed=0):
    return 0.1 + 0.4 * np.random.default_rng(seed).random((224, side, side)).astype(np.float32)


@pytest.mark.parametrize("upsampling", ["replicate", "bilinear", "cubic"])
@pytest.mark.parametrize("phase", [0, 1, 5])
def test_footprints_keep_flat_images(upsampling, phase):
    operator = footprint_operator(17, 6, phase, upsampling, point_spread=0.4)
    np.testing.assert_allclose(operator.sum(axis=1), 1.0, atol=1e-4)


def test_bilinear_footprints_interpolate_between_centres():
    ramp = np.arange(24.0)
    seen = footprint_operator(24, 2, 0, "bilinear") @ ramp
    np.testing.assert_allclose(seen[1:-1], ramp[1:-1], atol=1e-4)


def test_point_spread_blurs_every_band_by_its_footprint():
    image = scene()
    sharp = OBSERVER.look(image, View(native=True))
    blurred = OBSERVER.look(image, View(native=True, point_spread=0.4))
    assert (blurred[FINE].std(axis=(1, 2)) < 0.9 * sharp[FINE].std(axis=(1, 2))).all()
    np.testing.assert_allclose(blurred.mean(axis=(1, 2)), sharp.mean(axis=(1, 2)), rtol=0.01)


def test_haze_is_added_most_in_the_blue():
    image = scene()
    added = OBSERVER.look(image, View(haze=0.01, haze_exponent=2.0)) - OBSERVER.see(image)
    expected = 0.01 * (sensor("sentinel2a").centre_nm / 490.0) ** -2.0
    np.testing.assert_allclose(added, np.broadcast_to(expected[:, None, None], added.shape), atol=1e-5)


def test_adjacency_brings_pixels_closer_to_their_surroundings():
    image = scene()
    seen, mixed = OBSERVER.see(image), OBSERVER.look(image, View(adjacency=0.2))
    assert (mixed.std(axis=(1, 2)) < 0.9 * seen.std(axis=(1, 2))).all()
    np.testing.assert_allclose(mixed.mean(axis=(1, 2)), seen.mean(axis=(1, 2)), rtol=0.01)


def test_noise_has_the_asked_standard_deviation():
    flat = np.full((224, 60, 60), 0.5, np.float32)
    noisy = OBSERVER.look(flat, View(additive=0.001, relative=0.01), np.random.default_rng(0))
    np.testing.assert_allclose(noisy.std(axis=(1, 2)), 0.001 + 0.5 * 0.01, rtol=0.08)


def test_noise_of_a_coarse_band_is_that_of_its_footprints():
    flat = np.full((224, 60, 60), 0.5, np.float32)
    noisy = OBSERVER.look(flat, View(native=True, additive=0.002), np.random.default_rng(0))
    np.testing.assert_allclose(noisy.std(axis=(1, 2)), 0.002, rtol=0.25)
    coarse = noisy[OBSERVER.factors == 6]
    np.testing.assert_allclose(coarse, np.repeat(np.repeat(coarse[:, ::6, ::6], 6, 1), 6, 2), atol=1e-6)


def test_a_grid_without_a_band_is_refused():
    with pytest.raises(ValueError, match="B1"):
        Observer(sensor("sentinel2a"), grid("aviris172"))
