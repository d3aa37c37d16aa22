"""Bringing bands of coarse footprints to the resolution of the fine ones, before they are lifted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import WindowMean, conv3x3, zero, zero_bias

_FLAT = 1e-4  # contrast, in reflectance, below which an image says nothing about its resolution
_TYPICAL = 0.6  # ratio of the contrasts between that of coarse and that of sharp bands


@dataclass(frozen=True)
class SharpeningConfig:
    """Shape of the sharpening network.

    Attributes:
        coarse: positions of the bands with footprints larger than a pixel (Sentinel-2: 20 and 60 m).
        features: feature maps.
        dilations: of the convolutions in its residual blocks, one for each block.
        coarsest: those with the largest footprints (60 m). What the air does to them no other band tells, so
            over the window they keep the mean that was measured.
        window: side in pixels of the window over which the resolution is judged.
    """

    coarse: tuple[int, ...] = (0, 4, 5, 6, 8, 9, 10, 11)
    features: int = 48
    dilations: tuple[int, ...] = (1, 2, 4)
    coarsest: tuple[int, ...] = (0, 9)
    window: int = 21


class Resolved(nn.Module):
    """How far each band resolves the pixels, 0 to 1, learned.

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


class DilatedBlock(nn.Module):
    """``x + conv(relu(conv(x)))`` with dilated 3x3 convolutions."""

    def __init__(self, features: int, dilation: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(features, features, 3, padding=dilation, dilation=dilation) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, features, H, W)."""
        y: Tensor = x + self.second(F.relu(self.first(x)))
        return y


class Sharpening(nn.Module):
    """Bands ``(N, c, H, W)`` as if all had the finest footprint; starts as the identity.

    Fine bands pass unchanged; coarse ones get what a small network finds from all bands, as far as
    :class:`Resolved` says that they do not resolve the pixels. Images whose bands all have one
    resolution pass unchanged so.
    """

    def __init__(self, bands: int, config: SharpeningConfig) -> None:
        super().__init__()
        self.resolved = Resolved(bands, config.window)
        self.head = conv3x3(bands, config.features)
        self.blocks = nn.Sequential(*(DilatedBlock(config.features, d) for d in config.dilations))
        self.tail = conv3x3(config.features, bands)
        zero(self.tail)
        self.mean = WindowMean(config.window)
        for name, places in (("coarse", config.coarse), ("coarsest", config.coarsest)):
            mask = torch.zeros(bands, 1, 1)
            mask[list(places)] = 1.0
            self.register_buffer(name, mask, persistent=False)

    def forward(self, msi: Tensor) -> Tensor:
        """Sharpen ``msi`` (N, c, H, W)."""
        detail = self.tail(self.blocks(F.relu(self.head(msi))))
        share = self.get_buffer("coarse") * (1.0 - self.resolved(msi))
        added = share * detail
        sharp: Tensor = msi + added - self.get_buffer("coarsest") * self.mean(added)
        return sharp
