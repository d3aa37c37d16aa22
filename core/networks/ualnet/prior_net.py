"""PriorNet (47,850 parameters as published): all bands on the target's grid, and the spectral prior."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv3x3, zero
from .blocks import ChannelAttention, MultiReceptiveField, SpatialAttention
from .config import UALNetConfig
from .interpolation import enlarge
from .statistics import Statistics
from .sub_pixel import SubPixelBranch

_STAGES, _FIRST_BLOCKS = 3, 4
_WIDE = 3  # times the bands
_KEPT = 0.4  # share of a stage's features that pass attention by
_DARKEST = 1e-3  # mean reflectance of a band, below which it is not amplified further
_SHARE = 4  # channels of the prior for each of its feature maps


class Stage(nn.Module):
    """An MRF block, then ``0.4 x + 0.6 spatial_attention(channel_attention(x))``."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.block = MultiReceptiveField(bands)
        self.channels = ChannelAttention(bands)
        self.pixels = SpatialAttention(bands)

    def forward(self, x: Tensor, statistics: Statistics) -> Tensor:
        """Features ``(N, bands, H, W)``."""
        x = self.block(x)
        attended: Tensor = self.pixels(self.channels(x, statistics))
        return _KEPT * x + (1.0 - _KEPT) * attended


class ImageBranch(nn.Module):
    """``S_u``: the bands on the target's grid."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        bands = config.bands
        self.aligned_corners = config.aligned_corners
        self.dark = _DARKEST if config.padded else 0.0
        self.wide = nn.Sequential(
            conv3x3(bands, _WIDE * bands),
            MultiReceptiveField(_WIDE * bands),
            conv3x3(_WIDE * bands, bands),
        )
        self.mix = nn.Conv2d(bands, bands, 1)
        self.blocks = nn.Sequential(*(MultiReceptiveField(bands) for _ in range(_FIRST_BLOCKS)))
        self.stages = nn.ModuleList(Stage(bands) for _ in range(_STAGES))
        self.fuse = conv3x3((_STAGES + 2) * bands, bands)
        self.head = nn.Sequential(
            conv3x3(bands, bands), nn.BatchNorm2d(bands), nn.PReLU(), conv3x3(bands, bands)
        )
        self.skip = conv3x3(bands, bands)

    @torch.no_grad()
    def start_from_interpolation(self) -> None:
        """Answer the interpolated bands, so that training only improves on them."""
        zero(cast(nn.Conv2d, self.head[-1]))
        zero(self.skip)
        for band in range(len(self.skip.weight)):
            self.skip.weight[band, band, 1, 1] = 1.0

    def forward(self, msi: Tensor, statistics: Statistics) -> Tensor:
        """Bands ``(N, c, 2H, 2W)`` from ``msi (N, c, H, W)``."""
        mean = statistics.take(msi.mean(dim=(2, 3), keepdim=True).clamp(min=self.dark))
        large = enlarge(msi / mean, self.aligned_corners)
        features = [self.blocks(self.mix(large + self.wide(large)))]
        for stage in self.stages:
            features.append(stage(features[-1], statistics))
        fused = self.fuse(torch.cat([*features, large], dim=1))
        result: Tensor = (self.head(fused) + self.skip(large)) * mean
        return result


class PriorBranch(nn.Module):
    """``P = F F^T``: how the channels go together, as the bands let expect it."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        few, channels = config.channels // _SHARE, config.channels
        self.normalised = config.normalised
        self.first = ChannelAttention(config.bands)
        self.squeeze = nn.Conv2d(config.bands, few, 1)
        self.squeeze_near = nn.Conv2d(few, few, 2, padding=1, groups=few, bias=False)
        self.second = ChannelAttention(few)
        self.expand = nn.Conv2d(few, channels, 1)
        self.expand_near = nn.Conv2d(channels, channels, 2, padding=1, groups=channels, bias=False)

    def forward(self, msi: Tensor) -> Tensor:
        """``P (N, C, C)`` of ``msi (N, c, H, W)``: a statistic of the image as a whole."""
        own = Statistics()  # what P is made of need not be given when P is
        features = F.max_pool2d(self.squeeze_near(self.squeeze(self.first(msi, own))), 2)
        features = self.expand_near(self.expand(self.second(features, own)))
        return gram(features, self.normalised)


def gram(image: Tensor, normalised: bool) -> Tensor:
    """``X X^T (N, C, C)`` of an image ``(N, C, H, W)``, on request divided by the number of pixels."""
    table = image.flatten(2)
    if normalised:
        table = table / torch.ones_like(table[:, :1]).sum(dim=2, keepdim=True).sqrt()
    return table @ table.transpose(1, 2)


class PriorNet(nn.Module):
    """Of ``msi (N, c, H, W)`` the image branch makes ``S_u (N, c, 2H, 2W)``, the prior branch ``P``."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.image = SubPixelBranch(config) if config.sub_pixel_maps else ImageBranch(config)
        self.prior = PriorBranch(config)
