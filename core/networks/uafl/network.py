"""UAFL: residual abundances from those of an upsampled image and a photograph that may not line up.

5,948,450 parameters at width 64; switches of :class:`UAFLConfig` give the published ablations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import zero
from .alignment import AGGREGATIONS, GROUPS
from .attention import CrossAttention, PlainFusion, depthwise


@dataclass(frozen=True)
class UAFLConfig:
    """Shape of the network and its ablations.

    Attributes:
        abundances: maps ``K`` of abundances.
        reference: bands of the reference.
        width: feature maps of the first level, a multiple of eight; they double with each level.
        blocks: attention blocks of each level, the deepest last.
        aggregation: how the reference is aligned: ``cfda``, ``deformable`` or ``none``.
        cross_attention: False puts plain convolutions in the place of SCACA.
        mutual_fusion: False puts a 1x1 convolution in the place of SCMF.
        biases: whether embeddings, mapping, strided convolutions, queries, keys, values, feed-forwards and
            SCMF have biases.
        injected: the reference is in the terms of the abundances and of as many maps, and the residual starts
            as its difference from them; False is the published network, which starts from zero.
    """

    abundances: int = 3
    reference: int = 3
    width: int = 64
    blocks: tuple[int, ...] = (2, 1, 1)
    aggregation: str = "cfda"
    cross_attention: bool = True
    mutual_fusion: bool = True
    biases: bool = False
    injected: bool = False

    def __post_init__(self) -> None:
        if self.width % GROUPS or self.width <= 0:
            raise ValueError(f"width must be a positive multiple of {GROUPS}, not {self.width}.")
        if self.aggregation not in AGGREGATIONS:
            raise ValueError(
                f"aggregation must be one of {', '.join(AGGREGATIONS)}, not {self.aggregation!r}."
            )
        if len(self.blocks) < 2:
            raise ValueError(f"blocks must name at least two levels, not {self.blocks}.")
        if self.injected and self.reference != self.abundances:
            raise ValueError("an injected reference has as many maps as there are abundances.")


class MutualFusion(nn.Module):
    """SCMF: encoder and decoder features, weighted by pixel and by channel."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        both = 2 * channels
        self.spread = depthwise(both, 3, bias)
        self.mix = nn.Conv2d(both, channels, 1, bias=bias)
        self.pixel_gate = nn.Conv2d(both, 1, 3, padding=1, bias=False)
        self.channel = nn.Conv2d(both, channels, 1, bias=bias)
        self.channel_gate = nn.Conv2d(both, channels, 1)

    def forward(self, encoded: Tensor, decoded: Tensor) -> Tensor:
        """Fuse features, both (N, c, H, W)."""
        both = torch.cat([encoded, decoded], dim=1)
        spatial = F.leaky_relu(self.mix(F.leaky_relu(self.spread(both), 0.1)), 0.1)
        spatial = spatial * self.pixel_gate(both).sigmoid()
        gate = self.channel_gate(both.mean(dim=(2, 3), keepdim=True)).sigmoid()
        fused: Tensor = decoded + spatial + self.channel(both) * gate
        return fused


class SimpleFusion(nn.Module):
    """What stands for SCMF in the ablation without it."""

    def __init__(self, channels: int, bias: bool) -> None:
        super().__init__()
        self.mix = nn.Conv2d(2 * channels, channels, 1, bias=bias)

    def forward(self, encoded: Tensor, decoded: Tensor) -> Tensor:
        """Fuse features, both (N, c, H, W)."""
        fused: Tensor = self.mix(torch.cat([encoded, decoded], dim=1))
        return fused


class UAFL(nn.Module):
    """The network; its last convolution starts at zero, so untrained the residual is the start alone."""

    def __init__(self, config: UAFLConfig) -> None:
        super().__init__()
        self.config = config
        bias, levels = config.biases, len(config.blocks)
        widths = [config.width * 2**level for level in range(levels)]
        fusion = MutualFusion if config.mutual_fusion else SimpleFusion
        self.embed_abundances = nn.Conv2d(config.abundances, config.width, 3, padding=1, bias=bias)
        self.embed_reference = nn.Conv2d(config.reference, config.width, 3, padding=1, bias=bias)
        self.align = nn.ModuleList(AGGREGATIONS[config.aggregation](width) for width in widths[:-1])
        self.encode = nn.ModuleList(self._blocks(level) for level in range(levels))
        self.shrink = nn.ModuleList(self._strided(width, bias) for width in widths[:-1])
        self.shrink_reference = nn.ModuleList(self._strided(width, bias) for width in widths[:-1])
        self.grow = nn.ModuleList(nn.ConvTranspose2d(2 * width, width, 2, 2) for width in widths[:-1])
        self.fuse = nn.ModuleList(fusion(width, bias) for width in widths[:-1])
        self.decode = nn.ModuleList(self._blocks(level) for level in range(levels - 1))
        self.map = nn.Conv2d(config.width, config.abundances, 3, padding=1, bias=bias)
        zero(self.map)

    @staticmethod
    def _strided(width: int, bias: bool) -> nn.Conv2d:
        return nn.Conv2d(width, 2 * width, 4, 2, 1, bias=bias)

    def _blocks(self, level: int) -> nn.ModuleList:
        config = self.config
        block = CrossAttention if config.cross_attention else PlainFusion
        width, heads = config.width * 2**level, 2**level
        return nn.ModuleList(block(width, heads, config.biases) for _ in range(config.blocks[level]))

    def forward(self, abundances: Tensor, reference: Tensor) -> Tensor:
        """Residual abundances (N, K, H, W) of ``abundances`` (N, K, H, W) and ``reference`` (N, r, H, W).

        H and W are multiples of :data:`~hyperlift.core.networks.sizes.UAFL_MULTIPLE`.
        """
        x = F.leaky_relu(self.embed_abundances(abundances), 0.1)
        r = F.leaky_relu(self.embed_reference(reference), 0.1)
        encoded, aligned = [], []
        for level, align in enumerate(self.align):
            r = align(x, r)
            for block in cast(nn.ModuleList, self.encode[level]):
                x = block(x, r)
            encoded.append(x)
            aligned.append(r)
            x, r = self.shrink[level](x), self.shrink_reference[level](r)
        for block in cast(nn.ModuleList, self.encode[-1]):
            x = block(x, r)
        for level in reversed(range(len(encoded))):
            x = self.fuse[level](encoded[level], self.grow[level](x))
            for block in cast(nn.ModuleList, self.decode[level]):
                x = block(x, aligned[level])
        residual: Tensor = self.map(x)
        return residual + (reference - abundances) if self.config.injected else residual
