"""Aggregation of the reference: coarse-to-fine deformable alignment (CFDA) and what it is compared with.

Features are ``(N, c, H, W)`` with even H and W, flows ``(N, 2, H, W)`` in pixels, x before y.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv3x3, zero

GROUPS = 8  # of offsets
_TAPS = 9
_FREQUENCIES = 8
_ENCODING = 4 * _FREQUENCIES  # sine and cosine of both components
_LARGEST_OFFSET = 10.0  # pixels beyond the flow


def pixel_grid(like: Tensor) -> Tensor:
    """Coordinates ``(1, 2, H, W)`` of the pixels, x before y."""
    height, width = like.shape[-2:]
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    x, y = columns[None, :].expand(height, width), rows[:, None].expand(height, width)
    return torch.stack([x, y])[None]


def sample(image: Tensor, places: Tensor, padding: str) -> Tensor:
    """Bilinear values of ``image`` (N, c, H, W) at ``places`` (N, 2, h, w) in pixels: ``(N, c, h, w)``.

    ``padding`` outside is ``zeros`` or ``border``, as ``grid_sample`` has it.
    """
    height, width = image.shape[-2:]
    x, y = places[:, 0] * (2.0 / (width - 1)) - 1.0, places[:, 1] * (2.0 / (height - 1)) - 1.0
    grid = torch.stack([x, y], dim=-1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode=padding, align_corners=True)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """``image`` at each pixel plus ``flow``."""
    return sample(image, pixel_grid(image) + flow, "border")


class ModulatedDeformable(nn.Module):
    """Modulated deformable 3x3 convolution (Zhu et al., 2019, DCNv2) as gathers and a 1x1 convolution.

    The nine taps of all offset groups are gathered by one ``grid_sample``, which every ONNX runtime has from
    opset 16 on; ``DeformConv`` needs opset 19.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kernel = nn.Conv2d(channels, channels, 3)

    def forward(self, image: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            image: ``(N, c, H, W)``.
            offsets: ``(N, GROUPS * 9 * 2, H, W)`` in pixels: of each group and tap x, then y.
            mask: ``(N, GROUPS * 9, H, W)``, weights of each group and tap.

        Returns:
            ``(N, c, H, W)``; beyond the image are zeros.
        """
        batch, channels, height, width = image.shape
        steps = torch.arange(-1.0, 2.0, dtype=image.dtype, device=image.device)
        taps = torch.stack([steps.repeat(3), steps.repeat_interleave(3)], dim=1)
        places = offsets.reshape(batch * GROUPS, _TAPS, 2, height, width) + taps[None, :, :, None, None]
        places = (places + pixel_grid(image)[:, None]).transpose(1, 2)
        gathered = sample(
            image.reshape(batch * GROUPS, channels // GROUPS, height, width),
            places.reshape(batch * GROUPS, 2, _TAPS * height, width),
            "zeros",
        )
        shape = (batch * GROUPS, channels // GROUPS, _TAPS, height, width)
        weighted = gathered.reshape(shape) * mask.reshape(batch * GROUPS, 1, _TAPS, height, width)
        columns = weighted.reshape(batch, channels * _TAPS, height, width)
        return F.conv2d(columns, self.kernel.weight.flatten(1)[:, :, None, None], self.kernel.bias)


def encode_fraction(flow: Tensor) -> Tensor:
    """Sine and cosine of the flow's fraction of a pixel over ``10000**(k / 8)``: ``(N, 32, H, W)``."""
    fraction = flow - flow.floor()
    powers = torch.arange(_FREQUENCIES, dtype=flow.dtype, device=flow.device) / _FREQUENCIES
    angles = fraction[:, :, None] * (10000.0**-powers)[None, None, :, None, None]
    return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1, 2)


class CoarseToFineAlignment(nn.Module):
    """CFDA: a coarse flow, a residual flow with a similarity, and offsets about their sum.

    Untrained the flow and the offsets are zero.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coarse = conv3x3(2 * channels, 2)
        self.fine = conv3x3(2 * channels, 3)
        self.widen = conv3x3(2 * channels + _ENCODING, channels)
        self.answer = conv3x3(channels, 3 * GROUPS * _TAPS)
        self.aggregate = ModulatedDeformable(channels)
        for layer in (self.coarse, self.fine, self.answer):
            zero(layer)

    def flow(self, target: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Where in ``reference`` each pixel of ``target`` is found, ``(N, 2, H, W)``, and the similarity of
        both ``(N, 1, H, W)``, 0 to 1."""
        halves = F.avg_pool2d(torch.cat([target, reference], dim=1), 2)
        coarse = F.interpolate(
            2.0 * self.coarse(halves), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        fine = self.fine(torch.cat([target, warp(reference, coarse)], dim=1))
        return coarse + fine[:, :2], fine[:, 2:].sigmoid()

    def forward(self, target: Tensor, reference: Tensor) -> Tensor:
        """``reference`` as ``target`` would have it, both (N, c, H, W)."""
        flow, similarity = self.flow(target, reference)
        found = torch.cat([target, warp(reference, flow), encode_fraction(flow)], dim=1)
        answer = self.answer(F.leaky_relu(self.widen(found), 0.1))
        moves, weights = answer[:, : 2 * GROUPS * _TAPS], answer[:, 2 * GROUPS * _TAPS :]
        offsets = flow.repeat(1, GROUPS * _TAPS, 1, 1) + _LARGEST_OFFSET * moves.tanh()
        aligned: Tensor = self.aggregate(reference, offsets, (weights * similarity).sigmoid())
        return aligned


class PlainDeformable(nn.Module):
    """The usual modulated deformable alignment, its offsets straight from the features (DCNv2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.answer = conv3x3(2 * channels, 3 * GROUPS * _TAPS)
        self.aggregate = ModulatedDeformable(channels)
        zero(self.answer)

    def forward(self, target: Tensor, reference: Tensor) -> Tensor:
        """``reference`` as ``target`` would have it, both (N, c, H, W)."""
        answer = self.answer(torch.cat([target, reference], dim=1))
        offsets, weights = answer[:, : 2 * GROUPS * _TAPS], answer[:, 2 * GROUPS * _TAPS :]
        aligned: Tensor = self.aggregate(reference, offsets, weights.sigmoid())
        return aligned


class NoAlignment(nn.Module):
    """The reference as it is."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, target: Tensor, reference: Tensor) -> Tensor:
        """``reference``."""
        return reference


AGGREGATIONS = {"none": NoAlignment, "deformable": PlainDeformable, "cfda": CoarseToFineAlignment}
