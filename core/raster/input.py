"""What every backend does alike when it reads: valid pixels, and what to say when none come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from .blocks import MaskArray, PixelArray, Source, Window

_FLOAT32 = np.finfo(np.float32)
_LARGEST_FILL = -999.0

Mask = TypeVar("Mask")


def valid_pixels(
    pixels: PixelArray, nodata: Sequence[float | None], masks: Iterable[npt.NDArray[np.uint8]] = ()
) -> MaskArray:
    """Where every band is finite, is not its nodata value and is not masked out.

    Args:
        pixels: shape ``(bands, height, width)``.
        nodata: nodata value of each band, None where it has none; NaN needs no comparison.
        masks: GDAL masks of shape ``(height, width)``; 0 is masked out.
    """
    valid: MaskArray = np.ones(pixels.shape[1:], dtype=np.bool_)
    for band, value in zip(pixels, nodata):
        valid &= np.isfinite(band)
        if value is not None and np.isfinite(value):
            # The pixels came through float32, so the value goes the same way before it is compared.
            valid &= band != np.float32(np.clip(value, _FLOAT32.min, _FLOAT32.max))
    for mask in masks:
        valid &= mask != 0
    return valid


def shared_and_own(masks: Mapping[int, Mask], chosen: Iterable[int]) -> list[Mask]:
    """The masks to read for chosen bands: those of their own, and under 0 the one that all bands share."""
    return [masks[number] for number in (0, *chosen) if number in masks]


def check_bands(name: str, count: int, any_complex: bool) -> None:
    """Refuse a raster without data bands, or with complex ones.

    Raises:
        RasterError: as said.
    """
    if not count:
        raise RasterError(
            f"The raster '{name}' has no data bands; if it is a container, open one of its subdatasets."
        )
    if any_complex:
        raise RasterError(f"The raster '{name}' holds complex numbers; convert it to real numbers first.")


def check_upright(source: Source) -> None:
    """Refuse a raster whose rows or columns run askew.

    Raises:
        RasterError: as said.
    """
    if source.georeference.rotated:
        raise RasterError(
            f"'{source.name}' is rotated against its coordinate system; warp it first "
            "(Raster > Projections > Warp)."
        )


def unopened(name: str, reason: object) -> RasterError:
    """The error for a raster that cannot be opened."""
    return RasterError(
        f"The raster '{name}' could not be opened ({reason}); check that it is there, complete and in a "
        "format that GDAL reads."
    )


def unreadable(name: str, window: Window, reason: object) -> RasterError:
    """The error for pixels that cannot be read from an open raster."""
    return RasterError(
        f"The raster '{name}' could not be read at row {window.row}, column {window.column} ({reason}); the "
        "file may be truncated or damaged."
    )


def undeclared_nodata(pixels: PixelArray) -> MaskArray:
    """Where all bands of ``(bands, ...)``, as stored, hold the same number up to -999: undeclared nodata."""
    low = pixels[0] <= _LARGEST_FILL
    result = np.zeros(pixels.shape[1:], np.bool_)
    result[low] = (pixels[:, low] == pixels[0, low]).all(axis=0)
    return result
