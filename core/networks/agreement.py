"""The step after a network: its output is brought closer to agreement with the bands that were measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral import Grid, grid, parametric_response, response_matrix, sensor

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
    """``X + P (Y - R X)``: what the bands ``Y`` miss in ``X`` is given back.

    Args:
        response: ``R (c, C)``.
        grid: of the ``C`` channels.
    """

    def __init__(self, response: npt.NDArray[np.float64], grid: Grid) -> None:
        super().__init__()
        for name, table in (("response", response), ("gain", smooth_inverse(response, grid))):
            self.register_buffer(name, torch.from_numpy(table).float()[:, :, None, None])

    def forward(self, bands: Tensor, hsi: Tensor) -> Tensor:
        """Image (N, C, H, W) that agrees with ``bands`` (N, c, H, W), made from ``hsi`` (N, C, H, W)."""
        missing = bands - F.conv2d(hsi, self.get_buffer("response"))
        return hsi + F.conv2d(missing, self.get_buffer("gain"))


def sentinel2_agreement(target: str) -> Agreement:
    """The agreement with Sentinel-2A on the grid named ``target``."""
    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid(target))
    return Agreement(response, grid(target))
