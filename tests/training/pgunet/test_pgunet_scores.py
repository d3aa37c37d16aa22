import numpy as np
import pytest

from hyperlift.core.spectral import Response, grid, response_matrix
from hyperlift.core.spectral.band_shapes import BandShapes
from hyperlift.training.data.spectra import load_collections
from hyperlift.training.evaluation.scores import Score
from hyperlift.training.pgunet.cases import P4M, bumps, cases, seen_scenes
from hyperlift.training.pgunet.evaluate import Findings, gap_table, image_table, ridge_for
from hyperlift.training.pgunet.response_scores import response_table, score_response

ON = grid("vnir")
NAMES = ("camera", "scene", "method")


def rows(centre, width):
    return BandShapes(ON).rows(np.array(centre), np.array(width))


def test_a_perfect_response_has_no_error():
    truth = rows([500.0, 650.0], [40.0, 60.0])
    score = score_response(NAMES, truth, truth, ON)
    assert max(*score.centre_nm, *score.width) < 1e-9
    assert max(score.angle) < 1e-4


def test_errors_of_centre_and_width_are_found():
    truth, estimate = rows([500.0, 650.0], [40.0, 60.0]), rows([510.0, 650.0], [40.0, 90.0])
    deviations = np.array([3.0, 3.0]), np.array([0.3, 0.1])
    score = score_response(NAMES, estimate, truth, ON, deviations)
    np.testing.assert_allclose(score.centre_nm, [10, 0], atol=1)
    np.testing.assert_allclose(score.width, [0.0, 0.5], atol=0.1)
    assert score.covered == (False, True, True, False)
    assert min(score.angle) > 10
    assert "| camera | method | 5." in response_table([score])


def test_ridge_regression_for_the_true_response_is_better():
    rng = np.random.default_rng(0)
    spectra = 0.3 + np.cumsum(0.01 * rng.standard_normal((3000, 61)), axis=1)
    true, wrong = rows([500.0, 600.0, 800.0], [40.0] * 3), rows([530.0, 570.0, 770.0], [40.0] * 3)
    image = (spectra @ true.T).T[:, None]
    errors = [np.abs(ridge_for(r, spectra).predict(image)[:, 0].T - spectra).mean() for r in (true, wrong)]
    assert errors[0] < 0.97 * errors[1]


def test_share_of_the_gap():
    psnr = {"ridge, true response": 40.0, "ridge, 40 nm bumps": 38.0, "PGU-Net, blind, centres given": 39.5}
    found = Findings(
        [("A", Score("s", "f", method, value, 1.0, 0.01, 0.9)) for method, value in psnr.items()]
    )
    assert "| A | 2.00 | +1.50 dB, 75 % |" in gap_table(found)
    assert "| A | ridge, true response | 40.00 |" in image_table(found)


@pytest.fixture(scope="module")
def held_out(shared_data):
    return cases(shared_data, grid("aviris172")), load_collections(shared_data)


def test_held_out_cameras(held_out):
    by_name = {case.name: case for case in held_out[0]}
    assert {name: len(case.response) for name, case in by_name.items()} == {
        "WorldView-3": 7,
        "PlanetScope SD8": 7,
        "Landsat 9": 6,
        P4M: 4,
    }


def test_scenes_are_seen_through_the_camera(held_out):
    case = held_out[0][2]
    for scene in seen_scenes(held_out[1], case, grid("aviris172")):
        seen = np.einsum("bc,tchw->tbhw", case.response, scene.hsi)
        assert np.abs(seen - scene.msi).max() < 0.02
        assert scene.measured.sum() > 130


def test_bumps_are_gaussians_of_forty_nanometres(held_out):
    case = held_out[0][0]
    centre, width = BandShapes(grid("aviris172")).centre_and_width(bumps(case, grid("aviris172")))
    np.testing.assert_allclose(centre[1:], case.centre_nm[1:], atol=3)
    np.testing.assert_allclose(width[1:], 40.0, atol=5)


def test_responses_that_reach_beyond_the_grid_are_cut():
    nm = np.arange(350.0, 500.0)
    low = Response(("low",), nm, np.exp(-(((nm - 400) / 20) ** 2))[None])
    assert not response_matrix(low, grid("aviris172"))[1].any()
