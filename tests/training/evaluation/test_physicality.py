import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.evaluation.physicality import physicality, second_differences
from hyperlift.training.evaluation.scores import HeldOutScene


@pytest.fixture
def scene():
    at_nm = grid("aviris172").wavelength_nm
    hsi = np.broadcast_to((at_nm / 5000)[:, None, None], (1, 172, 6, 6)).astype(np.float32)
    return HeldOutScene("s", "one resolution", np.zeros((1, 12, 6, 6)), hsi, np.ones(172, bool), at_nm)


def test_lines_do_not_depart_and_parabolas_do_evenly():
    at = np.sort(np.random.default_rng(0).uniform(0, 1, 30))
    np.testing.assert_allclose(second_differences(3 * at[:, None] + 1, at), 0, atol=1e-12)
    # Of a parabola the interpolation error is (x - a)(x - b), exactly.
    expected = (at[1:-1] - at[:-2]) * (at[1:-1] - at[2:])
    np.testing.assert_allclose(second_differences(at[:, None] ** 2, at)[:, 0], expected, atol=1e-12)


def test_smooth_truth_has_no_ringing(scene):
    found = physicality(scene, "truth", scene.hsi)
    assert (found.negative, found.joins, found.elsewhere) == pytest.approx((0, 0, 0), abs=1e-6)


def test_steps_at_joins_and_ringing_are_told_apart(scene):
    at_nm = scene.wavelength_nm
    step = scene.hsi + np.where(at_nm > 1258, 0.02, 0.0)[:, None, None]
    found = physicality(scene, "step", step.astype(np.float32))
    assert found.joins > 10 * found.elsewhere
    order = np.argsort(np.argsort(at_nm))
    ringing = scene.hsi + (0.01 * (-1.0) ** order)[:, None, None]
    assert physicality(scene, "ringing", ringing).elsewhere == pytest.approx(0.02, rel=1e-3)


def test_gaps_and_unmeasured_channels_do_not_count(scene):
    scene.measured[50] = False
    jump = scene.hsi + np.where(scene.wavelength_nm > 1400, 0.2, 0.0)[:, None, None]
    jump[:, 50] = -5.0
    found = physicality(scene, "jump", jump)
    assert found.elsewhere < 1e-6
    assert found.negative == 0


def test_negative_values_are_counted(scene):
    estimate = scene.hsi.copy()
    estimate[:, :43] = -0.01
    assert physicality(scene, "negative", estimate).negative == pytest.approx(0.25)
