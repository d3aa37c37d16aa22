"""The simplex of least volume around mixed pixels: endmembers of scenes without pure pixels."""

from __future__ import annotations

from typing import Optional

import numpy.typing as npt

from .statistics import FloatArray, PixelBlocks


def minimum_volume_simplex(
    pixels: PixelBlocks, count: int, seed: int = 0, start: Optional[npt.ArrayLike] = None
) -> FloatArray:
    """Endmember spectra ``(count, bands)`` of the simplex of least volume that explains the pixels."""
    raise NotImplementedError
