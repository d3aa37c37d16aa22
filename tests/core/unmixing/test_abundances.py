import itertools

import numpy as np
import pytest
from scipy.optimize import nnls as scipy_nnls

from hyperlift.core.unmixing import abundances, active_sets, pivoting
from hyperlift.core.unmixing.abundances import METHODS, AbundanceSolver, fcls, nnls, residual_rmse, scls, ucls
from hyperlift.core.unmixing.statistics import UnmixingError

BANDS = 60


def spectra(count, seed, bands=BANDS):
    """Smooth endmembers (count, bands)."""
    random = np.random.default_rng(seed)
    place = np.linspace(0.0, 1.0, bands)
    height, centre, width = random.random((3, count, 3, 1))
    return 0.05 + (height * np.exp(-(((place - centre) / (0.05 + 0.4 * width)) ** 2))).sum(axis=1) / 3.0


def nearly_dependent(count, seed, distance):
    """Endmembers of which the first half lies ``distance`` beside the others or between two of them."""
    random = np.random.default_rng(seed)
    result = spectra(count, seed)
    half = count // 2
    result[:half] = result[count - half :] + distance * random.standard_normal((half, BANDS))
    if count > 3:
        result[0] = 0.3 * result[-1] + 0.7 * result[-2] + distance * random.standard_normal(BANDS)
    return result


