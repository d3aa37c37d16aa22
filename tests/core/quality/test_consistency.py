import numpy as np
import pytest

from hyperlift.core.quality.consistency import ConsistencyGauge
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor

SENSOR, GRID = sensor("sentinel2a"), grid("aviris172")
RESPONSE, SUPPORTED = response_matrix(parametric_response(SENSOR), GRID)


def images(shape=(64, 64), seed=0):
    hsi = np.random.default_rng(seed).random((172, *shape), dtype=np.float32)
    return np.tensordot(RESPONSE, hsi, axes=1).astype(np.float32), hsi


def test_zero_where_the_result_gives_the_input_back():
    msi, hsi = images()
    gauge = ConsistencyGauge(SENSOR, GRID)
    gauge.add(msi, hsi, np.ones((64, 64), bool))
    assert list(gauge.medians()) == [name for name, ok in zip(SENSOR.band_names, SUPPORTED) if ok]
    assert "B1" not in gauge.medians()
    assert max(gauge.medians().values()) <= 1e-4


def test_medians_over_blocks_that_stream_through():
    gauge = ConsistencyGauge(SENSOR, GRID)
    errors = []
    random = np.random.default_rng(1)
    for block in range(6):
        msi, hsi = images(seed=block)
        error = random.gamma(2.0, 0.01 * (1 + block), msi.shape).astype(np.float32)
        valid = random.random((64, 64)) > 0.3
        gauge.add(msi + error * random.choice([-1, 1], msi.shape), hsi, valid)
        errors.append(error[:, ::4, ::4][:, valid[::4, ::4]])
    expected = np.median(np.concatenate(errors, axis=1), axis=1)
    for name, median in gauge.medians().items():
        assert median == pytest.approx(expected[SENSOR.band_names.index(name)], abs=3e-4)
    everything = np.concatenate(errors, axis=1)[SUPPORTED]
    assert gauge.median() == pytest.approx(np.median(everything), abs=3e-4)


def test_more_pixels_than_the_input_are_averaged():
    msi, hsi = images((16, 16))
    double = hsi.repeat(2, axis=1).repeat(2, axis=2)
    double[:, ::2] += 0.2
    double[:, 1::2] -= 0.2
    gauge = ConsistencyGauge(SENSOR, GRID, scale_factor=2)
    gauge.add(msi, double, np.ones((16, 16), bool))
    assert gauge.median() <= 1e-4


def test_bands_that_were_not_measured_do_not_count():
    gauge = ConsistencyGauge(SENSOR, GRID, skip=("B9",))
    msi, hsi = images((8, 8))
    gauge.add(msi, hsi, np.ones((8, 8), bool))
    assert "B9" not in gauge.medians()


def test_nothing_counted():
    gauge = ConsistencyGauge(SENSOR, GRID)
    gauge.add(*images((8, 8)), np.zeros((8, 8), bool))
    assert gauge.medians() == {}
    assert gauge.median() is None


def test_large_and_infinite_errors_are_the_largest():
    msi, hsi = images((4, 4))
    gauge = ConsistencyGauge(SENSOR, GRID)
    gauge.add(msi + np.float32(7.0), hsi, np.ones((4, 4), bool))
    gauge.add(msi + np.float32(np.inf), hsi, np.ones((4, 4), bool))
    assert gauge.median() == pytest.approx(0.5, abs=1e-3)
