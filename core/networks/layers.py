"""Layers that the networks share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv3x3(inputs: int, outputs: int, groups: int = 1, edge: bool = False) -> nn.Conv2d:
    """A 3x3 convolution with bias that keeps the size of the image.

    Beyond the border the image is zero, or with ``edge`` as at its edge.
    """
    beyond: Literal["replicate", "zeros"] = "replicate" if edge else "zeros"
    return nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, padding_mode=beyond)


def zero_bias(layer: nn.Conv2d) -> None:
    """Set the bias of a convolution to zero."""
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def zero(layer: nn.Conv2d) -> None:
    """Make a convolution answer zero."""
    nn.init.zeros_(layer.weight)
    zero_bias(layer)


class ResidualBlock(nn.Module):
    """``x + conv(relu(conv(x)))``, with a ReLU after the sum on request."""

    def __init__(self, channels: int, groups: int = 1, last_relu: bool = False) -> None:
        super().__init__()
        self.first = conv3x3(channels, channels, groups)
        self.second = conv3x3(channels, channels, groups)
        self.last_relu = last_relu

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, channels, H, W)."""
        y: Tensor = x + self.second(F.relu(self.first(x)))
        return F.relu(y) if self.last_relu else y


class WindowMean(nn.Module):
    """Mean over the square window around each pixel, cut at the border of the image.

    Two one-dimensional means are exact because the window meets the image in a rectangle. ``window`` None
    means the whole image, and the result has one pixel.
    """

    def __init__(self, window: int | None) -> None:
        super().__init__()
        self.reach = None if window is None else window // 2

    def forward(self, x: Tensor) -> Tensor:
        """Means (N, bands, H, W), or (N, bands, 1, 1)."""
        if self.reach is None:
            return x.mean(dim=(2, 3), keepdim=True)
        size, reach = 2 * self.reach + 1, self.reach
        rows = F.avg_pool2d(x, (size, 1), 1, (reach, 0), count_include_pad=False)
        return F.avg_pool2d(rows, (1, size), 1, (0, reach), count_include_pad=False)


class NearMean(nn.Sequential):
    """Mean (N, bands, H, W) over ``2 window - 1`` pixels around each, in which what is nearer counts more.

    The mean over an odd ``window`` of pixels is taken, and that of the means: weights fall like a pyramid.
    """

    def __init__(self, window: int) -> None:
        super().__init__(WindowMean(window), WindowMean(window))


def tv_prox(x: Tensor, weight: Tensor, steps: int) -> Tensor:
    """Proximal operator of spatial anisotropic total variation by ``steps`` projected dual ascents.

    Chambolle (2004): ``x - div(p)`` with ``|p| <= weight``; step 1/8 is the largest that converges in 2-D.
    """

    def divergence(down: Tensor, right: Tensor) -> Tensor:
        """Minus the adjoint of the differences."""
        return (down - F.pad(down, (0, 0, 1, 0))[:, :, :-1]) + (right - F.pad(right, (1, 0))[..., :-1])

    down, right = torch.zeros_like(x), torch.zeros_like(x)
    for _ in range(steps):
        y = x + divergence(down, right)
        down = (down + F.pad(y[:, :, 1:] - y[:, :, :-1], (0, 0, 0, 1)) / 8).clamp(-weight, weight)
        right = (right + F.pad(y[..., 1:] - y[..., :-1], (0, 1)) / 8).clamp(-weight, weight)
    return x + divergence(down, right)
