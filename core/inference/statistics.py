"""Statistics of a whole scene that a network needs, gathered before its tiles are lifted.

Sums over a tile are not sums over the scene, so a network that uses some takes them as an input. They are
gathered from windows of the size of the training's images, spread over the scene, and their mean serves every
tile: a result depends on the scene and not on how it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np

from ..raster.blocks import PixelArray, Window
from .feeding import Feed, Feeder
from .pipeline import check_cancelled
from .report import Monitor
from .tiling import TileRunner, tiles

_VALID = 0.5  # share of valid pixels from which a window counts


def reference_windows(shape: tuple[int, int], side: int, count: int) -> list[Window]:
    """Windows of ``side`` pixels, at most ``count`` along each side of a scene, spread evenly over it."""

    def along(extent: int) -> list[tuple[int, int]]:
        """First pixel and length of the windows along one side."""
        size = min(side, extent)
        number = min(count, -(-extent // side))
        return [(round(start), size) for start in np.linspace(0, extent - size, number)]

    rows, columns = along(shape[0]), along(shape[1])
    return [Window(row, column, height, width) for (row, height), (column, width) in product(rows, columns)]


def gather_statistics(feeder: Feeder, runner: TileRunner, monitor: Monitor) -> PixelArray | None:
    """Mean of what the reference windows of a scene give, weighted by their valid pixels.

    Where these hold hardly a valid pixel, the first window of the scene that holds any serves.

    Args:
        feeder: of the scene, without a halo.
        runner: whose session's card says what is to be gathered.
        monitor: is asked whether to stop.

    Returns:
        Shape ``(1, S)``; None when the network needs none or the scene has no valid pixel.

    Raises:
        ModelError: the network fails.
        CancelledError: the monitor asked to stop.
    """
    asked = runner.session.card.statistics
    if asked is None:
        return None
    total: PixelArray | None = None
    weight, shape = 0.0, feeder.source.shape
    for feed in _fed(feeder, reference_windows(shape, asked.window, asked.windows), monitor):
        share = float(feed.valid.mean())
        if share >= _VALID:
            found = np.float32(share) * runner.gather(feed.pixels)
            total, weight = found if total is None else total + found, weight + share
    if total is not None:
        return (total / np.float32(weight)).astype(np.float32)
    every = _fed(feeder, tiles(Window(0, 0, *shape), asked.window), monitor)
    return next((runner.gather(feed.pixels) for feed in every if feed.valid.any()), None)


def _fed(feeder: Feeder, windows: Iterable[Window], monitor: Monitor) -> Iterator[Feed]:
    for window in windows:
        check_cancelled(monitor)
        yield feeder.feed(window)
        feeder.source.release()
