"""``T = proj((lambda1 + mu q) / (lambda1 + mu))`` of the unfolding, and its adjoint, for ``q = n f - rest``.

The discriminator's answer ``f`` is a vector of bands times a map of pixels, so the convolution of it is one
of a single map with a contracted kernel, and so is what its adjoint is needed for: of four grouped
convolutions of 186 channels one remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple, cast

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
_REACH = _KERNEL // 2


class Projected(NamedTuple):
    """``T = weights * convolved``; ``kernel (N, C, 25)`` is the convolution contracted with the bands."""

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
        self.conv = nn.Conv2d(channels, channels, _KERNEL, padding=_REACH, groups=_GROUPS)
        self.attention = ChannelAttention(channels)

    def forward(self, q: Tensor) -> Tensor:
        """``T (N, C, H, W)`` of any ``q``, alike."""
        convolved: Tensor = self.conv(_OFFSET + _FACTOR * q)
        weights = self.attention.weights(convolved)
        return convolved * (weights.detach() if self.frozen else weights)

    def _grouped(self) -> Tensor:
        """The kernel as ``(groups, outputs, inputs, 5, 5)``."""
        return _split(self.conv.weight, 0, _GROUPS, -1)

    def of_realness(
        self, realness: Realness, count: float, rest: Tensor | None, statistics: Statistics
    ) -> Projected:
        """``T`` of ``q = count * realness - rest``."""
        grouped = self._grouped()
        vector = _split(realness.vector, 1, _GROUPS, -1).unsqueeze(2)
        kernel = (vector * grouped).sum(dim=3).flatten(1, 2).flatten(2)
        # The convolution pads with zeros, so that q's offset ends at the edges too.
        ones = _shifts(torch.ones_like(realness.pixels))
        offset = _OFFSET * grouped.sum(dim=2).flatten(0, 1).flatten(1) @ ones
        seen = count * _FACTOR * kernel @ _shifts(realness.pixels) + offset
        bias = cast(Tensor, self.conv.bias).view(1, -1, 1, 1)
        convolved = _split(seen, 2, *realness.pixels.shape[2:]) + bias
        if rest is not None:
            convolved = convolved - _FACTOR * F.conv2d(rest, self.conv.weight, padding=_REACH, groups=_GROUPS)
        weights = statistics.take(self.attention.weights(convolved))
        return Projected(convolved, weights, kernel)

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
        seen = found.kernel.transpose(1, 2) @ back.flatten(2)
        return _FACTOR * _shifts_back(_split(seen, 2, *back.shape[2:]))

    def back_to_vector(self, realness: Realness, back: Tensor) -> Tensor:
        """``sum_p pixels_p (J^T back)_p (N, C, 1, 1)`` for ``back`` at the convolution's result."""
        moments = back.flatten(2) @ _shifts(realness.pixels).transpose(1, 2)
        moments = _split(_split(moments, 1, _GROUPS, -1), 3, _KERNEL, _KERNEL).unsqueeze(3)
        sums: Tensor = (self._grouped() * moments).sum(dim=(2, 4, 5)).flatten(1)
        return _FACTOR * sums[:, :, None, None]


def _shifts(image: Tensor) -> Tensor:
    """What each of the kernel's 25 weights sees of ``image (N, 1, H, W)``, zeros beyond: ``(N, 25, P)``."""
    wide = F.pad(image, (_REACH, _REACH, _REACH, _REACH))
    return torch.cat([wide[:, :, row, column] for row, column in _windows()], dim=1).flatten(2)


def _shifts_back(images: Tensor) -> Tensor:
    """Adjoint of :func:`_shifts`: one image ``(N, 1, H, W)`` from ``images (N, 25, H, W)``."""
    wide = F.pad(images, (_REACH, _REACH, _REACH, _REACH))
    parts = [wide[:, place : place + 1] for place in range(images.shape[1])]
    opposite = reversed(list(_windows()))
    return torch.stack([part[:, :, row, column] for part, (row, column) in zip(parts, opposite)]).sum(dim=0)


def _windows() -> Iterator[tuple[slice, slice]]:
    """Rows and columns of an image with wide edges that each weight of the kernel sees."""
    along = [slice(first, (first - 2 * _REACH) or None) for first in range(_KERNEL)]
    return product(along, along)


def _split(table: Tensor, dim: int, *sizes: int) -> Tensor:
    """A table with one of its dimensions as several."""
    split: Tensor = table.unflatten(dim, sizes)  # type: ignore[no-untyped-call]
    return split
