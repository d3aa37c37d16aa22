import numpy as np
import pytest

from hyperlift.core.errors import CancelledError, RasterError
from hyperlift.core.fusion import photograph
from hyperlift.core.fusion.photograph import Photograph, check_photograph, place_by_extent
from hyperlift.core.raster.arrays import ArraySource
from hyperlift.core.raster.blocks import Window
from hyperlift.core.registration import Affine


def ramp(rows, columns):
    """Three bands that grow with the column, from one."""
    return np.tile(1.0 + np.arange(columns, dtype=np.float32) + 0.5, (3, rows, 1))


def test_a_finer_photograph_is_averaged():
    rough = ramp(40, 80) + 5.0 * (-1.0) ** np.arange(80)
    photo = Photograph(ArraySource(rough), place_by_extent((10, 20), (40, 80)))
    pixels, valid = photo.on_grid(photo.place, (2, 3), (6, 10))
    assert valid.all()
    np.testing.assert_allclose(pixels[0, 0], 1.0 + 4.0 * (np.arange(3, 13) + 0.5), atol=0.05)


def test_parts_of_a_grid_are_what_the_whole_grid_gives():
    rng = np.random.default_rng(0)
    photo = Photograph(ArraySource(1.0 + rng.random((3, 300, 420))), Affine.identity())
    there = Affine.about((100.0, 100.0), 5.0, 1.4)
    whole, seen = photo.on_grid(there, (0, 0), (200, 280))
    part, inside = photo.on_grid(there, (40, 90), (30, 50))
    np.testing.assert_allclose(part, whole[:, 40:70, 90:140], atol=1e-5)
    np.testing.assert_array_equal(inside, seen[40:70, 90:140])


def test_beyond_the_edge_and_beside_a_black_collar_is_nothing():
    picture = ramp(40, 40)
    picture[:, :, :10] = 0.0
    photo = Photograph(ArraySource(picture), Affine.identity())
    pixels, valid = photo.on_grid(Affine.identity(), (-5, -5), (50, 50))
    assert not valid[:5].any()
    assert not valid[:, :17].any()
    assert valid[5:45, 18:45].all()
    assert np.isfinite(pixels).all()


class Recording(ArraySource):
    """Counts what is read, and remembers how many pixels the largest window had."""

    reads = largest = 0

    def read(self, window, numbers=()):
        self.reads += 1
        self.largest = max(self.largest, window.height * window.width)
        return super().read(window, numbers)


def test_memory_does_not_grow_with_a_fine_photograph():
    rng = np.random.default_rng(0)
    size, side = 60, 80
    source = Recording(rng.integers(1, 200, (1, size * side, size * side), dtype=np.uint8))
    photo = Photograph(source, place_by_extent((side, side), source.shape))
    pixels, valid = photo.on_grid(photo.place, (0, 0), (side, side))
    assert source.largest < 2200**2
    assert valid.all()
    means = source.read(Window(0, 0, *source.shape)).pixels[0].reshape(side, size, side, size).mean((1, 3))
    np.testing.assert_allclose(pixels[0], means, atol=1e-2)


def test_a_fine_photograph_can_be_left_after_any_piece():
    size, side = 60, 80
    source = Recording(np.ones((1, size * side, size * side), np.uint8))
    photo = Photograph(source, place_by_extent((side, side), source.shape))
    with pytest.raises(CancelledError):
        photo.on_grid(photo.place, (0, 0), (side, side), stop_at_the_third(told := []))
    assert (len(told), source.reads) == (3, 2)


def stop_at_the_third(told):
    """Keeps the progress and stops."""

    def step(fraction):
        told.append(fraction)
        if len(told) == 3:
            raise CancelledError("Cancelled.")

    return step


def test_pieces_of_a_photograph_with_gaps_are_what_it_gives_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    picture = 1.0 + rng.random((3, 400, 480), dtype=np.float32)
    picture[:, :, :130] = 0.0
    picture[:, 200:230, 300:340] = 0.0
    photo = Photograph(ArraySource(picture), place_by_extent((40, 48), (400, 480)))
    whole, seen = photo.on_grid(photo.place, (0, 0), (40, 48))
    monkeypatch.setattr(photograph, "_PIECE", 100)
    pieces, there = photo.on_grid(photo.place, (0, 0), (40, 48))
    np.testing.assert_array_equal(there, seen)
    assert 0.5 < seen.mean() < 0.8
    np.testing.assert_allclose(pieces[:, seen], whole[:, seen], atol=2e-3)


def test_one_band_is_grey_and_two_are_refused():
    grey = Photograph(ArraySource(ramp(20, 20)[:1]), Affine.identity())
    assert grey.on_grid(Affine.identity(), (0, 0), (20, 20))[0].shape == (3, 20, 20)
    with pytest.raises(RasterError, match="two bands"):
        check_photograph(ArraySource(ramp(20, 20)[:2]))
    with pytest.raises(RasterError, match="give a larger one"):
        check_photograph(ArraySource(ramp(3, 20)))
