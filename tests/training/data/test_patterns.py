import numpy as np
import pytest

from hyperlift.training.data.patterns import PATTERNS, cloud_and_shadow, smooth_field


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize(("side", "count"), [(12, 2), (24, 7), (40, 3)])
def test_cover_is_a_partition(name, side, count):
    for seed in range(5):
        cover = PATTERNS[name](np.random.default_rng(seed), side, count)
        assert cover.shape == (count, side, side)
        assert cover.min() >= 0
        np.testing.assert_allclose(cover.sum(axis=0), 1.0, atol=1e-5)


@pytest.mark.parametrize("name", ["fields", "settlement", "water"])
def test_land_is_mostly_pure_with_mixed_edges(name):
    tops = [PATTERNS[name](np.random.default_rng(seed), 24, 5).max(axis=0) for seed in range(20)]
    share_pure = np.mean([(top > 0.999).mean() for top in tops])
    assert 0.3 < share_pure < 0.98


def test_water_comes_first():
    covers = [PATTERNS["water"](np.random.default_rng(seed), 24, 4)[0] for seed in range(20)]
    assert np.mean([cover.max() for cover in covers]) > 0.8
    assert 0.05 < np.mean(covers) < 0.8


def test_a_shadow_has_the_shape_of_its_cloud():
    rng = np.random.default_rng(3)
    for _ in range(10):
        opacity, shadow = cloud_and_shadow(rng, 24)
        assert 0 <= opacity.min() <= opacity.max() <= 1
        assert 0 <= shadow.min() <= shadow.max() < 1
        assert shadow.sum() <= opacity.sum()


def test_smooth_fields_have_unit_variance():
    field = smooth_field(np.random.default_rng(0), 48, 3.0)
    assert field.std() == pytest.approx(1.0, abs=1e-3)
    neighbours = np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1]
    assert neighbours > 0.9
