"""Vertex component analysis: the pixels that are purest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .statistics import FloatArray, PixelBlocks


@dataclass(frozen=True)
class Endmembers:
    """Spectra ``(p, bands)`` of the endmembers and the indices ``(p,)`` of the pixels they belong to."""

    spectra: FloatArray
    indices: npt.NDArray[np.int64]


def vca(pixels: PixelBlocks, count: int, seed: int = 0) -> Endmembers:
    """Vertex component analysis (Nascimento and Dias, 2005)."""
    raise NotImplementedError
