"""The parts of the unmixing algorithms that need no run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from hyperlift.algorithms.unmixing_comparison import Match, matches
from hyperlift.algorithms.unmixing_layers import centre_of
from hyperlift.algorithms.unmixing_progress import Stages
from hyperlift.algorithms.unmixing_quicklook import SIDE, Quicklook
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.raster.blocks import BandTable, Block, Georeference, RasterProfile, Window


class Bar(SilentMonitor):
    """Remembers where it was."""

    def __init__(self):
        self.places = []

    def progress(self, fraction):
        self.places.append(fraction)


def test_bar_never_moves_backwards_however_often_the_image_is_gone_through():
    bar = Bar()
    stages = Stages(bar)
    stages.begin(0.2, 0.6)
    for _ in range(3):
        for fraction in (0.5, 1.0):
            stages.progress(fraction)
    assert bar.places == pytest.approx([0.3, 0.4, 0.45, 0.5, 0.525, 0.55])
    stages.begin(0.6, 1.0, share=1.0)
    stages.progress(1.0)
    assert bar.places[-1] == pytest.approx(1.0)
    stages.part(0.1, 0.3).progress(0.5)
    assert bar.places[-1] == pytest.approx(0.2)
    stages.end()
    assert bar.places[-1] == 1.0


@pytest.mark.parametrize("tile", [64, 7])
def test_quicklook_keeps_every_so_many_th_pixel_of_any_tiles(tile):
    rows, columns = 2 * SIDE + 5, 90
    pixels = np.arange(2.0 * rows * columns, dtype=np.float32).reshape(2, rows, columns)
    valid = pixels[0] % 5 != 0
    unknown = (np.nan, np.nan)
    look = Quicklook()
    look.open(RasterProfile((rows, columns), BandTable(("a", "b"), unknown, unknown), Georeference(), tile))
    for row in range(0, rows, tile):
        for column in range(0, columns, tile):
            window = Window(row, column, min(tile, rows - row), min(tile, columns - column))
            part = window.within(Window(0, 0, rows, columns))
            look.write(Block(window, pixels[(slice(None), *part)], valid[part]))
    look.commit()
    assert look.step == 3
    np.testing.assert_array_equal(look.pixels, np.where(valid, pixels, np.nan)[:, ::3, ::3])


@pytest.mark.parametrize(
    ("transform", "centre"),
    [
        ((1000.0, 10.0, 0.0, 2000.0, 0.0, -10.0), (1035.0, 1975.0)),
        ((1000.0, 8.0, 6.0, 2000.0, 6.0, -8.0), (1043.0, 2001.0)),
        ((0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (3.5, -2.5)),
    ],
    ids=["north up", "rotated", "none, as QGIS draws it"],
)
def test_centre_of_a_pixel(transform, centre):
    point = centre_of(Georeference(transform), 2, 3)
    assert (point.x(), point.y()) == pytest.approx(centre)


def separation_of(planes):
    return SimpleNamespace(count=len(planes), abundances=SimpleNamespace(pixels=planes.astype(np.float32)))


def test_endmembers_are_paired_by_their_abundances_where_both_images_are_valid():
    planes = np.random.default_rng(4).random((3, 10, 12))
    few = np.stack([planes[2] + 0.1, planes[0]])
    few[:, :2] = np.nan
    pairs = matches(separation_of(planes), separation_of(few))
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (2, 0)]
    assert [pair.correlation for pair in pairs] == pytest.approx([1.0, 1.0], abs=1e-5)
    assert [pair.difference for pair in pairs] == pytest.approx([0.0, 0.1], abs=1e-5)


def test_endmember_that_is_nowhere_correlates_with_nothing():
    planes = np.random.default_rng(4).random((2, 10, 12))
    planes[1] = 0.0
    assert matches(separation_of(planes), separation_of(planes))[1] == Match(1, 1, 0.0, 0.0)
    assert matches(separation_of(planes), separation_of(np.full((2, 10, 12), np.nan))) == ()
