"""Bringing bands of coarse footprints to the resolution of the fine ones, before they are lifted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .guidance import LocalRegression
from .layers import NearMean, conv3x3, zero

_FLAT = 1e-4  # contrast, in reflectance, below which an image says nothing about its resolution
_FEW = 1e-3  # share of differences that exist, below which there are none
_LARGEST = 0.3  # change, in reflectance, by the regression on the fine bands
_UNRESOLVED = -4.0  # logit of the share that is resolved, at first
_TYPICAL = 0.6  # ratio of the contrasts between that of coarse and that of sharp bands


@dataclass(frozen=True)
class Footprint:
    """Bands whose pixels are larger than those of the grid.

    Attributes:
        factor: pixels of the grid along the side of one of theirs, even.
        bands: their positions.
        window: of their regression on the fine bands, see :class:`.guidance.LocalRegression`.
        contrasts: likewise.
    """

    factor: int
    bands: tuple[int, ...]
    window: int = 31
    contrasts: tuple[int, ...] = ()


_SENTINEL2 = (Footprint(2, (4, 5, 6, 8, 10, 11), contrasts=(3, 7)), Footprint(6, (0, 9)))


@dataclass(frozen=True)
class SharpeningConfig:
    """Shape of the sharpening network.

    Attributes:
        footprints: of the coarse bands (Sentinel-2: 20 and 60 m).
        guides: positions of the fine bands.
        features: feature maps.
        dilations: of the convolutions in its residual blocks, one for each block.
        window: over which the resolution is judged, see :class:`.layers.NearMean`.
    """

    footprints: tuple[Footprint, ...] = _SENTINEL2
    guides: tuple[int, ...] = (1, 2, 3, 7)
    features: int = 48
    dilations: tuple[int, ...] = (1, 2, 4)
    window: int = 31

    @property
    def coarse(self) -> tuple[int, ...]:
        """Positions of all coarse bands, in the order of the footprints."""
        return tuple(band for footprint in self.footprints for band in footprint.bands)


class Resolved(nn.Module):
    """How far each band resolves the pixels, 0 to 1, learned.

    Coarse bands that were brought onto a finer grid differ less between neighbours than between pixels two
    apart: half as much when pixels were replicated or interpolated by two, about 0.7 times in a sharp image
    of land. The ratio of both, averaged over the surroundings, of all bands together, goes through two small
    layers.
    """

    def __init__(self, bands: int, window: int, features: int = 24) -> None:
        super().__init__()
        self.mean = NearMean(window)
        self.hidden = nn.Conv2d(bands, features, 1)
        self.answer = nn.Conv2d(features, bands, 1)
        nn.init.zeros_(self.answer.weight)
        # At first nothing is resolved, so that what is added to the bands is not learned too strong.
        nn.init.constant_(cast(Tensor, self.answer.bias), _UNRESOLVED)

    def _contrast(self, msi: Tensor, distance: int) -> Tensor:
        """Mean absolute difference in the surroundings between pixels ``distance`` apart, along both axes.

        Both axes count once each; differences with what lies beyond the border do not count.
        """
        pads = (0, distance, 0, distance)
        wide, inside = F.pad(msi, pads, mode="replicate"), F.pad(torch.ones_like(msi[:, :1]), pads)
        has_right, has_down = inside[:, :, :-distance, distance:], inside[:, :, distance:, :-distance]
        right = has_right * (wide[:, :, :-distance, distance:] - msi).abs()
        down = has_down * (wide[:, :, distance:, :-distance] - msi).abs()
        number = self.mean(has_right + has_down)
        contrast: Tensor = 2.0 * self.mean(right + down) / number.clamp(min=_FEW)
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
    """Bands ``(N, c, H, W)`` as if all had the finest footprint.

    Fine bands pass unchanged. Coarse ones start as their regression on these and their contrasts, get what a
    small network finds from all bands, and are seen as measured over each of their footprints: what is added
    has no mean there. All that as far as :class:`Resolved` says that they do not resolve the pixels; images
    whose bands all have one resolution pass unchanged so.
    """

    def __init__(self, bands: int, config: SharpeningConfig) -> None:
        super().__init__()
        self.config = config
        self.resolved = Resolved(bands, config.window)
        self.regressions = nn.ModuleList(
            LocalRegression(footprint.factor, footprint.window, footprint.contrasts)
            for footprint in config.footprints
        )
        self.head = conv3x3(bands + len(config.coarse), config.features)
        self.blocks = nn.Sequential(*(DilatedBlock(config.features, d) for d in config.dilations))
        self.tail = conv3x3(config.features, len(config.coarse))
        zero(self.tail)
        place = torch.zeros(bands, len(config.coarse))
        place[list(config.coarse), range(len(config.coarse))] = 1.0
        self.register_buffer("place", place[:, :, None, None], persistent=False)

    def forward(self, msi: Tensor) -> Tensor:
        """Sharpen ``msi`` (N, c, H, W)."""
        fine, found, means = msi[:, list(self.config.guides)], [], []
        for footprint, module in zip(self.config.footprints, self.regressions):
            regression = cast(LocalRegression, module)
            coarse = msi[:, list(footprint.bands)]
            mean = regression.footprint
            borders = mean.borders(coarse, 2), mean.borders(coarse, 3)
            means.append((mean, borders))
            found.append((regression(fine, coarse, borders) - coarse).clamp(-_LARGEST, _LARGEST))
        features = self.blocks(F.relu(self.head(torch.cat([msi, *found], dim=1))))
        added = torch.cat(found, dim=1) + self.tail(features)
        parts = added.split([len(footprint.bands) for footprint in self.config.footprints], dim=1)
        detail = [part - mean(part, borders) for part, (mean, borders) in zip(parts, means)]
        share = 1.0 - self.resolved(msi)
        sharp: Tensor = msi + share * F.conv2d(torch.cat(detail, dim=1), self.get_buffer("place"))
        return sharp
