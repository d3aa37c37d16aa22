import numpy as np
import pytest

from hyperlift.core.unmixing.statistics import (
    CHUNK,
    WHOLE,
    PixelStatistics,
    UnmixingError,
    chunks,
    leading_axes,
    rows_at,
)


def correlated(count=10_000, bands=20, seed=0):
    random = np.random.default_rng(seed)
    return random.standard_normal((count, bands)) @ random.standard_normal((bands, bands)) + 3.0


def cut(pixels, *at):
    """The pixels as blocks that end at the given rows."""
    return np.split(pixels, at)


def test_mean_and_covariance_are_numpys():
    pixels = correlated()
    statistics = PixelStatistics.of(pixels)
    assert (statistics.count, statistics.total, statistics.bands) == (10_000, 10_000, 20)
    np.testing.assert_allclose(statistics.mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(pixels.T, bias=True), atol=1e-10)
    np.testing.assert_allclose(statistics.second_moment, pixels.T @ pixels / 10_000, atol=1e-10)
    np.testing.assert_allclose(statistics.variances, np.linalg.svd(np.cov(pixels.T, bias=True))[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_statistics_do_not_depend_on_the_blocks(dtype):
    pixels = (1000 * np.abs(correlated())).astype(dtype)
    whole = PixelStatistics.of(pixels)
    for blocks in (cut(pixels, 1, 5000, 5001), cut(pixels, CHUNK), cut(pixels, *range(7, 10_000, 777))):
        cut_up = PixelStatistics.of(lambda blocks=blocks: iter(blocks))
        np.testing.assert_array_equal(cut_up.mean, whole.mean)
        np.testing.assert_array_equal(cut_up.covariance, whole.covariance)


def test_blocks_whose_memory_is_used_again():
    pixels = correlated(CHUNK + 500)

    def blocks():
        room = np.empty((300, 20))
        for start in range(0, len(pixels), 300):
            part = pixels[start : start + 300]
            room[: len(part)] = part
            yield room[: len(part)]

    np.testing.assert_allclose(np.concatenate([chunk for _, chunk in chunks(blocks)]), pixels)


def test_nodata_is_left_out_and_counted():
    pixels = correlated(9000)
    pixels[::7, 3] = np.nan
    pixels[5, :] = np.inf
    pixels[:CHUNK, 0] = np.nan
    valid = np.isfinite(pixels).all(axis=1)
    statistics = PixelStatistics.of(pixels)
    assert (statistics.count, statistics.total) == (valid.sum(), 9000)
    np.testing.assert_allclose(statistics.covariance, np.cov(pixels[valid].T, bias=True), atol=1e-10)


def test_a_large_offset_does_not_hide_the_variation():
    pixels = np.random.default_rng(0).standard_normal((20_000, 5)) + 1e8
    np.testing.assert_allclose(
        PixelStatistics.of(pixels).covariance, np.cov(pixels.T, bias=True), rtol=1e-7, atol=1e-7
    )


def test_float32_pixels_show_weak_noise_beside_strong_signal():
    random = np.random.default_rng(0)
    pixels = random.standard_normal((30_000, 3)) @ random.standard_normal((3, 100)) + 5.0
    pixels = (pixels + 1e-4 * random.standard_normal(pixels.shape)).astype(np.float32)
    expected = np.linalg.eigvalsh(np.cov(pixels.T.astype(np.float64), bias=True))[::-1]
    statistics = PixelStatistics.of(pixels)
    np.testing.assert_allclose(statistics.variances[3:], expected[3:], rtol=1e-4)


def test_looking_at_every_eighth_pixel_changes_little():
    pixels = correlated(WHOLE + 80_000, 6)
    exact, spared = PixelStatistics.of(pixels), PixelStatistics.of(pixels, every=8)
    assert spared.count == exact.count == len(pixels)
    np.testing.assert_allclose(spared.mean, exact.mean, atol=0.1)
    difference = np.linalg.norm(spared.covariance - exact.covariance)
    assert 0 < difference < 0.03 * np.linalg.norm(exact.covariance)


def test_every_eighth_pixel_stands_for_all_eight():
    pixels = np.zeros((3 * WHOLE, 2))
    pixels[WHOLE:] = 1.0
    np.testing.assert_allclose(PixelStatistics.of(pixels, every=8).mean, 2 / 3, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rank_counts_the_directions_of_mixtures(dtype):
    random = np.random.default_rng(0)
    pixels = (random.dirichlet(np.ones(4), 50_000) @ random.random((4, 60))).astype(dtype)
    assert PixelStatistics.of(pixels).rank == 3
    assert PixelStatistics.of(np.full((9000, 4), 0.3, dtype)).rank == 0


def test_leading_axes_are_eigenvectors_of_determined_sign():
    moment = np.cov(correlated().T)
    axes = leading_axes(moment, 4)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(moment @ axes, axes * np.sort(np.linalg.eigvalsh(moment))[::-1][:4], atol=1e-9)
    assert (axes.max(axis=0) == np.abs(axes).max(axis=0)).all()


def test_rows_are_those_at_the_positions():
    pixels = correlated(10_000)
    indices = np.array([0, 1, CHUNK - 1, CHUNK, 9000])
    np.testing.assert_array_equal(rows_at(cut(pixels, 10, 6000), indices), pixels[indices])


def test_pixels_without_value_are_refused():
    with pytest.raises(UnmixingError, match="nodata"):
        PixelStatistics.of(np.full((10, 3), np.nan))
    with pytest.raises(UnmixingError, match="nodata"):
        PixelStatistics.of([])


def test_what_is_no_table_is_refused():
    with pytest.raises(UnmixingError, match="tables"):
        PixelStatistics.of(np.zeros((3, 4, 5)))
    with pytest.raises(UnmixingError, match="3 bands"):
        PixelStatistics.of([np.zeros((5, 3)), np.zeros((5, 4))])
    with pytest.raises(TypeError, match="several times"):
        PixelStatistics.of(iter([np.zeros((5, 3))]))
