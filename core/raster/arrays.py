"""Plain arrays as sources and sinks: for notebooks, and wherever no file is involved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from .blocks import (
    BandTable,
    Block,
    Calibration,
    Georeference,
    MaskArray,
    PixelArray,
    RasterProfile,
    Window,
)
from .input import valid_pixels


class ArraySource:
    """A source over an array of shape ``(bands, H, W)``."""

    def __init__(
        self,
        pixels: npt.ArrayLike,
        bands: BandTable | None = None,
        valid: MaskArray | None = None,
        georeference: Georeference | None = None,
        calibration: Calibration | None = None,
        name: str = "array",
    ) -> None:
        """Take the array as it is.

        Args:
            pixels: real numbers, shape ``(bands, H, W)``.
            bands: what is known of the bands; nothing when None.
            valid: shape ``(H, W)``; pixels that are not finite in every band are left out as well.
            georeference: where the array lies; unknown when None.
            calibration: scale and offset of the numbers, None when they are unknown.
            name: what to call the array in messages.

        Raises:
            RasterError: the array is no image of real numbers, or the other arguments do not fit it.
        """
        self._pixels = np.asarray(pixels)
        shape = self._pixels.shape
        if len(shape) != 3 or 0 in shape or self._pixels.dtype.kind not in "buif":
            raise RasterError(
                f"The {name} needs real numbers in the shape (bands, rows, columns), not the shape {shape} "
                f"and the type {self._pixels.dtype}."
            )
        unknown = (math.nan,) * shape[0]
        self.name = name
        self.bands = bands or BandTable(("",) * shape[0], unknown, unknown)
        self.georeference = georeference or Georeference()
        self.calibration = calibration
        self.metadata: Mapping[str, str] = {}
        self._valid = np.ones(shape[1:], dtype=np.bool_) if valid is None else np.asarray(valid, np.bool_)
        if len(self.bands) != shape[0] or self._valid.shape != shape[1:]:
            raise RasterError(f"The bands or the mask given for the {name} do not fit its shape {shape}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._pixels.shape[1], self._pixels.shape[2]

    @property
    def block_shape(self) -> tuple[int, int]:
        """Any piece is at hand: single rows."""
        return 1, self.shape[1]

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the numbers."""
        return self._pixels.dtype

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """A copy of the window's pixels as float32, and where they are valid."""
        rows, columns = window.within(Window(0, 0, *self.shape))
        numbers = numbers or range(1, len(self._pixels) + 1)
        pixels = self._pixels[[number - 1 for number in numbers], rows, columns].astype(np.float32)
        valid = valid_pixels(pixels, (None,) * len(pixels)) & self._valid[rows, columns]
        return Block(window, pixels, valid)

    def release(self) -> None:
        """Nothing is cached."""

    def close(self) -> None:
        """Nothing is open."""


class ArraySink:
    """A sink that gathers reflectance in ``pixels``, shape ``(bands, H, W)``, NaN where it is not valid."""

    def __init__(self, profile: RasterProfile) -> None:
        self.profile = profile
        self.pixels: PixelArray = np.full((len(profile.bands), *profile.shape), np.nan, dtype=np.float32)

    def write(self, block: Block) -> None:
        """Put a block in its place."""
        rows, columns = block.window.within(Window(0, 0, *self.profile.shape))
        self.pixels[:, rows, columns] = np.where(block.valid, block.pixels, np.nan)

    def finish(self) -> None:
        """Nothing is left to do."""

    def commit(self) -> None:
        """Every block already is in its place."""

    def discard(self) -> None:
        """Forget what was written."""
        self.pixels[:] = np.nan


def array_sinks() -> tuple[list[ArraySink], Callable[[RasterProfile], ArraySink]]:
    """What creates sinks for the scene runner, and the list in which those that it creates are found."""
    sinks: list[ArraySink] = []

    def make(profile: RasterProfile) -> ArraySink:
        """A sink that is remembered."""
        sinks.append(ArraySink(profile))
        return sinks[-1]

    return sinks, make
