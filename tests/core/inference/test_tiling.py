import os
import subprocess
import sys

import numpy as np
import pytest

from hyperlift.core.inference.graph_session import OutOfMemoryError
from hyperlift.core.inference.session import Session
from hyperlift.core.inference.tiling import TileRunner, fill_invalid, tile_side, tiles
from hyperlift.core.raster.blocks import Window


@pytest.mark.parametrize(("asked", "side"), [(1, 16), (16, 16), (250, 256), (256, 256), (1001, 1008)])
def test_sides_are_multiples_of_sixteen(asked, side):
    assert tile_side(asked) == side


@pytest.mark.parametrize("window", [Window(0, 0, 1, 1), Window(5, 7, 32, 32), Window(3, 0, 100, 45)])
def test_tiles_cover_a_window_once(window):
    counts = np.zeros((120, 80), int)
    for tile in tiles(window, 32):
        counts[tile.row : tile.row + tile.height, tile.column : tile.column + tile.width] += 1
    expected = np.zeros_like(counts)
    expected[window.row : window.row + window.height, window.column : window.column + window.width] = 1
    np.testing.assert_array_equal(counts, expected)


def test_tiles_come_row_by_row():
    corners = [(tile.row, tile.column) for tile in tiles(Window(0, 0, 64, 64), 32)]
    assert corners == [(0, 0), (0, 32), (32, 0), (32, 32)]


def test_invalid_pixels_get_the_nearest_valid_one():
    pixels = np.arange(20, dtype=np.float32).reshape(1, 4, 5)
    valid = np.zeros((4, 5), bool)
    valid[0, 0] = valid[3, 4] = True
    filled = fill_invalid(pixels, valid)
    assert filled[0, 1, 1] == 0
    assert filled[0, 2, 4] == 19


def no_warning(sentence):
    raise AssertionError(sentence)


class Small:
    """A session whose device takes only so many pixels; what it takes goes through a real one."""

    def __init__(self, session, most):
        self.session, self.most, self.sizes = session, most, []
        self.card, self.device = session.card, session.device

    def run(self, pixels, statistics=None):
        self.sizes.append(pixels.shape[1] * pixels.shape[2])
        if self.sizes[-1] > self.most:
            raise OutOfMemoryError("no memory")
        return self.session.run(pixels)


@pytest.mark.parametrize("kind", ["blur", "double"])
def test_halves_give_the_same_result(make_model, kind):
    session = Session.open(make_model(kind), "cpu")
    pixels = np.random.default_rng(0).random((12, 100, 80), dtype=np.float32)
    outer, tile = Window(10, 20, 100, 80), Window(16, 26, 88, 68)
    expected = TileRunner(session, 6, no_warning).run(pixels, outer, tile)
    small = Small(session, 1500)
    warnings = []
    runner = TileRunner(small, 6, warnings.append)
    np.testing.assert_allclose(runner.run(pixels, outer, tile), expected, atol=1e-6)
    assert len(warnings) == 1
    assert "smaller ones were used" in warnings[0]
    failures = sum(size > small.most for size in small.sizes)
    runner.run(pixels, outer, tile)
    assert sum(size > small.most for size in small.sizes) == failures  # the size that went is remembered


def test_too_little_memory_for_the_smallest_tile_is_an_error(linear_model):
    runner = TileRunner(Small(Session.open(linear_model, "cpu"), 0), 0, lambda _: None)
    window = Window(0, 0, 64, 64)
    with pytest.raises(OutOfMemoryError):
        runner.run(np.zeros((12, 64, 64), np.float32), window, window)


_REAL_SHORTAGE = """
import resource, sys
import numpy as np
from hyperlift.core.inference.graph_session import OutOfMemoryError
from hyperlift.core.inference.session import Session
from hyperlift.core.inference.tiling import TileRunner
from hyperlift.core.raster.blocks import Window

session = Session.open(sys.argv[1], "cpu")
pixels = np.random.default_rng(0).random((12, 192, 192), dtype=np.float32)
window = Window(0, 0, 192, 192)
session.run(pixels[:, :16, :16])
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 230_000_000,) * 2)
try:
    session.run(pixels)
except OutOfMemoryError:
    print("short")
warnings = []
runner = TileRunner(session, 0, warnings.append)
print(np.abs(runner.run(pixels, window, window) - pixels.sum(axis=0) / 2).max() < 1e-4, len(warnings))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_a_real_shortage_of_memory_is_survived(make_model):
    result = subprocess.run(
        [sys.executable, "-c", _REAL_SHORTAGE, str(make_model("hungry"))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.split() == ["short", "True", "1"], result.stderr
