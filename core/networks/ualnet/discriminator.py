"""The discriminator of UALNet (109,795 parameters): how real each band of each pixel looks.

Its answer is the product of a vector of bands and a map of pixels, and it is kept in that form.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv3x3
from .config import UALNetConfig
from .statistics import Statistics

POOL = 4
WHOLE = POOL * POOL  # pixels along the side of what both poolings make one


class Realness(NamedTuple):
    """``vector (N, C, 1, 1)`` times ``pixels (N, 1, H, W)``, both from 0 to 1."""

    vector: Tensor
    pixels: Tensor

    def image(self) -> Tensor:
        """The discriminator's answer, ``(N, C, H, W)``."""
        return self.vector * self.pixels


class Encoder(nn.Module):
    """Features ``(N, 2h, H, W)`` of an image ``(N, C, H, W)``."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            conv3x3(inputs, outputs)
            for inputs, outputs in (
                (channels, hidden),
                (hidden, hidden),
                (hidden, 2 * hidden),
                (2 * hidden, 2 * hidden),
            )
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(hidden), nn.BatchNorm2d(2 * hidden)])

    def trace(self, image: Tensor) -> list[Tensor]:
        """What each of the four convolutions gives, ``(N, ., H, W)``, before its GELU."""
        found: list[Tensor] = []
        for place, conv in enumerate(self.convs):
            found.append(conv(image))
            image = F.gelu(found[-1])
            if place % 2 == 0:
                image = self.norms[place // 2](image)
        return found

    def forward(self, image: Tensor) -> Tensor:
        """Features of ``image``."""
        return F.gelu(self.trace(image)[-1])


class Discriminator(nn.Module):
    """Encoder, and from its features one score for each band and one for each pixel."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.padded = config.padded
        self.encoder = Encoder(config.channels, hidden)
        self.coarse = nn.ModuleList([conv3x3(2 * hidden, 4 * hidden), conv3x3(4 * hidden, 8 * hidden)])
        self.bands = nn.Conv2d(8 * hidden, config.channels, 1)
        self.near = conv3x3(2 * hidden, 4 * hidden)
        self.pixels = nn.Conv2d(4 * hidden, 1, 1)

    def pool(self, features: Tensor) -> Tensor:
        """Features as the poolings want them: repeated at the edge so that no pixel is left out."""
        return F.pad(features, (0, WHOLE - 1, 0, WHOLE - 1), mode="replicate") if self.padded else features

    def vector(self, features: Tensor) -> Tensor:
        """Scores of the bands ``(N, C, 1, 1)`` from ``features (N, 2h, H, W)``: a statistic of the image."""
        features = self.pool(features)
        for conv in self.coarse:
            features = F.gelu(conv(F.max_pool2d(features, POOL)))
        scores: Tensor = self.bands(features.mean(dim=(2, 3), keepdim=True)).sigmoid()
        return scores

    def map(self, features: Tensor) -> Tensor:
        """Scores of the pixels ``(N, 1, H, W)`` from ``features (N, 2h, H, W)``."""
        scores: Tensor = self.pixels(F.gelu(self.near(features))).sigmoid()
        return scores

    def forward(self, image: Tensor, statistics: Statistics | None = None) -> Realness:
        """How real ``image (N, C, H, W)`` looks."""
        features = self.encoder(image)
        vector = self.vector(features)
        if statistics is not None:
            vector = statistics.take(vector)
        return Realness(vector, self.map(features))


def gelu_slope(x: Tensor) -> Tensor:
    """Derivative of ``x Phi(x)``: ``Phi(x) + x phi(x)``."""
    density = torch.exp(-0.5 * x * x) * 0.3989422804014327
    slope: Tensor = 0.5 * (1.0 + torch.erf(x * 0.7071067811865476)) + x * density
    return slope
