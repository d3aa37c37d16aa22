"""Blind runs with a small network of random weights: what holds for any weights."""

from dataclasses import replace

import numpy as np
import pytest

from hyperlift.core.errors import CancelledError, ModelError, RasterError
from hyperlift.core.inference import notebooks
from hyperlift.core.inference.blind_confidence import confidence
from hyperlift.core.inference.blind_model import ResponseModel, response_file
from hyperlift.core.inference.blind_scene import BlindOptions, blind_scene, class_name
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.inference.scene import LiftOptions
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import Window
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes

CENTRES = (450.0, 520.0, 580.0, 650.0)


@pytest.fixture(scope="module")
def models(blind_model_file):
    return Session.open(blind_model_file, "cpu", constants=True), ResponseModel(blind_model_file)


@pytest.fixture(scope="module")
def scene():
    """Four bands of a smooth invented scene, ``(4, 70, 90)``."""
    row, column = np.mgrid[:70, :90] / 20.0
    nm = grid("visible31").wavelength_nm[:, None, None]
    green = np.exp(-(((nm - 555) / 40) ** 2)) * (0.1 + 0.05 * np.sin(row * column))
    hsi = 0.1 + 0.05 * np.cos(row + 2 * column) + green + 2e-4 * (nm - 400) * (1 + np.sin(3 * row))
    rows = BandShapes(grid("visible31")).rows(np.array(CENTRES), np.full(4, 50.0))
    return np.tensordot(rows, hsi, axes=1).astype(np.float32)


def run(models, source, classes=None, monitor=None, **changes):
    sinks = []

    def make_sink(profile):
        sinks.append(ArraySink(profile))
        return sinks[0]

    lift = {"scale": 1.0, "offset": 0.0, "data_type": "float32"}
    centres = changes.pop("centres", CENTRES)
    options = BlindOptions(centres, LiftOptions(**{**lift, **changes}))
    report = blind_scene(source, make_sink, models, options, monitor, classes)
    return sinks[0].pixels, report


@pytest.fixture(scope="module")
def whole(models, scene):
    return run(models, ArraySource(scene))


@pytest.mark.parametrize("tile", [16, 48])
def test_tiles_do_not_show(models, scene, whole, tile):
    pixels, report = run(models, ArraySource(scene), tile=tile)
    assert np.abs(pixels - whole[0]).max() < 1e-4
    np.testing.assert_array_equal(report.camera.stf, whole[1].camera.stf)


def test_responses_are_physical(whole):
    stf = whole[1].camera.stf
    assert stf.shape == (4, 31)
    assert (stf >= 0).all()
    np.testing.assert_allclose(stf.sum(axis=1), 1.0)


def test_stages_change_the_response(models, scene, whole):
    responses = whole[1].camera.responses
    assert len(responses) == models[1].stages + 1
    assert np.abs(responses[-1] - responses[0]).max() > 1e-4


def test_stages_keep_centres_that_were_given(models, scene, whole):
    first, *later = (response @ grid("visible31").wavelength_nm for response in whole[1].camera.responses)
    # Random weights change rows more than a tilt can mend; centroids that are left free move by 4 nm.
    np.testing.assert_allclose(later, [first] * len(later), atol=1.0)


def test_the_order_of_the_bands_does_not_matter(models, scene, whole):
    shuffled = [2, 0, 3, 1]
    centres = tuple(CENTRES[band] for band in shuffled)
    pixels, report = run(models, ArraySource(scene[shuffled]), centres=centres)
    np.testing.assert_allclose(report.camera.stf, whole[1].camera.stf[shuffled], atol=1e-5)
    assert np.abs(pixels - whole[0]).max() < 1e-3


def test_the_report_says_how_the_bands_fit(whole, scene):
    pixels, report = whole
    seen = np.tensordot(report.camera.stf, pixels, axes=1)
    expected = np.median(np.abs(seen - scene)[:, ::4, ::4], axis=(1, 2))
    found = [report.scene.consistency[name] for name in report.camera.names]
    np.testing.assert_allclose(found, expected, atol=1.1e-4)


def test_bands_are_chosen_by_number(models, scene):
    five = np.concatenate([scene[:1], np.full((1, 70, 90), 0.5, np.float32), scene[1:]])
    _, report = run(models, ArraySource(five), bands=(1, 3, 4, 5))
    assert report.camera.names == ("band 1", "band 3", "band 4", "band 5")
    assert report.scene.bands == "Bands taken from the numbers given: band 1=1, band 3=3, band 4=4, band 5=5."


def test_without_numbers_all_bands_are_used(whole):
    assert whole[1].scene.bands == "All 4 bands are used, in their order."


def test_a_part_of_a_scene_is_that_scene(models, scene):
    pixels, _ = run(models, ArraySource(scene), window=Window(10, 20, 40, 50))
    assert pixels.shape == (31, 40, 50)


def test_nodata_is_kept_and_does_not_count(models, scene):
    holed = scene.copy()
    holed[:, 5:9, 7:11] = np.nan
    pixels, report = run(models, ArraySource(holed))
    assert np.isnan(pixels[:, 5:9, 7:11]).all()
    assert np.isfinite(report.camera.stf).all()


def test_classes_have_their_own_responses(models, scene, whole):
    classes = np.zeros((1, 70, 90))
    classes[:, :, 45:] = 7
    pixels, report = run(models, ArraySource(scene), ArraySource(classes), tile=32)
    assert set(report.classes) == {0, 7}
    left, right = (report.classes[value].stf for value in (0, 7))
    assert np.abs(left - right).max() > 1e-5
    again, _ = run(models, ArraySource(scene), ArraySource(classes), tile=64)
    assert np.abs(pixels - again).max() < 1e-4


