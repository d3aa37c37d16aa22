"""Which endmembers may come from damaged or mixed pixels: those that their neighbours do not bear out."""

from __future__ import annotations

import numpy as np

from ..core.raster.blocks import Window
from ..core.spectral.matching import spectral_angle
from ..core.unmixing.image import ImagePixels, table_of
from .unmixing_jobs import Extraction

_FAR = 10.0  # degrees from the mean of the neighbours


def doubts(pixels: ImagePixels, extraction: Extraction) -> str:
    """A sentence on the endmembers that lie at the image's edge or are unlike the pixels around; else empty.

    Raises:
        RasterError: the raster cannot be read.
    """
    found = []
    for name, place in zip(extraction.library.names, extraction.places):
        angle = _angle_to_neighbours(pixels, place)
        if any(at in (0, length - 1) for at, length in zip(place, pixels.shape)):
            found.append(f"{name} (at the image's edge)")
        elif angle > _FAR:
            found.append(f"{name} ({angle:.0f} degrees from the mean of its neighbours)")
    pixels.source.release()
    return f"May come from a damaged or mixed pixel: {', '.join(found)}; look at the place." if found else ""


def _angle_to_neighbours(pixels: ImagePixels, place: tuple[int, int]) -> float:
    """Spectral angle in degrees between a pixel and the mean of the valid ones around it; NaN without any."""
    row, column = place
    window = Window(row, column, 1, 1).expanded(1, pixels.shape)
    block = pixels.read(window)
    own = (row - window.row) * window.width + column - window.column
    around = block.valid.ravel().copy()
    around[own] = False
    if not around.any():
        return np.nan
    table = table_of(block)
    return float(spectral_angle(table[[own]], table[around].mean(axis=0, keepdims=True))[0, 0])
