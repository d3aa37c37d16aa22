"""Estimates from single pixels, that stand beside a network and are averaged with it.

Materials bend the relation of bands to spectra; perceptrons learn that from many more pixels than
convolutions of hundreds of channels can see in the same time. Trained on different areas they err
differently, so their mean errs less (Breiman 1996, bagging; Lakshminarayanan et al. 2017, deep ensembles).
Their regressions have large weights of both signs, so bands that no land has (a bright roof whose coarse
bands come from its neighbours) lead them far off; there the network counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import zero

_TYPICAL, _SPREAD = 0.2, 0.2  # reflectance of land, to bring inputs near zero mean and unit variance
_DARK = 0.05  # reflectance that is added to the brightness of a pixel, to which differences are relative
_SMALL = 1e-6


@dataclass(frozen=True)
class ExpertsConfig:
    """Shape of the experts.

    Attributes:
        members: perceptrons whose mean is taken.
        widths: of the hidden layers of each.
        share: of their mean in the result; the network has the rest.
        kept: share of what the perceptrons add to their regressions. On areas unlike those of the training
            they overshoot.
        limit: root mean square difference from the network's estimate, relative to the pixel's brightness,
            from which on their share falls.
    """

    members: int = 6
    widths: tuple[int, ...] = (192, 192, 192)
    share: float = 0.7
    kept: float = 0.85
    limit: float = 0.06


class Perceptron(nn.Module):
    """``x = W y + b + f(y)`` for each pixel: a regression and a perceptron on top, which starts as zero.

    The regression is not trained further.
    """

    def __init__(self, bands: int, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (bands, *widths)
        hidden = [(nn.Conv2d(near, far, 1), nn.SiLU()) for near, far in zip(sizes, sizes[1:])]
        last = nn.Conv2d(sizes[-1], channels, 1)
        zero(last)
        self.layers = nn.Sequential(*(layer for pair in hidden for layer in pair), last)
        self.register_buffer("weight", torch.zeros(channels, bands, 1, 1))
        self.register_buffer("bias", torch.zeros(channels))

    @torch.no_grad()
    def start_from_regression(self, weight: Tensor, bias: Tensor) -> None:
        """Take over a regression, ``weight (C, c)`` and ``bias (C,)``."""
        self.get_buffer("weight").copy_(weight[:, :, None, None])
        self.get_buffer("bias").copy_(bias)

    def of_table(self, pixels: Tensor) -> Tensor:
        """Lift a table of pixels ``(n, c)`` to ``(n, C)``: as :meth:`forward` does, but faster."""
        estimate = (pixels - _TYPICAL) / _SPREAD
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                estimate = F.linear(estimate, layer.weight[:, :, 0, 0], layer.bias)
            else:
                estimate = layer(estimate)
        weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
        return estimate + F.linear(pixels, weight[:, :, 0, 0], bias)

    def forward(self, bands: Tensor, kept: float = 1.0) -> Tensor:
        """Lift ``(N, c, H, W)`` to ``(N, C, H, W)``, pixel by pixel; ``kept`` is the share of ``f``."""
        regression = F.conv2d(bands, self.get_buffer("weight"), self.get_buffer("bias"))
        estimate: Tensor = regression + kept * self.layers((bands - _TYPICAL) / _SPREAD)
        return estimate


class Experts(nn.Module):
    """Mean of several perceptrons, joined with the estimate of a network."""

    def __init__(self, bands: int, channels: int, config: ExpertsConfig) -> None:
        super().__init__()
        self.share, self.kept, self.limit = config.share, config.kept, config.limit
        self.members = nn.ModuleList(
            Perceptron(bands, channels, config.widths) for _ in range(config.members)
        )

    def mean(self, bands: Tensor) -> Tensor:
        """Mean of their estimates ``(N, C, H, W)`` from the bands ``(N, c, H, W)``."""
        # One after the other, so that no more than two of these large estimates are there at once.
        first, *others = self.members
        total: Tensor = first(bands, self.kept)
        for member in others:
            total = total + member(bands, self.kept)
        return total / len(self.members)

    def forward(self, bands: Tensor, estimate: Tensor) -> Tensor:
        """Both estimates ``(N, C, H, W)`` as one, from the bands ``(N, c, H, W)`` and the network's."""
        away = self.mean(bands) - estimate
        far = away.square().mean(dim=1, keepdim=True).sqrt()
        far = far / (estimate.mean(dim=1, keepdim=True).abs() + _DARK)
        share = self.share * (self.limit / far.clamp(min=_SMALL)).clamp(max=1.0)
        joint: Tensor = estimate + share * away
        return joint
