"""PGU-Net: hyperspectral images and the response of the camera that saw them, together.

``min 1/2 ||Y - R X||^2 + lambda phi(X) + mu psi(R)`` by half-quadratic splitting, unrolled: stages of
``Z = ZNet(X)``, the closed-form X-step, ``Q = PNet(R)`` and the closed-form R-step. The convolutions see
``X`` on the grid and never the bands, so one set of weights serves any number of them.

The image starts from the mixture of :mod:`..spectral.mixture` under the first response. The image's part is
:meth:`PGUNet.forward`, which takes the responses of all stages as given: they are one for a whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral.mixture import FREEDOM
from .layers import WindowMean, conv3x3, zero
from .stf import PNet


@dataclass(frozen=True)
class PGUNetConfig:
    """Shape of the network.

    Attributes:
        channels: of the grid, ``C``.
        stages: unrolled, each with its own weights.
        features: of the convolutions.
        window: side in pixels of the means that the channel attention looks at.
        rank, components: of the mixture that the image starts from.
    """

    channels: int = 172
    stages: int = 5
    features: int = 32
    window: int = 5
    rank: int = 24
    components: int = 24


class ChannelAttention(nn.Module):
    """Scales the features by what their means over a window around each pixel say.

    The published average goes over the whole image, so that a result would depend on the tiles.
    """

    def __init__(self, features: int, window: int) -> None:
        super().__init__()
        self.mean = WindowMean(window)
        self.narrow, self.wide = nn.Conv2d(features, features // 4, 1), nn.Conv2d(features // 4, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features ``(N, features, H, W)``."""
        return x * torch.sigmoid(self.wide(F.relu(self.narrow(self.mean(x)))))


class ZNet(nn.Module):
    """``Z = X + f(X)`` in two branches: plain convolutions, and convolutions with channel attention.

    Both are told how well the response sees each channel. ``f`` starts as zero.
    """

    def __init__(self, config: PGUNetConfig) -> None:
        super().__init__()
        width = config.features
        self.upper_in, self.lower_in = (nn.Conv2d(config.channels, width, 1) for _ in range(2))
        self.upper_seen, self.lower_seen = (
            nn.Conv2d(config.channels, width, 1, bias=False) for _ in range(2)
        )
        self.upper, self.lower = conv3x3(width, width), conv3x3(width, width)
        self.lower_attention = ChannelAttention(width, config.window)
        self.join, self.refine = nn.Conv2d(2 * width, width, 1), conv3x3(width, width)
        self.attention = ChannelAttention(width, config.window)
        self.out = nn.Conv2d(width, config.channels, 1)
        zero(self.out)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Image ``(N, C, H, W)``; ``seen`` (C,), 0 to 1, says how well each channel is seen."""
        known = seen[None, :, None, None]
        upper = F.relu(self.upper(F.relu(self.upper_in(x) + self.upper_seen(known))))
        lower = self.lower_attention(F.relu(self.lower(F.relu(self.lower_in(x) + self.lower_seen(known)))))
        joint = F.relu(self.join(torch.cat([upper, lower], dim=1)))
        change: Tensor = self.out(self.attention(joint + F.relu(self.refine(joint))))
        return x + change


class MixtureStart(nn.Module):
    """The first estimate: the mean of the mixture given the bands (:class:`..spectral.mixture.Start`)."""

    def __init__(self, config: PGUNetConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("basis", torch.zeros(config.channels, config.rank))
        self.register_buffer("level", torch.zeros(config.components, config.rank))

    def forward(
        self, msi: Tensor, centre: Tensor, whitening: Tensor, constant: Tensor, gain: Tensor
    ) -> Tensor:
        """Bands ``(N, c, H, W)`` and the tables of a start to spectra ``(N, C, H, W)``."""
        count = constant.shape[0]
        offset = (whitening @ centre[:, :, None])[:, :, 0]
        away = F.conv2d(msi, whitening.flatten(0, 1)[:, :, None, None], -offset.flatten())
        distance = _by_component(away, count).square().sum(dim=2)
        power = 0.5 * (FREEDOM + torch.ones_like(centre[0]).sum())
        share = (constant[None, :, None, None] - power * torch.log1p(distance / FREEDOM)).softmax(dim=1)
        start = self.get_buffer("level") - (gain @ centre[:, :, None])[:, :, 0]
        levels = F.conv2d(msi, gain.flatten(0, 1)[:, :, None, None], start.flatten())
        joint = (_by_component(levels, count) * share[:, :, None]).sum(dim=1)
        return F.conv2d(joint, self.get_buffer("basis")[:, :, None, None], self.get_buffer("mean"))


def _by_component(image: Tensor, count: int) -> Tensor:
    """Planes ``(N, count * k, H, W)`` as ``(N, count, k, H, W)``."""
    return torch.unflatten(image, 1, (count, -1))


class PGUNet(nn.Module):
    """PGU-Net with its stages' weights and penalties ``alpha``, ``beta`` (all positive)."""

    def __init__(self, config: PGUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.start = MixtureStart(config)
        self.z_nets = nn.ModuleList(ZNet(config) for _ in range(config.stages))
        self.p_nets = nn.ModuleList(PNet(config.channels) for _ in range(config.stages))
        self.log_alpha = nn.Parameter(torch.full((config.stages + 1,), -5.0))
        self.log_beta = nn.Parameter(torch.full((config.stages,), -3.0))

    @property
    def alpha(self) -> Tensor:
        """Penalties of the X-steps, the last one after all stages, ``(stages + 1,)``."""
        return self.log_alpha.exp()

    @property
    def beta(self) -> Tensor:
        """Penalties of the R-steps, ``(stages,)``."""
        return self.log_beta.exp()

    def stage(self, number: int, image: Tensor, msi: Tensor, response: Tensor, back: Tensor) -> Tensor:
        """Z-Net and X-step of one stage.

        Args:
            number: of the stage, from 0.
            image: ``(N, C, H, W)``.
            msi: ``(N, c, H, W)``.
            response: ``(c, C)``.
            back: its back-projection ``(C, c)``.
        """
        seen = (back * response.T).sum(dim=1)
        return x_step(self.z_nets[number](image, seen), msi, response, back)

    def forward(
        self,
        msi: Tensor,
        stf: Tensor,
        stf_back: Tensor,
        responses: Tensor,
        backs: Tensor,
        *start: Tensor,
    ) -> tuple[Tensor, ...]:
        """The image under given responses.

        Args:
            msi: ``(N, c, H, W)``.
            stf: response after the last stage ``(c, C)``, with which the result is brought into agreement.
            stf_back: its back-projection ``(C, c)``.
            responses: of the stages, ``(stages, c, C)``.
            backs: their back-projections, ``(stages, C, c)``.
            start: centre, whitening, constant and gain of the start under the first response.

        Returns:
            The result ``(N, C, H, W)``, not negative, and the image after each stage.
        """
        image = self.start(msi, *start)
        states = []
        for number in range(self.config.stages):
            image = self.stage(number, image, msi, responses[number], backs[number])
            states.append(image)
        return F.relu(x_step(image, msi, stf, stf_back)), *states


def x_step(image: Tensor, msi: Tensor, response: Tensor, back: Tensor) -> Tensor:
    """``Z + B (Y - R Z)``, see :func:`.stf.back_projection`."""
    left = msi - F.conv2d(image, response[:, :, None, None])
    return image + F.conv2d(left, back[:, :, None, None])
