import numpy as np
import pytest

from hyperlift.core.errors import CancelledError, ModelError
from hyperlift.core.inference.card import Card
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session
from hyperlift.core.inference.statistics import reference_windows
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import Window

ASKED = {"name": "given", "gathered": "gathered", "window": 32, "windows": 3}


@pytest.fixture(scope="module")
def session(make_model):
    return Session.open(make_model("statistics", statistics=ASKED), "cpu")


def lifted(scene, session, valid=None, **options):
    sinks = []

    def sink(profile):
        sinks.append(ArraySink(profile))
        return sinks[0]

    pixels = np.where(valid, scene, np.nan) if valid is not None else scene
    bands = tuple(range(1, 13))
    options = LiftOptions(bands, scale=1.0, offset=0.0, data_type="float32", **options)
    lift_scene(ArraySource(pixels), sink, session, options)
    return sinks[0].pixels


@pytest.fixture
def scene():
    """Brighter towards the right, so that every tile has another mean."""
    random = np.random.default_rng(0).random((12, 100, 140), dtype=np.float32)
    return (0.2 * random + np.linspace(0.1, 0.6, 140, dtype=np.float32)).astype(np.float32)


def test_the_windows_lie_evenly_in_the_scene():
    windows = reference_windows((100, 20), 32, 3)
    assert windows == [Window(row, 0, 32, 20) for row in (0, 34, 68)]
    assert reference_windows((5, 5), 32, 3) == [Window(0, 0, 5, 5)]
    inside = reference_windows((1000, 70), 32, 3)
    assert max(window.row + window.height for window in inside) == 1000
    assert len(inside) == 9


def test_the_result_does_not_depend_on_the_tiles(session, scene):
    whole = lifted(scene, session, tile=256)
    for tile in (16, 48, 64):
        np.testing.assert_allclose(lifted(scene, session, tile=tile), whole, atol=1e-6)


def test_without_the_scene_s_statistics_it_would(session, scene):
    left, right = (session.run(part) for part in (scene[:, :, :70], scene[:, :, 70:]))
    assert np.abs(np.concatenate([left, right], axis=2) - session.run(scene)).max() > 0.05


def test_a_clipped_part_equals_the_whole_scene_there(session, scene):
    whole = lifted(scene, session)
    part = lifted(scene, session, window=Window(20, 90, 40, 50))
    np.testing.assert_allclose(part, whole[:, 20:60, 90:], atol=1e-6)


def test_the_statistics_are_the_mean_of_the_windows(session, scene, matrix):
    windows = reference_windows(scene.shape[1:], 32, 3)
    parts = [scene[:, w.row : w.row + w.height, w.column : w.column + w.width] for w in windows]
    mean = np.mean([part.mean(axis=(1, 2)) for part in parts], axis=0)
    expected = np.tensordot(matrix, scene - mean[:, None, None], axes=1)
    np.testing.assert_allclose(lifted(scene, session), expected, atol=1e-5)


def test_nodata_does_not_count(session, scene):
    valid = np.zeros((100, 140), bool)
    valid[40:60, 60:80] = True
    few = lifted(scene, session, valid, tile=16)
    assert np.isnan(few[:, ~valid]).all()
    assert np.abs(few[:, valid]).mean() < np.abs(lifted(scene, session)[:, :20]).mean()
    np.testing.assert_allclose(lifted(scene, session, valid, tile=64), few, atol=1e-6)


def test_a_card_survives_writing_and_reading(session):
    again = Card.from_json(session.card.to_json())
    assert again.statistics == session.card.statistics
    assert again.statistics.window == 32


def test_a_card_that_promises_what_the_graph_has_not_is_refused(make_model):
    path = make_model("linear", statistics=ASKED)
    with pytest.raises(ModelError, match="no optional input given or no output gathered"):
        Session.open(path, "cpu")


def test_a_model_without_statistics_has_none_to_gather(linear_model):
    with pytest.raises(ModelError, match="uses no statistics"):
        Session.open(linear_model, "cpu").gather(np.zeros((12, 4, 4), np.float32))


class Stop(SilentMonitor):
    """Cancels from the start."""

    def cancelled(self):
        return True


class Counting(ArraySource):
    """Counts what is read of it."""

    read_windows = released = 0

    def read(self, window, numbers=()):
        self.read_windows += 1
        return super().read(window, numbers)

    def release(self):
        self.released += 1


def test_cancelling_ends_the_search_for_valid_pixels(session):
    """In an empty scene of 169 windows; a look at the values, at most 25 windows, comes before."""
    source = Counting(np.full((12, 400, 400), np.nan, np.float32))
    options = LiftOptions(tuple(range(1, 13)), scale=1.0, offset=0.0)
    with pytest.raises(CancelledError):
        lift_scene(source, ArraySink, session, options, Stop())
    assert source.read_windows <= 26


def test_what_was_read_for_the_statistics_is_not_kept(session, scene):
    source = Counting(scene)
    options = LiftOptions(tuple(range(1, 13)), scale=1.0, offset=0.0)
    lift_scene(source, ArraySink, session, options)
    assert source.released >= 9
