"""The step after a network: its output is brought closer to agreement with the bands that were measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral import Grid
from .layers import WindowMean

_ROUGHNESS = 1e-4
_RIDGE = 1e-6


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


class Agreement(nn.Module):
    """``X + share P S (Y - R X)``: part of what the bands ``Y`` miss in ``X`` is given back.

    ``S`` averages the bands with large footprints over a window, so that they correct what is wrong on the
    whole and keep the detail inside their pixels.

    Args:
        response: ``R (c, C)``.
        grid: of the ``C`` channels.
        coarse: which bands have footprints larger than a pixel, shape ``(c,)``.
        share: of the difference that is given back.
        window: side of the window in pixels.
    """

    def __init__(
        self,
        response: npt.NDArray[np.float64],
        grid: Grid,
        coarse: npt.NDArray[np.bool_],
        share: float = 0.5,
        window: int = 21,
    ) -> None:
        super().__init__()
        gain = share * smooth_inverse(response, grid)
        for name, table in (("response", response), ("gain", gain)):
            self.register_buffer(name, torch.from_numpy(table).float()[:, :, None, None])
        self.register_buffer("coarse", torch.from_numpy(coarse).float()[:, None, None])
        self.mean = WindowMean(window)

    def forward(self, msi: Tensor, hsi: Tensor) -> Tensor:
        """Image (N, C, H, W) that agrees better with ``msi`` (N, c, H, W) than ``hsi`` (N, C, H, W)."""
        missing = msi - F.conv2d(hsi, self.get_buffer("response"))
        coarse = self.get_buffer("coarse")
        missing = coarse * self.mean(missing) + (1.0 - coarse) * missing
        return hsi + F.conv2d(missing, self.get_buffer("gain"))
