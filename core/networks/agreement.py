"""The step after a network: its output is brought closer to agreement with the bands that were measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral import Grid, grid, parametric_response, response_matrix, sensor
from .layers import WindowMean, zero_bias

_ROUGHNESS = 1e-4
_RIDGE = 1e-6
_FLAT = 1e-4  # contrast, in reflectance, below which an image says nothing about its resolution
_TYPICAL = 0.6  # ratio of the contrasts between that of coarse and that of sharp bands


def smooth_inverse(response: npt.NDArray[np.float64], grid: Grid) -> npt.NDArray[np.float64]:
    """``P (C, c)``: the smoothest spectra that a response ``R (c, C)`` sees as single bands.

    Minimises ``||R P - I||^2 + 1e-4 ||D P||^2`` with second differences ``D`` over the sorted grid. Columns
    of bands without support are zero.
    """
    order = grid.order
    ordered = response[:, order]
    curvature = np.diff(np.eye(len(grid)), 2, axis=0)
    normal = ordered.T @ ordered + _ROUGHNESS * curvature.T @ curvature + _RIDGE * np.eye(len(grid))
    inverse = np.empty((len(grid), len(response)))
    inverse[order] = np.linalg.solve(normal, ordered.T)
    return inverse


class Resolved(nn.Module):
    """How far each band resolves the pixels, 0 to 1, ``(N, c, H, W)``, learned.

    Coarse bands that were brought onto a finer grid differ less between neighbours than between pixels two
    apart: half as much when pixels were replicated or interpolated by two, about 0.7 times in a sharp image
    of land. The ratio of both, averaged over a window, of all bands together, goes through two small layers.
    """

    def __init__(self, bands: int, window: int, features: int = 24) -> None:
        super().__init__()
        self.mean = WindowMean(window)
        self.hidden = nn.Conv2d(bands, features, 1)
        self.answer = nn.Conv2d(features, bands, 1)
        nn.init.zeros_(self.answer.weight)
        zero_bias(self.answer)

    def _contrast(self, msi: Tensor, distance: int) -> Tensor:
        """Mean absolute difference over the window between pixels ``distance`` apart, along both axes."""
        wide = F.pad(msi, (0, distance, 0, distance), mode="replicate")
        right = (wide[:, :, :-distance, distance:] - msi).abs()
        down = (wide[:, :, distance:, :-distance] - msi).abs()
        contrast: Tensor = self.mean(right + down)
        return contrast

    def forward(self, msi: Tensor) -> Tensor:
        """Share of each pixel's own value that can be trusted, from the image ``msi`` (N, c, H, W)."""
        ratio = self._contrast(msi, 1) / (self._contrast(msi, 2) + _FLAT)
        share: Tensor = self.answer(F.relu(self.hidden(ratio - _TYPICAL))).sigmoid()
        return share


class Agreement(nn.Module):
    """``X + P S (Y - R X)``: what the bands ``Y`` miss in ``X`` is given back.

    ``S`` keeps the bands with footprints of one pixel as they are. Those with large footprints it averages
    over a window, so that they correct what is wrong on the whole and keep the detail inside their pixels, as
    far as :class:`Resolved` finds that they do not resolve the pixels.

    Args:
        response: ``R (c, C)``.
        grid: of the ``C`` channels.
        coarse: which bands have footprints larger than a pixel, shape ``(c,)``.
        window: side of the window in pixels.
    """

    def __init__(
        self,
        response: npt.NDArray[np.float64],
        grid: Grid,
        coarse: npt.NDArray[np.bool_],
        window: int = 21,
    ) -> None:
        super().__init__()
        for name, table in (("response", response), ("gain", smooth_inverse(response, grid))):
            self.register_buffer(name, torch.from_numpy(table).float()[:, :, None, None])
        self.register_buffer("coarse", torch.from_numpy(coarse).float()[:, None, None])
        self.mean = WindowMean(window)
        self.resolved = Resolved(len(coarse), window)

    def forward(self, msi: Tensor, hsi: Tensor) -> Tensor:
        """Image (N, C, H, W) that agrees with ``msi`` (N, c, H, W), made from ``hsi`` (N, C, H, W)."""
        missing = msi - F.conv2d(hsi, self.get_buffer("response"))
        averaged = self.get_buffer("coarse") * (1.0 - self.resolved(msi))
        missing = missing + averaged * (self.mean(missing) - missing)
        return hsi + F.conv2d(missing, self.get_buffer("gain"))


def sentinel2_agreement(target: str) -> Agreement:
    """The agreement with Sentinel-2A on the grid named ``target``."""
    seen, channels = sensor("sentinel2a"), grid(target)
    response, _ = response_matrix(parametric_response(seen), channels)
    return Agreement(response, channels, seen.footprint_m > seen.footprint_m.min())
