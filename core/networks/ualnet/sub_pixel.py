"""A residual network with sub-pixel convolution, as this project's image branch of PriorNet."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import WindowMean, conv3x3, zero
from .config import SCALE, UALNetConfig
from .interpolation import enlarge
from .statistics import Statistics

_AROUND = 15  # pixels whose mean the bands are taken relative to
_DARK = 0.01  # reflectance added to it
_DAMPING = 0.3  # of what a block adds


class SubPixelBranch(nn.Module):
    """``S_u``: what a residual network adds to interpolated bands.

    As EDSR (Lim et al. 2017): residual blocks without normalisation on the pixels of the input, and four maps
    for each band that become two by two pixels (Shi et al. 2016). Bands are seen relative to their means
    around each pixel, so that detail is in proportion to brightness and no statistic of the scene is needed.
    """

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        bands, maps = config.bands, config.sub_pixel_maps
        self.around = WindowMean(_AROUND)
        self.aligned_corners = config.aligned_corners
        self.head = conv3x3(bands, maps, edge=True)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv3x3(maps, maps, edge=True), nn.ReLU(), conv3x3(maps, maps, edge=True))
            for _ in range(config.sub_pixel_blocks)
        )
        self.tail = conv3x3(maps, SCALE**2 * bands, edge=True)
        self.start_from_interpolation()

    @torch.no_grad()
    def start_from_interpolation(self) -> None:
        """Answer the interpolated bands, so that training only improves on them."""
        zero(self.tail)

    def forward(self, msi: Tensor, _statistics: Statistics) -> Tensor:
        """Bands ``(N, c, 2H, 2W)`` from ``msi (N, c, H, W)``."""
        brightness = self.around(msi).clamp(min=0.0) + _DARK
        features = self.head(msi / brightness - 1.0)
        for block in self.blocks:
            features = features + _DAMPING * block(features)
        detail = F.pixel_shuffle(brightness.repeat_interleave(SCALE**2, dim=1) * self.tail(features), SCALE)
        return enlarge(msi, self.aligned_corners) + detail
