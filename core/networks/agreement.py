"""The step after a network: its output is brought closer to agreement with the bands that were measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral import Grid, grid, parametric_response, response_matrix, sensor

_ROUGHNESS, _SOFT = 1e-4, 1.0
_RIDGE = 1e-6
_LIMIT = 0.02  # of what bands miss, relative to the pixel's brightness
_DARK = 0.05  # reflectance that is added to that brightness
_SMALL = 1e-6


def smooth_inverse(
    response: npt.NDArray[np.float64], grid: Grid, roughness: float = _ROUGHNESS
) -> npt.NDArray[np.float64]:
    """``P (C, c)``: the smoothest spectra that a response ``R (c, C)`` sees as single bands.

    Minimises ``||R P - I||^2 + roughness ||D P||^2`` with second differences ``D`` over the sorted grid.
    Columns of bands without support are zero.
    """
    order = grid.order
    ordered = response[:, order]
    curvature = np.diff(np.eye(len(grid)), 2, axis=0)
    normal = ordered.T @ ordered + roughness * curvature.T @ curvature + _RIDGE * np.eye(len(grid))
    inverse = np.empty((len(grid), len(response)))
    inverse[order] = np.linalg.solve(normal, ordered.T)
    return inverse


class Agreement(nn.Module):
    """``X + P (Y - R X)``: what the bands ``Y`` miss in ``X`` is given back.

    Bands that miss much contradict each other (one is of the pixel, the next one of its neighbours too), and
    to agree with all of them a spectrum would have to swing: what exceeds a share of 0.02 of the pixel's
    brightness is given back by a far smoother ``P``, with which the bands agree less.

    Args:
        response: ``R (c, C)``.
        grid: of the ``C`` channels.
    """

    def __init__(self, response: npt.NDArray[np.float64], grid: Grid) -> None:
        super().__init__()
        gain, soft = smooth_inverse(response, grid), smooth_inverse(response, grid, _SOFT)
        # Checkpoints hold the first two, of which the third follows.
        for name, table, kept in (("response", response, True), ("gain", gain, True), ("soft", soft, False)):
            self.register_buffer(name, torch.from_numpy(table).float()[:, :, None, None], persistent=kept)
        self.seen = np.flatnonzero(response.any(axis=1)).tolist()

    def forward(self, bands: Tensor, hsi: Tensor) -> Tensor:
        """Image (N, C, H, W) that agrees with ``bands`` (N, c, H, W), made from ``hsi`` (N, C, H, W)."""
        missing = bands - F.conv2d(hsi, self.get_buffer("response"))
        most = missing[:, self.seen].abs().amax(dim=1, keepdim=True)
        limit = _LIMIT * (bands.mean(dim=1, keepdim=True).abs() + _DARK)
        share = (limit / most.clamp(min=_SMALL)).clamp(max=1.0)
        within, beyond = share * missing, (1.0 - share) * missing
        return hsi + F.conv2d(within, self.get_buffer("gain")) + F.conv2d(beyond, self.get_buffer("soft"))


def sentinel2_agreement(target: str) -> Agreement:
    """The agreement with Sentinel-2A on the grid named ``target``."""
    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid(target))
    return Agreement(response, grid(target))
