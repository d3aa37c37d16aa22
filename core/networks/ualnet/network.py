"""UALNet as a whole: PriorNet, discriminator and unfolding."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from .config import UALNetConfig
from .discriminator import Discriminator
from .prior_net import PriorNet, enlarge
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

    def forward(self, msi: Tensor, statistics: Statistics | None = None) -> Unfolded:
        """Lift ``msi``, reflectance."""
        statistics = statistics or Statistics()
        prior = None
        if self.config.prior_net:
            bands, prior = self.prior_net(msi, statistics)
        else:
            bands = enlarge(msi, self.config.aligned_corners)
        return Unfolded(bands, self.unfolding(bands, prior, self.discriminator, statistics))