def test_one_class_is_the_whole_scene(models, scene, whole):
    pixels, report = run(models, ArraySource(scene), ArraySource(np.ones((1, 70, 90))))
    np.testing.assert_allclose(report.classes[1].stf, report.camera.stf, atol=1e-6)
    assert np.abs(pixels - whole[0]).max() < 1e-4


def test_consistency_is_that_with_each_class_s_own_response(models, scene):
    classes = np.zeros((1, 70, 90))
    classes[:, :, 45:] = 7
    pixels, report = run(models, ArraySource(scene), ArraySource(classes), tile=32)
    seen = np.stack([np.tensordot(report.classes[value].stf, pixels, axes=1) for value in (0, 7)])
    own = np.where(classes[0] == 7, seen[1], seen[0])
    expected = np.median(np.abs(own - scene)[:, ::4, ::4], axis=(1, 2))
    found = [report.scene.consistency[name] for name in report.camera.names]
    np.testing.assert_allclose(found, expected, atol=1.1e-4)


def test_nodata_is_a_class_apart_from_all_numbers(models, scene):
    classes = np.full((1, 70, 90), -1.0)
    classes[:, :, 45:] = np.nan
    _, report = run(models, ArraySource(scene), ArraySource(classes))
    assert [class_name(value) for value in report.classes] == ["nodata", "class -1"]


class FailingOnce:
    """Stands in for a runtime session on a card whose driver is lost in the second run."""

    def __init__(self, inner):
        self.inner, self.left = inner, 1

    def get_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, *given):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("CUDA failure 700: illegal memory access")
        return self.inner.run(*given)


def test_a_card_that_fails_while_the_response_is_sought_gives_way(blind_model_file, scene, whole):
    session = Session.open(blind_model_file, "cpu", constants=True)
    session._session = FailingOnce(session._session)
    pixels, report = run((session, ResponseModel(blind_model_file)), ArraySource(scene))
    assert np.abs(pixels - whole[0]).max() < 1e-5
    assert report.scene.device == "CPU"
    assert "CUDA failed" in "".join(report.scene.warnings)


def test_rare_classes_take_the_response_of_the_scene(models, scene):
    classes = np.zeros((1, 70, 90))
    classes[:, 0, :5] = 3
    _, report = run(models, ArraySource(scene), ArraySource(classes))
    assert set(report.classes) == {0}


def test_classes_on_other_pixels(models, scene):
    with pytest.raises(RasterError, match="1 bands of 3 x 4 pixels, the image has 70 x 90"):
        run(models, ArraySource(scene), ArraySource(np.ones((1, 3, 4))))


def test_cancel_stops_the_search_for_the_response(models, scene):
    class Impatient(SilentMonitor):
        asked = 0

        def cancelled(self):
            self.asked += 1
            return self.asked > 10

    monitor = Impatient()
    with pytest.raises(CancelledError):
        run(models, ArraySource(scene), monitor=monitor, centres=())
    assert monitor.asked < 50


def test_a_cancelled_run_leaves_nothing(models, scene):
    class Impatient(SilentMonitor):
        def cancelled(self):
            return True

    with pytest.raises(CancelledError):
        run(models, ArraySource(scene), monitor=Impatient())


def test_confidence_without_centres_is_never_good(models, scene, whole):
    _, report = run(models, ArraySource(scene), centres=())
    assert report.camera.nominal_nm is None
    assert "good" not in confidence(report.camera)
    assert set(confidence(whole[1].camera)) <= {"good", "fair", "poor"}


def test_confidence_needs_both_centre_and_width(whole):
    camera = whole[1].camera
    found = replace(
        camera.found,
        centre_deviation_nm=np.array([5.0, 5.0, 16.0, 15.0]),
        width_deviation=np.array([0.3, 0.6, 0.1, 0.5]),
    )
    assert confidence(replace(camera, found=found)) == ("good", "poor", "poor", "fair")


def test_blind_takes_whole_arrays(monkeypatch, models, scene, whole):
    monkeypatch.setattr(notebooks, "open_blind", lambda *_: models)
    found = notebooks.blind(scene, CENTRES, "visible31")
    assert found.hsi.shape == (31, 70, 90)
    np.testing.assert_array_equal(found.stf, whole[1].camera.stf)


def test_the_model_is_refused_where_only_sentinel_2_goes(blind_model_file):
    with pytest.raises(ModelError, match="is for cameras whose response is unknown; run it with Blind"):
        Session.open(blind_model_file, "cpu")


def test_other_models_are_refused_for_any_camera(linear_model):
    with pytest.raises(ModelError, match="is for Sentinel-2 only; choose one for any camera"):
        Session.open(linear_model, "cpu", constants=True)


def test_a_model_without_its_second_file(blind_model_file, tmp_path):
    alone = tmp_path / blind_model_file.name
    alone.write_bytes(blind_model_file.read_bytes())
    with pytest.raises(ModelError, match="that belongs to the model is missing; copy it there"):
        ResponseModel(alone)
    assert response_file(blind_model_file).is_file()


def test_stages_are_outputs_of_their_own(models, scene):
    session, _ = models
    state = session.run(scene[:, :9, :11], output="state_1")
    assert state.shape == (31, 9, 11)
    assert np.abs(state - session.run(scene[:, :9, :11])).max() > 1e-6
