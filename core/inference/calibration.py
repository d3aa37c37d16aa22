"""From stored numbers to reflectance: scale and offset as given, as stated in the file, or as recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from ..raster.blocks import MaskArray, PixelArray, Source, Window
from ..raster.input import undeclared_nodata
from ..raster.scaling import implies_offsets

PRODUCT_SCALE = 1e-4  # reflectance per digital number of the usual products
_SAMPLES = 5  # windows along each side of the scene
_SAMPLE_SIDE = 48
_BRIGHT = 2.0  # no scene has a hundredth of its numbers above this reflectance
_PER_CENT = 150.0  # nor above so many per cent; digital numbers reach further
_DIM = 0.02  # only water and shade have so many of them below this one
# Undeclared nodata such as -9999 lies beyond these; haze taken off too much, glint and saturation do not.
_POSSIBLE = (-0.5, 10.0)
_ABSURD = 1e6  # no stored number of a measured pixel
_ZEROS = 1e-3  # share of pixels that are zero in all bands, from which on these are told of
# Darkest reflectance when the offset of +1000 digital numbers is still in: in several bands at once.
_DARK_RANGE = (0.095, 0.15)
_DARK_PERCENTILE = 0.5
_DARK_BANDS = 3

_LOST_OFFSET = (
    "By its metadata the raster is a Sentinel-2 product of processing baseline 04.00 or later, whose offset "
    "of -1000 was most likely lost in a conversion: set the offset to -0.1, or to 0 if the numbers have been "
    "corrected."
)


@dataclass(frozen=True)
class Reflectance:
    """``reflectance = number * scale + offset`` for the bands that feed a network.

    Attributes:
        scale: one for each of these bands, shape ``(n,)``.
        offset: likewise.
        how: one sentence for the log and the provenance.
        warnings: sentences that the user must see.
        limits: between which a pixel's reflectance must be in all bands to count as measured; infinite where
            the scale is so wrong that most pixels are beyond.
    """

    scale: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]
    how: str
    warnings: tuple[str, ...] = ()
    limits: tuple[float, float] = _POSSIBLE

    def possible(self, reflectance: PixelArray) -> MaskArray:
        """Which pixels ``(h, w)`` of ``(n, h, w)`` can have been measured."""
        low, high = self.limits
        result: MaskArray = ((reflectance > low) & (reflectance < high)).all(axis=0)
        return result

    def of(self, pixels: PixelArray) -> PixelArray:
        """Reflectance of stored numbers ``(n, h, w)``."""
        scaled = pixels * self.scale[:, None, None] + self.offset[:, None, None]
        result: PixelArray = scaled.astype(np.float32, copy=False)
        return result


def calibrate(
    source: Source,
    numbers: Sequence[int],
    window: Window,
    product_scale: float,
    scale: float | None = None,
    offset: float | None = None,
) -> Reflectance:
    """Find scale and offset.

    Args:
        source: the raster.
        numbers: band numbers (from 1) that are used.
        window: part of the raster that is used.
        product_scale: reflectance per digital number of the sensor's products.
        scale: the user's scale, None to find it.
        offset: the user's offset, None to find it.

    Raises:
        RasterError: the scale is not positive, the numbers cannot be reflectance, or there is nothing to
            recognise them by.
    """
    if scale is not None and not scale > 0:
        raise RasterError(f"The scale is {scale:g}; give a positive number, or none to recognise the scale.")
    used = [number - 1 for number in numbers]
    stated, why = _stated(source, used), "as given"
    scales: npt.NDArray[np.float64] = np.full(len(used), scale if scale is not None else np.nan)
    offsets: npt.NDArray[np.float64] = np.full(len(used), offset if offset is not None else 0.0)
    if stated is not None:
        if scale is None:
            scales, why = stated[0], "as the file states"
        if offset is None:
            offsets = stated[1]
    sample, empty = _measured(_sample(source, numbers, window))
    if np.isnan(scales).any():
        recognised, why = _recognise(source, sample, product_scale)
        scales[:] = recognised
    if offset is not None and scale is None:
        why += "; offset as given"
    how = f"Reflectance = number * {_numbers(scales)} + {_numbers(offsets)} ({why})."
    warnings = _empty_warning(empty) + _brightness_warning(sample, scales, offsets)
    if offset is None:
        lost = stated is None and implies_offsets(source.metadata)
        warnings += (_LOST_OFFSET,) if lost else _offset_warning(sample, scales, offsets)
    limits = _limits(sample, scales, offsets)
    return Reflectance(scales.astype(np.float32), offsets.astype(np.float32), how, warnings, limits)


def _stated(
    source: Source, used: Sequence[int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Scales and offsets that the file states of the bands in use; other bands may have their own."""
    if source.calibration is None:
        return None
    scales, offsets = (
        np.array(table)[used] for table in (source.calibration.scale, source.calibration.offset)
    )
    return (scales, offsets) if (scales != 1.0).any() or offsets.any() else None