def mixtures(endmembers, number, seed, noise=0.01):
    """Pixels (number, bands): mixtures, many of them of few endmembers, with noise; the first is all zero."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(len(endmembers), 0.4), number)
    pixels = shares @ endmembers
    pixels += noise * random.standard_normal(pixels.shape)
    pixels[0] = 0.0
    return pixels


def optimality(pixels, endmembers, shares, sums_to_one=True):
    """Largest violation of the conditions of Karush, Kuhn and Tucker, over the scale of the gradient."""
    gradient = (shares @ endmembers - pixels) @ endmembers.T
    level = (shares * gradient).sum(axis=1) / shares.sum(axis=1) if sums_to_one else 0.0 * gradient[:, 0]
    longest = np.linalg.norm(endmembers, axis=1).max()
    scale = longest * (longest * np.maximum(1.0, shares.sum(axis=1)) + np.linalg.norm(pixels, axis=1))
    multipliers = (gradient - level[:, None]) / scale[:, None]
    weights = shares / np.maximum(1.0, shares.sum(axis=1, keepdims=True))
    return max(np.max(-multipliers), np.max(weights * np.abs(multipliers)))


def objective(pixels, endmembers, shares):
    return ((shares @ endmembers - pixels) ** 2).sum(axis=1)


def best_of_all_supports(pixels, endmembers):
    """The fully constrained minimisers by trying every support with least squares."""
    count = len(endmembers)
    best, lowest = np.zeros((len(pixels), count)), np.full(len(pixels), np.inf)
    for size in range(1, count + 1):
        for support in map(list, itertools.combinations(range(count), size)):
            mean = endmembers[support].mean(axis=0)
            basis = np.linalg.svd(np.ones((1, size)))[2][1:]
            steps = np.linalg.lstsq((basis @ endmembers[support]).T, (pixels - mean).T, rcond=None)[0]
            shares = np.zeros_like(best)
            shares[:, support] = 1.0 / size + steps.T @ basis
            cost = np.where((shares >= 0.0).all(axis=1), objective(pixels, endmembers, shares), np.inf)
            best[cost < lowest] = shares[cost < lowest]
            lowest = np.minimum(cost, lowest)
    return best


def lawson_hanson(pixel, endmembers):
    """The fully constrained minimiser of one pixel as the point of a hull that is nearest to the origin."""
    matrix = np.vstack([(endmembers - pixel).T, np.ones(len(endmembers))])
    shares = scipy_nnls(matrix, np.append(np.zeros(len(pixel)), 1.0))[0]
    return shares / shares.sum()


@pytest.mark.parametrize("noise", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("count", [2, 3, 6, 9])
def test_fcls_finds_what_trying_every_support_finds(count, noise):
    endmembers = spectra(count, count)
    pixels = mixtures(endmembers, 100, 1, noise)
    np.testing.assert_allclose(
        fcls(pixels, endmembers), best_of_all_supports(pixels, endmembers), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("count", range(2, 21, 3))
@pytest.mark.parametrize("distance", [None, 1e-3, 1e-6, 1e-9, 1e-12, 0.0])
def test_fcls_is_optimal_however_dependent_the_endmembers(count, distance):
    endmembers = spectra(count, count) if distance is None else nearly_dependent(count, count, distance)
    pixels = np.concatenate(
        [mixtures(endmembers, 500, seed, noise) for seed, noise in ((0, 0), (1, 0.01), (2, 2))]
    )
    shares = fcls(pixels, endmembers)
    assert shares.min() >= 0.0
    assert not np.signbit(shares).any()
    assert np.abs(shares.sum(axis=1) - 1.0).max() <= 1e-12
    assert optimality(pixels, endmembers, shares) <= 1e-10
    sample = slice(None, None, 50)
    reference = np.array([lawson_hanson(pixel, endmembers) for pixel in pixels[sample]])
    excess = objective(pixels, endmembers, shares)[sample] - objective(pixels[sample], endmembers, reference)
    assert (excess / np.maximum(1.0, (pixels[sample] ** 2).sum(axis=1))).max() <= 1e-12


@pytest.mark.parametrize("count", [1, 4, 12])
def test_nnls_agrees_with_scipy(count):
    endmembers = spectra(count, 3)
    pixels = mixtures(endmembers, 200, 4, 0.05) * 1.7
    shares = nnls(pixels, endmembers)
    np.testing.assert_allclose(shares, [scipy_nnls(endmembers.T, pixel)[0] for pixel in pixels], atol=1e-7)
    assert optimality(pixels, endmembers, shares, sums_to_one=False) <= 1e-12


@pytest.mark.parametrize("distance", [1e-6, 1e-9, 0.0])
def test_nnls_is_optimal_however_dependent_the_endmembers(distance):
    endmembers = nearly_dependent(10, 5, distance)
    pixels = mixtures(endmembers, 1000, 6)
    shares = nnls(pixels, endmembers)
    assert shares.min() >= 0.0
    assert optimality(pixels, endmembers, shares, sums_to_one=False) <= 1e-10


def test_ucls_is_ordinary_least_squares():
    endmembers = spectra(7, 8)
    pixels = mixtures(endmembers, 200, 9, 0.1)
    expected = np.linalg.lstsq(endmembers.T, pixels.T, rcond=None)[0].T
    np.testing.assert_allclose(ucls(pixels, endmembers), expected, rtol=0, atol=1e-7)


def test_scls_solves_the_equations_of_lagrange():
    endmembers = spectra(5, 10)
    pixels = mixtures(endmembers, 200, 11, 0.1)
    matrix = np.ones((6, 6))
    matrix[:5, :5], matrix[5, 5] = endmembers @ endmembers.T, 0.0
    sides = np.column_stack([pixels @ endmembers.T, np.ones(200)])
    expected = np.linalg.solve(matrix, sides.T).T[:, :5]
    shares = scls(pixels, endmembers)
    assert shares.min() < -0.01
    np.testing.assert_allclose(shares, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_mixtures_without_noise_give_their_shares_back(method):
    endmembers = spectra(6, 12)
    shares = np.random.default_rng(13).dirichlet(np.ones(6), 300)
    pixels = shares @ endmembers
    np.testing.assert_allclose(AbundanceSolver(endmembers, method)(pixels), shares, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", [fcls, nnls])
@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({"_FEW": 0}, 1e-9),  # tableaus
        ({"_FEW": 20}, 1e-9),  # active sets
        ({"_FEW": 20, "_FACES_BYTES": 1}, 1e-9),  # of which none is remembered
        ({"_FEW": 20, "_CHANCES": -1}, 1e-9),  # changed by a variable at a time
        ({"_FEW": 0, "_MANY": 0}, 1e-9),  # Lawson and Hanson's method, verified
        ({"_FEW": 20, "_ROUNDS_A_VARIABLE": 0}, 1e-7),  # and as the last resort
    ],
)
def test_all_ways_to_solve_agree(monkeypatch, method, settings, tolerance):
    endmembers = spectra(9, 14)
    pixels = mixtures(endmembers, 300, 15, 0.05)
    expected = method(pixels, endmembers)
    for name, value in settings.items():
        monkeypatch.setattr(active_sets, name, value)
    np.testing.assert_allclose(method(pixels, endmembers), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", ["fcls", "nnls"])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 17, 65])
@pytest.mark.parametrize("number", [0, 1, 60])
def test_active_sets_of_any_number_of_endmembers_and_pixels(monkeypatch, method, count, number):
    monkeypatch.setattr(active_sets, "_FEW", 100)
    endmembers = spectra(count, 40)
    pixels = mixtures(endmembers, max(number, 1), 41, 0.05)[:number]
    given = pixels.copy()
    shares = AbundanceSolver(endmembers, method)(pixels)
    assert shares.shape == (number, count)
    np.testing.assert_array_equal(pixels, given)
    assert (shares >= 0.0).all()
    if number:
        assert optimality(pixels, endmembers, shares, method == "fcls") < 1e-8


@pytest.mark.parametrize("method", [fcls, nnls])
def test_tableaus_alone_settle_pixels_of_distinct_endmembers(monkeypatch, method):
    endmembers = spectra(14, 34)
    pixels = mixtures(endmembers, 2000, 35)
    left = []
    exchange = active_sets.ActiveSets._exchange
    monkeypatch.setattr(
        active_sets.ActiveSets,
        "_exchange",
        lambda self, block, *rest: left.append(len(block)) or exchange(self, block, *rest),
    )
    method(pixels, endmembers)
    assert sum(left) <= 10


@pytest.mark.parametrize("method", [fcls, nnls])
@pytest.mark.parametrize("tableaus", [20, 400])
def test_a_table_of_tableaus_that_is_full_is_begun_anew(monkeypatch, method, tableaus):
    endmembers = spectra(12, 36)
    pixels = mixtures(endmembers, 3000, 37)
    expected = method(pixels, endmembers)
    begun = []
    new = pivoting.Tableaus._new_table
    monkeypatch.setattr(pivoting.Tableaus, "_new_table", lambda self: begun.append(1) or new(self))
    monkeypatch.setattr(pivoting, "_TABLE_BYTES", tableaus * 12 * 12 * 8)
    monkeypatch.setattr(abundances, "core_count", lambda: 4)
    monkeypatch.setattr(abundances, "_BLOCK", 500)
    np.testing.assert_allclose(method(pixels, endmembers), expected, rtol=0, atol=1e-9)
    assert len(begun) > 3


@pytest.mark.parametrize("method", [fcls, nnls])
def test_a_table_of_tableaus_without_room_grows(monkeypatch, method):
    endmembers = spectra(12, 42)
    pixels = mixtures(endmembers, 2000, 43)
    expected = method(pixels, endmembers)
    table = pivoting._Table
    monkeypatch.setattr(pivoting, "_Table", lambda tableaus, supports, _: table(tableaus, supports, 0))
    grown = []
    reserve = table._reserve
    monkeypatch.setattr(table, "_reserve", lambda self, room: grown.append(room) or reserve(self, room))
    np.testing.assert_allclose(method(pixels, endmembers), expected, rtol=0, atol=1e-9)
    assert len(grown) > 3


def test_a_large_library_does_not_stop_it():
    endmembers = np.random.default_rng(38).uniform(0.0, 1.0, (250, 60))
    pixels = mixtures(endmembers, 20, 39)
    shares = fcls(pixels, endmembers)
    residual = pixels - shares @ endmembers
    gradient = -residual @ endmembers.T
    assert (gradient - (gradient * shares).sum(axis=1, keepdims=True)).min() > -1e-6
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=0, atol=1e-9)


def test_what_lawson_and_hanson_do_not_find_is_said(monkeypatch):
    def fail(*_):
        raise RuntimeError("too many iterations")

    monkeypatch.setattr(active_sets, "lawson_hanson", fail)
    with pytest.raises(
        UnmixingError, match=r"could not be found \(too many iterations\); leave out endmembers"
    ):
        fcls(mixtures(spectra(25, 40), 5, 41), spectra(25, 40))


def test_wrong_tableaus_cost_time_only(monkeypatch):
    endmembers = spectra(12, 16)
    pixels = mixtures(endmembers, 300, 17)
    expected = fcls(pixels, endmembers)
    wrong = np.random.default_rng(18).dirichlet(np.full(12, 0.1), 300)
    wrong[::7] = np.nan
    wrong[1::7] = 0.0
    wrong[2::7] = expected[2::7] + 1e-6
    monkeypatch.setattr(active_sets.Tableaus, "solve", lambda self, block: wrong)
    np.testing.assert_allclose(fcls(pixels, endmembers), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 3, 12])
def test_pixels_that_are_not_finite_get_nan_and_spoil_no_other(method, count):
    endmembers = spectra(count, 19)
    pixels = mixtures(endmembers, 30, 20)
    expected = AbundanceSolver(endmembers, method)(pixels)
    pixels[3, 5], pixels[7], pixels[8, 0] = np.nan, np.inf, -np.inf
    shares = AbundanceSolver(endmembers, method)(pixels)
    rmse = residual_rmse(pixels, endmembers, shares)
    lost = [3, 7, 8]
    assert np.isnan(shares[lost]).all()
    assert np.isnan(rmse[lost]).all()
    np.testing.assert_allclose(np.delete(shares, lost, 0), np.delete(expected, lost, 0), rtol=0, atol=1e-9)


def test_blocks_and_memory_layout_do_not_matter(monkeypatch):
    endmembers = spectra(12, 21)
    pixels = mixtures(endmembers, 1500, 22).astype(np.float32)
    whole = fcls(pixels.astype(np.float64), endmembers)
    monkeypatch.setattr(abundances, "_BLOCK", 700)
    solver = AbundanceSolver(endmembers)
    np.testing.assert_allclose(solver(np.asfortranarray(pixels)), whole, rtol=0, atol=1e-9)
    np.testing.assert_allclose(solver(pixels[::2]), whole[::2], rtol=0, atol=1e-9)
    assert solver(pixels[:0]).shape == (0, 12)


@pytest.mark.parametrize("unit", [1e-6, 1e4])
def test_the_unit_does_not_matter(unit):
    endmembers = spectra(6, 23)
    pixels = mixtures(endmembers, 200, 24)
    np.testing.assert_allclose(
        fcls(unit * pixels, unit * endmembers), fcls(pixels, endmembers), rtol=0, atol=1e-9
    )


def test_one_endmember_is_everything():
    endmembers = spectra(1, 25)
    np.testing.assert_array_equal(fcls(mixtures(endmembers, 5, 26), endmembers), np.ones((5, 1)))


def test_shade_and_zeros():
    endmembers = np.vstack([spectra(2, 27), np.zeros(BANDS)])
    pixels = np.array([[0.2], [0.0], [0.6]]) * endmembers[0]
    np.testing.assert_allclose(
        fcls(pixels, endmembers), [[0.2, 0, 0.8], [0, 0, 1], [0.6, 0, 0.4]], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(nnls(pixels, endmembers)[:, :2], [[0.2, 0], [0, 0], [0.6, 0]], atol=1e-9)
    nothing = np.zeros((3, BANDS))
    assert fcls(pixels, nothing).sum(axis=1) == pytest.approx(np.ones(3))


def test_more_endmembers_than_bands_or_than_fit_a_machine_word():
    endmembers = spectra(20, 28, bands=5)
    pixels = mixtures(endmembers, 500, 29, 0.1)
    assert optimality(pixels, endmembers, fcls(pixels, endmembers)) <= 1e-10
    endmembers = np.random.default_rng(30).random((70, 90))
    pixels = mixtures(endmembers, 100, 31, 0.05)
    assert optimality(pixels, endmembers, fcls(pixels, endmembers)) <= 1e-10


def test_rmse_is_that_of_the_residual():
    endmembers = spectra(6, 32)
    pixels = mixtures(endmembers, 1200, 33).astype(np.float32)
    shares = fcls(pixels, endmembers)
    direct = np.sqrt(np.mean((pixels.astype(np.float64) - shares @ endmembers) ** 2, axis=1))
    np.testing.assert_allclose(residual_rmse(pixels, endmembers, shares), direct, rtol=1e-12)
    perfect = np.eye(6) @ endmembers
    assert residual_rmse(perfect, endmembers, np.eye(6)).max() < 1e-15


@pytest.mark.parametrize(
    ("endmembers", "method", "words"),
    [
        (np.zeros((0, 5)), "fcls", "no endmember"),
        (np.ones(5), "fcls", "no endmember"),
        (np.full((2, 5), np.nan), "fcls", "not finite"),
        (np.ones((6, 5)), "ucls", "5 bands tell 5 endmembers apart, not 6"),
        (np.ones((7, 5)), "scls", "5 bands tell 6 endmembers apart, not 7"),
        (np.ones((2, 5)), "lasso", "no method 'lasso'.*fcls, nnls, scls, ucls"),
    ],
)
def test_endmembers_that_cannot_be_used(endmembers, method, words):
    with pytest.raises(UnmixingError, match=words):
        AbundanceSolver(endmembers, method)


def test_bands_must_agree():
    with pytest.raises(UnmixingError, match="5 bands"):
        fcls(np.ones((3, 4)), np.ones((2, 5)))
    with pytest.raises(UnmixingError, match="5 bands"):
        residual_rmse(np.ones((3, 4)), np.ones((2, 5)), np.ones((3, 2)))
