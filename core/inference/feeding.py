"""What a network is fed: tiles of complete reflectance with their surroundings, read ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from ..raster.blocks import MaskArray, PixelArray, Source, Window
from .bands import BandMatch
from .calibration import Reflectance
from .tiling import fill_invalid, fill_margin

_AHEAD = 2

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Feed:
    """One tile for a network.

    Attributes:
        tile: the window to lift.
        outer: the window that ``pixels`` cover: the tile and its halo, cut at the scene.
        pixels: reflectance (c, h, w) of ``outer``, without gaps when any pixel of the tile is valid.
        valid: which pixels of ``tile`` are valid.
        impossible: pixels of ``tile`` with data that cannot be reflectance, and do not count as valid.
    """

    tile: Window
    outer: Window
    pixels: PixelArray
    valid: MaskArray
    impossible: int = 0


@dataclass(frozen=True)
class Feeder:
    """Makes feeds from a source; the halo is read from the whole source, also beyond a clipped part of it."""

    source: Source
    match: BandMatch
    reflectance: Reflectance
    halo: int

    def feed(self, tile: Window) -> Feed:
        """Read a tile; invalid pixels in it and around it get the values of the nearest valid ones."""
        outer = tile.expanded(self.halo, self.source.shape)
        pixels, valid, stored = self._read(outer)
        inside = valid[tile.within(outer)]
        if inside.any():
            if not valid.all():
                wide = tile.expanded(fill_margin(self.halo), self.source.shape)
                rows, columns = outer.within(wide)
                pixels = fill_invalid(*self._read(wide)[:2])[:, rows, columns]
            pixels = self.match.complete(pixels)
        impossible = int(stored[tile.within(outer)].sum()) - int(inside.sum())
        return Feed(tile, outer, pixels, inside, impossible)

    def _read(self, window: Window) -> tuple[PixelArray, MaskArray, MaskArray]:
        """Reflectance, which pixels are valid, and which of them the raster says to be so."""
        block = self.source.read(window, self.match.numbers)
        reflectance = self.reflectance.of(block.pixels)
        return reflectance, block.valid & self.reflectance.possible(reflectance), block.valid


def one_thread(stack: ExitStack) -> ThreadPoolExecutor:
    """A thread that ends with the stack, leaving undone what it has not begun."""
    pool = ThreadPoolExecutor(max_workers=1)
    stack.callback(pool.shutdown, wait=True, cancel_futures=True)
    return pool


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """Results in order, two of them computed before they are asked for."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
