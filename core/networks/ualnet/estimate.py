"""The initial estimate of the unfolding: a dense dual-path network (1,221,562 parameters)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv3x3
from .config import UALNetConfig

_MAPS, _NEAR, _POINT = 128, 32, 16


class Path(nn.Module):
    """A 3x3 convolution and a 1x1 convolution of its result; both results, ReLU after each."""

    def __init__(self, inputs: int, near: int, point: int) -> None:
        super().__init__()
        self.near = conv3x3(inputs, near)
        self.point = nn.Conv2d(near, point, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, near + point, H, W)``."""
        near = F.relu(self.near(x))
        return torch.cat([near, F.relu(self.point(near))], dim=1)


class DualPath(nn.Module):
    """Two parallel paths."""

    def __init__(self, inputs: int, near: int, point: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(Path(inputs, near, point) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, 2 (near + point), H, W)``."""
        return torch.cat([path(x) for path in self.paths], dim=1)


class DenseBlock(nn.Module):
    """Features from all before it, put beside them."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, _MAPS, 1)
        self.paths = DualPath(_MAPS, _NEAR, _POINT)
        self.fuse = nn.Conv2d(2 * (_NEAR + _POINT), growth, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, inputs + growth, H, W)``."""
        new = F.relu(self.fuse(self.paths(F.relu(self.squeeze(x)))))
        return torch.cat([x, new], dim=1)


class InitialEstimate(nn.Module):
    """``a = Init(S_u)``."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.head = DualPath(config.bands, _NEAR, _NEAR)
        sizes = [_MAPS + config.growth * place for place in range(config.blocks + 1)]
        self.blocks = nn.Sequential(*(DenseBlock(inputs, config.growth) for inputs in sizes[:-1]))
        self.tail = nn.Conv2d(sizes[-1], config.channels, 1)

    def forward(self, bands: Tensor) -> Tensor:
        """Estimate ``(N, C, H, W)`` of ``bands (N, c, H, W)``."""
        estimate: Tensor = self.tail(self.blocks(self.head(bands)))
        return estimate
