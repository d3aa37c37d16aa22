"""Tiles of a scene, and networks run on them with as much surroundings as they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..errors import ModelError
from ..raster.blocks import MaskArray, PixelArray, Window
from .graph_session import DeviceError, OutOfMemoryError, give_up_card, or_on_processor
from .session import Session

_STEP = 16


def tile_side(asked: int) -> int:
    """A tile's side in pixels: the nearest multiple of 16, at least 16."""
    return max(_STEP, _STEP * round(asked / _STEP))


def tiles(window: Window, side: int) -> Iterator[Window]:
    """Tiles of a window, row by row; those at its right and lower edge may be smaller."""
    for row in range(window.row, window.row + window.height, side):
        height = min(side, window.row + window.height - row)
        for column in range(window.column, window.column + window.width, side):
            yield Window(row, column, height, min(side, window.column + window.width - column))


def fill_margin(halo: int) -> int:
    """How far around a tile the nearest valid pixel of any pixel in its halo is looked for.

    A pixel in the halo matters only if a valid pixel of the tile lies within ``halo`` rows and columns, so
    its own nearest valid pixel is at most ``sqrt(2) * halo`` away.
    """
    return halo + int(np.ceil(np.sqrt(2.0) * halo)) + 1


def fill_invalid(pixels: PixelArray, valid: MaskArray) -> PixelArray:
    """Pixels ``(c, h, w)`` with each invalid one replaced by the nearest valid one (h, w); needs one."""
    import scipy.ndimage  # here, so that the plugin loads where scipy is missing

    nearest = scipy.ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    filled: PixelArray = pixels[:, nearest[0], nearest[1]]
    return filled


class TileRunner:
    """Runs a session on tiles: on halves of them when memory runs out, on the processor when a card fails.

    Attributes:
        devices: those that lifted something, in the order of their first use.
        statistics: of the scene, fed with every tile; None computes those of each tile, where any are used.
    """

    def __init__(self, session: Session, halo: int, warn: Callable[[str], None]) -> None:
        """Take a session, and ``warn``, which tells the user a sentence when it becomes true."""
        self.session = session
        self.halo = halo
        self.devices: list[str] = []
        self.statistics: PixelArray | None = None
        self._warn = warn
        self._largest = np.inf

    def run(self, pixels: PixelArray, outer: Window, tile: Window) -> PixelArray:
        """Lift ``tile`` from ``pixels`` (c, h, w), which cover ``outer``: the tile and its surroundings.

        Returns:
            Reflectance ``(C, f * tile.height, f * tile.width)``.

        Raises:
            OutOfMemoryError: the memory does not suffice even for the smallest tile.
            ModelError: the network fails on the processor too.
        """
        area = tile.height * tile.width
        if area <= self._largest:
            try:
                return self._run_whole(pixels, outer, tile)
            except DeviceError as error:
                self._use_processor(error)
                return self.run(pixels, outer, tile)
            except OutOfMemoryError as error:
                if max(tile.height, tile.width) > _STEP:
                    self._shrink(tile)
                elif self.session.device == "CPU":
                    raise
                else:
                    self._use_processor(error)
                    return self.run(pixels, outer, tile)
        halves, axis = _halves(tile)
        return np.concatenate([self.run(pixels, outer, half) for half in halves], axis=axis)

    def gather(self, pixels: PixelArray) -> PixelArray:
        """Statistics ``(1, S)`` of a part ``(c, h, w)`` of the scene; a failing card gives way as in run."""
        return or_on_processor(self.session, lambda: self.session.gather(pixels), self._warn)

    def _shrink(self, tile: Window) -> None:
        """Remember that a tile of this size is too large; the user is told once."""
        if self._largest == np.inf:
            self._warn(
                f"The memory of the device ({self.session.device}) did not suffice for tiles of "
                f"{tile.height} x {tile.width} pixels; smaller ones were used."
            )
        self._largest = tile.height * tile.width - 1

    def _use_processor(self, error: ModelError) -> None:
        give_up_card(self.session, error, self._warn)
        self._largest = np.inf

    def _run_whole(self, pixels: PixelArray, outer: Window, tile: Window) -> PixelArray:
        shape = (outer.row + outer.height, outer.column + outer.width)
        near = tile.expanded(self.halo, shape)
        top, left = max(near.row, outer.row), max(near.column, outer.column)
        near = Window(top, left, near.row + near.height - top, near.column + near.width - left)
        rows, columns = near.within(outer)
        lifted = self.session.run(pixels[:, rows, columns], self.statistics)
        if self.session.device not in self.devices:
            self.devices.append(self.session.device)
        factor = self.session.card.scale_factor
        rows, columns = tile.scaled(factor).within(near.scaled(factor))
        return lifted[:, rows, columns]


def _halves(tile: Window) -> tuple[list[Window], int]:
    """Both halves of a tile along its longer side, and the axis of ``(C, h, w)`` that joins them."""
    if tile.height >= tile.width:
        half = tile.height // 2
        rest = tile.height - half
        return [
            Window(tile.row, tile.column, half, tile.width),
            Window(tile.row + half, tile.column, rest, tile.width),
        ], 1
    half = tile.width // 2
    rest = tile.width - half
    return [
        Window(tile.row, tile.column, tile.height, half),
        Window(tile.row, tile.column + half, tile.height, rest),
    ], 2
