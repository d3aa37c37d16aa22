"""UALNet as a whole: PriorNet, discriminator and unfolding."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import zero
from .config import SCALE, UALNetConfig
from .discriminator import Discriminator
from .interpolation import enlarge
from .prior_net import PriorNet
from .statistics import Statistics
from .unfolding import Unfolding


class Unfolded(NamedTuple):
    """``bands`` on the fine grid ``(N, c, 2H, 2W)`` and ``hsi (N, C, 2H, 2W)``."""

    bands: Tensor
    hsi: Tensor


class UALNet(nn.Module):
    """``msi (N, c, H, W)`` -> :class:`Unfolded`."""

    def __init__(self, config: UALNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UALNetConfig()
        self.prior_net = PriorNet(self.config)
        self.discriminator = Discriminator(self.config)
        self.unfolding = Unfolding(self.config)

    @torch.no_grad()
    def start_from_estimate(self, response: Tensor) -> None:
        """Start from interpolation and from the estimate given to :meth:`forward`, so as to improve on them.

        ``response (c, C)`` is the sensor's.
        """
        self.prior_net.image.start_from_interpolation()
        if self.unfolding.start is not None:
            zero(self.unfolding.start.tail)
        self.unfolding.response.copy_(response)

    def fine_bands(self, msi: Tensor, statistics: Statistics) -> Tensor:
        """``S_u (N, c, 2H, 2W)`` of ``msi (N, c, H, W)``."""
        if self.config.prior_net:
            bands: Tensor = self.prior_net.image(msi, statistics)
        else:
            bands = enlarge(msi, self.config.aligned_corners)
        if self.config.measured:
            missing = msi - F.avg_pool2d(bands, SCALE)
            bands = bands + F.interpolate(missing, scale_factor=SCALE, mode="nearest")
        return bands

    def forward(
        self,
        msi: Tensor,
        statistics: Statistics | None = None,
        estimate: Callable[[Tensor], Tensor] | None = None,
    ) -> Unfolded:
        """Lift ``msi``, reflectance; ``estimate`` makes of ``S_u`` where the unfolding starts from."""
        statistics = statistics or Statistics()
        bands = self.fine_bands(msi, statistics)
        prior = self.prior_net.prior(msi) if self.config.implicit_prior and self.config.prior_net else None
        given = None if estimate is None else estimate(bands)
        return Unfolded(bands, self.unfolding(bands, prior, self.discriminator, statistics, given))