def _recognise(source: Source, sample: PixelArray, product_scale: float) -> tuple[float, str]:
    """Scale, and by what it was recognised."""
    if source.dtype.itemsize == 1:
        raise RasterError(
            f"'{source.name}' is an 8-bit picture, made to be looked at, not reflectance; use the product's "
            "original bands."
        )
    if source.dtype.kind in "iu":
        return product_scale, "recognised: digital numbers stored as integers"
    if not sample.size:
        raise RasterError(
            f"No valid pixel was found in '{source.name}'; if a small part of it is valid, choose "
            "that part as the extent or give the scale."
        )
    bright = np.percentile(sample, 99)
    if bright <= _BRIGHT:
        return 1.0, "recognised: reflectance stored as fractions"
    if bright <= _PER_CENT:
        return 0.01, "recognised: reflectance stored in per cent"
    return product_scale, "recognised: digital numbers stored as floating-point numbers"


def _measured(sample: PixelArray) -> tuple[PixelArray, float]:
    """The sample without what nobody measured, and the share of it that is zero in all bands."""
    if not sample.size:
        return sample, 0.0
    zero = (sample == 0).all(axis=0)
    absurd = (np.abs(sample) >= _ABSURD).any(axis=0)
    measured = sample[:, ~(zero | absurd | undeclared_nodata(sample))]
    return (measured if measured.size else sample), float(zero.mean())


def _limits(
    sample: PixelArray, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]
) -> tuple[float, float]:
    low, high = _POSSIBLE
    usual = float(np.median(sample * scales[:, None] + offsets[:, None])) if sample.size else 0.0
    return (low if usual > low else -np.inf), (high if usual < high else np.inf)


def _empty_warning(empty: float) -> tuple[str, ...]:
    if empty <= _ZEROS:
        return ()
    return (
        f"About {empty:.1%} of the pixels are zero in all bands and are taken as measured; if they are "
        "nodata, declare 0 as the nodata value of the raster.",
    )


def _brightness_warning(
    sample: PixelArray, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]
) -> tuple[str, ...]:
    if not sample.size:
        return ()
    bright = np.percentile(sample * scales[:, None] + offsets[:, None], 99)
    if bright < _DIM:
        return (
            f"99 of 100 numbers are below a reflectance of {bright:.2g}, darker than any land: unless all is "
            "water or shade the scale or the offset is wrong; correct it.",
        )
    if bright <= _BRIGHT:
        return ()
    return (
        f"One number in a hundred is above a reflectance of {bright:.3g}, brighter than any land: the scale "
        "is most likely wrong; correct it.",
    )


def _offset_warning(
    sample: PixelArray, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]
) -> tuple[str, ...]:
    if not sample.size or offsets.any():
        return ()
    dark = np.percentile(sample, _DARK_PERCENTILE, axis=1) * scales
    low, high = _DARK_RANGE
    if dark.min() < low or ((dark >= low) & (dark <= high)).sum() < _DARK_BANDS:
        return ()
    return (
        f"The darkest pixels of all bands start near a reflectance of {dark.min():.2f}: the +1000 offset of "
        "processing baseline 04.00 is most likely still in; set the offset to -0.1.",
    )


def _sample(source: Source, numbers: Sequence[int], window: Window) -> PixelArray:
    """Valid pixels ``(n, samples)`` of small windows spread evenly over a part of the raster."""
    rows = _starts(window.row, window.height)
    columns = _starts(window.column, window.width)
    height, width = min(_SAMPLE_SIDE, window.height), min(_SAMPLE_SIDE, window.width)
    pieces = []
    for row in rows:
        for column in columns:
            block = source.read(Window(row, column, height, width), numbers)
            pieces.append(block.pixels[:, block.valid])
        source.release()
    return np.concatenate(pieces, axis=1)


def _starts(first: int, length: int) -> list[int]:
    last = max(length - _SAMPLE_SIDE, 0)
    return sorted({first + round(last * step / (_SAMPLES - 1)) for step in range(_SAMPLES)})


def _numbers(values: npt.NDArray[np.float64]) -> str:
    """One number when all are equal, else a list."""
    unique = np.unique(values)
    return f"{unique[0]:g}" if len(unique) == 1 else f"({', '.join(f'{value:g}' for value in values)})"
