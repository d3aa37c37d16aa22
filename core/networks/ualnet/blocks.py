"""Pieces that PriorNet and the unfolding share (channel and spatial attention, MRF block)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..layers import conv3x3
from .statistics import Statistics

SLOPE = 0.3  # of the leaky ReLU in channel attention
_MAPS, _GROUPS = 12, 3
_KERNELS = (3, 5, 7)


class ChannelAttention(nn.Module):
    """``x * sigmoid(h(mean(x)) + h(max(x)))`` with three depthwise 1x1 convolutions ``h``.

    The weights of the channels are a statistic of the image.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 1, groups=channels),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 1, groups=channels),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, channels, 1, groups=channels),
        )

    def weights(self, x: Tensor) -> Tensor:
        """Weights ``(N, channels, 1, 1)`` from the image ``x (N, channels, H, W)`` alone."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        # Not a pooling, which an exported graph would have with the size of its example.
        largest = x.flatten(2).max(dim=2, keepdim=True).values[..., None]
        weights: Tensor = (self.layers(mean) + self.layers(largest)).sigmoid()
        return weights

    def slope(self, pooled: Tensor) -> Tensor:
        """Derivative of ``h`` at ``pooled (N, channels, 1, 1)``, alike."""
        slope = torch.ones_like(pooled)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                slope = slope * layer.weight.view(1, -1, 1, 1)
            else:
                slope = slope * torch.where(pooled > 0, torch.ones_like(pooled), SLOPE)
            pooled = layer(pooled)
        return slope

    def forward(self, x: Tensor, statistics: Statistics) -> Tensor:
        """Scale the channels of ``x (N, channels, H, W)``."""
        return x * statistics.take(self.weights(x))


class SpatialAttention(nn.Module):
    """``x * sigmoid(norm(conv(x)))`` with one map for all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv3x3(channels, 1)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale the pixels of ``x (N, channels, H, W)``."""
        scaled: Tensor = x * self.norm(self.conv(x)).sigmoid()
        return scaled


def _depthwise(kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(_MAPS, _MAPS, kernel, padding=kernel // 2, groups=_MAPS), nn.GELU(), nn.BatchNorm2d(_MAPS)
    )


class MultiReceptiveField(nn.Module):
    """MRF block: depthwise convolutions in sequence, regrouped, then of three sizes, and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, _MAPS, 1)
        self.depths = nn.ModuleList(_depthwise(3) for _ in _KERNELS)
        self.sizes = nn.ModuleList(_depthwise(kernel) for kernel in _KERNELS)
        self.expand = nn.Conv2d(len(_KERNELS) * _MAPS, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, channels, H, W)``."""
        maps, depths = self.squeeze(x), []
        for layer in self.depths:
            maps = layer(maps)
            depths.append(maps.chunk(_GROUPS, dim=1))
        groups = [torch.cat(group, dim=1) for group in zip(*depths)]
        wide = torch.cat([layer(group) for layer, group in zip(self.sizes, groups)], dim=1)
        result: Tensor = x + self.expand(wide)
        return result
