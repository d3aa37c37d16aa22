"""The subspace of a scene's spectra: endmembers of UAFL's unmixing, once per scene.

``E`` are the leading eigenvectors of the ``B x B`` Gram matrix of all pixels, ``A = E^T X``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..raster.blocks import PixelArray
from ..unmixing.statistics import PixelBlocks, PixelStatistics

_EVEN = 1e-5  # contrast as a share of the mean that rounding makes

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subspace:
    """Endmembers of a scene.

    Attributes:
        endmembers: orthonormal spectra as columns ``(B, k)`` with positive sums, most important first.
        mean: mean abundances ``(k,)``.
        contrast: standard deviation of the abundances that varies most; of an even image its mean.
    """

    endmembers: FloatArray
    mean: FloatArray
    contrast: float

    @classmethod
    def of(cls, pixels: PixelBlocks, count: int, usable: npt.NDArray[np.bool_]) -> Subspace:
        """Subspace of ``count`` dimensions, in one pass over the pixels.

        Args:
            pixels: tables ``(n, B)``.
            count: dimensions; those beyond the number of usable bands are zero.
            usable: ``(B,)``; other bands have no part in it.

        Raises:
            UnmixingError: no valid pixel.
        """
        statistics = PixelStatistics.of(pixels)
        chosen = np.flatnonzero(usable)
        moment = statistics.second_moment[np.ix_(chosen, chosen)]
        vectors = np.linalg.eigh(moment)[1][:, ::-1][:, :count]
        vectors = vectors * np.where(vectors.sum(axis=0) < 0, -1.0, 1.0)
        endmembers = np.zeros((len(usable), count))
        endmembers[chosen, : vectors.shape[1]] = vectors
        variance = np.einsum("bk,bc,ck->k", endmembers, statistics.covariance, endmembers)
        contrast, mean = float(np.sqrt(max(variance.max(), 0.0))), endmembers.T @ statistics.mean
        size = float(np.linalg.norm(mean))
        return cls(endmembers, mean, contrast if contrast > _EVEN * size else size or 1.0)

    def part(self, count: int) -> Subspace:
        """The first ``count`` dimensions."""
        return Subspace(self.endmembers[:, :count], self.mean[:count], self.contrast)

    def abundances(self, pixels: PixelArray) -> PixelArray:
        """Normalised abundances ``(k, h, w)`` of pixels ``(B, h, w)``: without mean, contrast one."""
        found = np.tensordot(self.endmembers.T.astype(np.float32), pixels, axes=1)
        return (found - self.mean[:, None, None].astype(np.float32)) / np.float32(self.contrast)

    def spectra(self, change: PixelArray) -> PixelArray:
        """The change ``(B, h, w)`` of spectra that a change of normalised abundances (k, h, w) makes."""
        endmembers = (self.endmembers * self.contrast).astype(np.float32)
        return np.tensordot(endmembers, change, axes=1)
