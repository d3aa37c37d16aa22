"""``T = proj((lambda1 + mu q) / (lambda1 + mu))`` of the unfolding, and its adjoint, for ``q = n f - rest``.

The discriminator's answer ``f`` is a vector of bands times a map of pixels, so the convolution of it is one of
a single map with a contracted kernel, and so is what its adjoint is needed for: of four grouped convolutions
of 186 channels one remains.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import ChannelAttention
from .config import UALNetConfig
from .discriminator import Realness
from .statistics import Statistics

LAMBDA1, MU = 5e-4, 0.05
_OFFSET, _FACTOR = LAMBDA1 / (LAMBDA1 + MU), MU / (LAMBDA1 + MU)
_KERNEL, _GROUPS = 5, 6


class Projected(NamedTuple):
    """``T = weights * convolved``; ``kernel (N, C, 1, 5, 5)`` is the convolution contracted with the bands."""

    convolved: Tensor
    weights: Tensor
    kernel: Tensor

    def image(self) -> Tensor:
        """``T (N, C, H, W)``."""
        return self.weights * self.convolved


class Projection(nn.Module):
    """A 5x5 convolution in six groups and channel attention."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        channels = config.channels
        self.frozen = config.frozen_attention
        self.conv = nn.Conv2d(channels, channels, _KERNEL, padding=_KERNEL // 2, groups=_GROUPS)
        self.attention = ChannelAttention(channels)

    def forward(self, q: Tensor) -> Tensor:
        """``T (N, C, H, W)`` of any ``q``, alike."""
        convolved = self.conv(_OFFSET + _FACTOR * q)
        weights = self.attention.weights(convolved)
        return convolved * (weights.detach() if self.frozen else weights)

    def _grouped(self) -> Tensor:
        """The kernel as ``(groups, outputs, inputs, 5, 5)``."""
        return self.conv.weight.unflatten(0, (_GROUPS, -1))

    def of_realness(
        self, realness: Realness, count: float, rest: Tensor | None, statistics: Statistics
    ) -> Projected:
        """``T`` of ``q = count * realness - rest``."""
        grouped = self._grouped()
        vector = realness.vector.view(-1, _GROUPS, 1, grouped.shape[2], 1, 1)
        contracted = (vector * grouped).sum(dim=3).flatten(1, 2)
        # The offset of q is a second map, of ones, because the convolution pads with zeros.
        offset = (_OFFSET * grouped.sum(dim=2).flatten(0, 1)).expand_as(contracted)
        kernel = torch.stack([count * _FACTOR * contracted, offset], dim=2)
        maps = torch.cat([realness.pixels, torch.ones_like(realness.pixels)], dim=1)
        convolved = _own_kernels(F.conv2d, maps, kernel) + self.conv.bias.view(1, -1, 1, 1)  # type: ignore[union-attr]
        if rest is not None:
            convolved = convolved - _FACTOR * F.conv2d(
                rest, self.conv.weight, padding=_KERNEL // 2, groups=_GROUPS
            )
        weights = statistics.take(self.attention.weights(convolved))
        return Projected(convolved, weights, contracted.unsqueeze(2))

    def back_to_convolved(self, found: Projected, r: Tensor) -> Tensor:
        """Gradient at the convolution's result of ``<r, T>``, ``(N, C, H, W)``."""
        back = found.weights * r
        if self.frozen:
            return back
        score = (r * found.convolved).sum(dim=(2, 3), keepdim=True)
        score = score * found.weights * (1.0 - found.weights)
        table = found.convolved.flatten(2)
        place = table.argmax(dim=2, keepdim=True)
        largest = table.gather(2, place)[..., None]
        mean = found.convolved.mean(dim=(2, 3), keepdim=True)
        pixels = torch.ones_like(table[:1, :1]).sum()
        back = back + score * self.attention.slope(mean) / pixels
        at_largest = (score * self.attention.slope(largest)).flatten(2)
        return back + torch.zeros_like(table).scatter(2, place, at_largest).view_as(back)

    def back_to_pixels(self, found: Projected, back: Tensor) -> Tensor:
        """``sum_c vector_c (J^T back)_c (N, 1, H, W)`` for ``back`` at the convolution's result."""
        return _FACTOR * _own_kernels(F.conv_transpose2d, back, found.kernel)

    def back_to_vector(self, realness: Realness, back: Tensor) -> Tensor:
        """``sum_p pixels_p (J^T back)_p (N, C, 1, 1)`` for ``back`` at the convolution's result."""
        near = F.unfold(realness.pixels, _KERNEL, padding=_KERNEL // 2)
        moments = back.flatten(2) @ near.transpose(1, 2)
        moments = moments.unflatten(1, (_GROUPS, -1)).unflatten(3, (_KERNEL, _KERNEL)).unsqueeze(3)
        return _FACTOR * (self._grouped() * moments).sum(dim=(2, 4, 5)).flatten(1)[:, :, None, None]


def _own_kernels(convolve: object, images: Tensor, kernels: Tensor) -> Tensor:
    """Convolve ``images (N, i, H, W)`` each with its own kernels ``(N, o, k, 5, 5)``."""
    count, _, height, width = images.shape
    together = convolve(  # type: ignore[operator]
        images.reshape(1, -1, height, width), kernels.flatten(0, 1), padding=_KERNEL // 2, groups=count
    )
    result: Tensor = together.view(count, -1, height, width)
    return result
