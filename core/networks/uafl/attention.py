"""Spatial-channel abundance cross-attention (SCACA): attention of the abundances with the reference in its
values.

Features are ``(N, c, H, W)``; H and W are multiples of eight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WINDOW = 8
_SHIFT = 4
_WINDOW_HEADS = 2
_EXPANSION = 4
_FAR = -100.0  # added to scores of pixels that are no neighbours
_LEAST_NORM = 1e-3  # that queries and keys are divided by


class ChannelNorm(nn.Module):
    """Layer normalisation across the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised features."""
        y: Tensor = self.norm(x.permute(0, 2, 3, 1))
        return y.permute(0, 3, 1, 2)


def depthwise(channels: int, size: int, bias: bool) -> nn.Conv2d:
    """A convolution of each channel by itself that keeps the size of the image."""
    return nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels, bias=bias)


class FeedForward(nn.Module):
    """Channels expanded four times, mixed with their neighbours and brought back."""

    def __init__(self, channels: int, bias: bool, depthwise_bias: bool) -> None:
        super().__init__()
        wide = _EXPANSION * channels
        self.expand = nn.Conv2d(channels, wide, 1, bias=bias)
        self.mix = depthwise(wide, 3, depthwise_bias)
        self.back = nn.Conv2d(wide, channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape."""
        y: Tensor = self.back(F.gelu(self.mix(F.gelu(self.expand(x)))))
        return y


def windows(x: Tensor, heads: int) -> Tensor:
    """``(N, c, H, W)`` as ``(N, H/8, W/8, heads, 64, c/heads)``."""
    batch, channels, height, width = x.shape
    cut = x.reshape(
        batch, heads, channels // heads, height // _WINDOW, _WINDOW, width // _WINDOW, _WINDOW
    ).permute(0, 3, 5, 1, 4, 6, 2)
    return cut.reshape(
        batch, height // _WINDOW, width // _WINDOW, heads, _WINDOW * _WINDOW, channels // heads
    )


def unwindows(x: Tensor) -> Tensor:
    """The inverse of :func:`windows`."""
    batch, rows, columns, heads, _, depth = x.shape
    cut = x.reshape(batch, rows, columns, heads, _WINDOW, _WINDOW, depth).permute(0, 3, 6, 1, 4, 2, 5)
    return cut.reshape(batch, heads * depth, rows * _WINDOW, columns * _WINDOW)


def _seams(x: Tensor) -> Tensor:
    """For shifted windows what to add to scores ``(1, H/8, W/8, 1, 64, 64)``: opposite edges are no
    neighbours."""
    height, width = x.shape[-2:]
    rows = (torch.arange(height, device=x.device) >= height - _SHIFT).to(x.dtype)
    columns = (torch.arange(width, device=x.device) >= width - _SHIFT).to(x.dtype)
    side = windows((2.0 * rows[:, None] + columns[None, :])[None, None], 1)
    return _FAR * (side - side.transpose(-1, -2)).abs().clamp(max=1.0)


class WindowAttention(nn.Module):
    """Attention inside windows of 8 x 8 pixels with a bias for relative positions (Liu et al., 2021).

    Queries, keys and values come from the abundances; the values are multiplied by the reference.
    """

    index: Tensor

    def __init__(self, channels: int, shift: int, bias: bool) -> None:
        super().__init__()
        self.shift = shift
        self.embed = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.project = nn.Conv2d(channels, channels, 1)
        self.position = nn.Parameter(torch.zeros((2 * _WINDOW - 1) ** 2, _WINDOW_HEADS))
        steps = torch.stack(torch.meshgrid(torch.arange(_WINDOW), torch.arange(_WINDOW), indexing="ij"))
        apart = steps.flatten(1)[:, :, None] - steps.flatten(1)[:, None, :] + _WINDOW - 1
        index = apart[0] * (2 * _WINDOW - 1) + apart[1]
        self.register_buffer("index", index.flatten(), persistent=False)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """Attend in ``x`` to values that ``reference`` weights; both (N, c, H, W)."""
        features = torch.cat([self.embed(x), reference], dim=1)
        if self.shift:
            features = features.roll((-self.shift, -self.shift), (2, 3))
        query, key, value, weight = (windows(part, _WINDOW_HEADS) for part in features.chunk(4, dim=1))
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        area = _WINDOW * _WINDOW
        scores = scores + self.position[self.index].reshape(area, area, _WINDOW_HEADS).permute(2, 0, 1)
        if self.shift:
            scores = scores + _seams(x)
        attended = unwindows(scores.softmax(dim=-1) @ (value * weight))
        if self.shift:
            attended = attended.roll((self.shift, self.shift), (2, 3))
        y: Tensor = self.project(attended)
        return y


class ChannelAttention(nn.Module):
    """Attention between channels over all pixels, its values multiplied by the reference."""

    def __init__(self, channels: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.project = nn.Conv2d(channels, channels, 1, bias=False)
        self.position = nn.Sequential(
            depthwise(channels, 3, bias=False), nn.GELU(), depthwise(channels, 3, bias=False)
        )

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """Attend in ``x`` to channels that ``reference`` weights; both (N, c, H, W)."""
        batch, channels, height, width = x.shape
        query, key, value = self.embed(x).chunk(3, dim=1)
        shape = (batch, self.heads, channels // self.heads, height * width)
        query, key = (F.normalize(part.reshape(shape), dim=-1, eps=_LEAST_NORM) for part in (query, key))
        attention = (query @ key.transpose(-1, -2) * self.temperature).softmax(dim=-1)
        attended = (attention @ (value * reference).reshape(shape)).reshape(batch, channels, height, width)
        y: Tensor = self.project(attended) + self.position(value)
        return y


class CrossAttention(nn.Module):
    """One SCACA block: window attention, plain and shifted, then channel attention and a feed-forward."""

    def __init__(self, channels: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.modulate = depthwise(channels, 5, bias=True)
        self.gate = depthwise(channels, 5, bias=True)
        self.norms = nn.ModuleList(ChannelNorm(channels) for _ in range(5))
        self.plain = WindowAttention(channels, 0, bias)
        self.shifted = WindowAttention(channels, _SHIFT, bias)
        self.spatial_forward = FeedForward(channels, bias, depthwise_bias=True)
        self.channel = ChannelAttention(channels, heads, bias)
        self.forward_last = FeedForward(channels, bias, depthwise_bias=bias)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """Features of the abundances with what ``reference`` knows; both (N, c, H, W)."""
        modulated = reference + reference * self.modulate(reference).sigmoid()
        spatial = x + self.plain(self.norms[0](x), modulated)
        spatial = spatial + self.shifted(self.norms[1](spatial), modulated)
        spatial = self.spatial_forward(self.norms[2](spatial))
        x = x + spatial * (self.gate(reference) + reference)
        x = x + self.channel(self.norms[3](x), modulated)
        y: Tensor = x + self.forward_last(self.norms[4](x))
        return y


class PlainFusion(nn.Module):
    """What stands for a SCACA block in the ablation without it: both features through two convolutions."""

    def __init__(self, channels: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(2 * channels, channels, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        """Features of the abundances with what ``reference`` knows; both (N, c, H, W)."""
        y: Tensor = x + self.second(F.leaky_relu(self.first(torch.cat([x, reference], dim=1)), 0.1))
        return y
