"""ExplainS2A: from 12 Sentinel-2 bands to a hyperspectral image by spectral-spatial duality.

An unfolded ADMM (746,662 parameters) first solves ``min ||Y - D X||^2 + prior(Z), Z = X`` for the spectra;
a fusion network then returns the detail of the fine bands to them. Tensors are ``(N, bands, H, W)`` in
reflectance. Switches of :class:`ExplainS2AConfig` give the ablations of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import ResidualBlock, WindowMean, conv3x3, tv_prox, zero, zero_bias

_GROUPS = 4
_TV_STEPS = 5


@dataclass(frozen=True)
class ExplainS2AConfig:
    """Shape of the network and the paper's ablations.

    Attributes:
        bands: input bands ``c``.
        channels: output channels ``C``, a multiple of four.
        guides: positions of the bands that carry the finest detail (B2, B3, B4 and B8 of Sentinel-2). For
            sensors with one resolution name all bands.
        features: feature maps ``C'`` of the fusion network.
        blocks: residual blocks of the fusion network.
        window: side of the square over which spectral attention averages (the training size), so that a
            pixel's result depends on its surroundings and not on the extent of the image; None averages
            over the whole image, as published.
        solver: ``learned``; ``hybrid``, whose proximal step is total variation; or ``closed_form``, whose
            X-step is the exact inverse as well.
        spectral_attention: False replaces the weights of the bands by their average.
        spatial_attention: False replaces the weights of the pixels by their average.
    """

    bands: int = 12
    channels: int = 172
    guides: tuple[int, ...] = (1, 2, 3, 7)
    features: int = 64
    blocks: int = 7
    window: int | None = 64
    solver: str = "learned"
    spectral_attention: bool = True
    spatial_attention: bool = True

    def __post_init__(self) -> None:
        if self.channels % _GROUPS:
            raise ValueError(f"channels must be a multiple of {_GROUPS}, not {self.channels}.")
        if self.solver not in ("learned", "hybrid", "closed_form"):
            raise ValueError(f"solver must be learned, hybrid or closed_form, not {self.solver!r}.")


def _exactly(image: Tensor) -> torch.autocast:
    """No half precision: the agreement with the bands lives on small differences."""
    return torch.autocast(image.device.type, enabled=False)


class Lifted(NamedTuple):
    """Both estimates ``(N, C, H, W)``: ``spectral`` of the unfolding, ``fused`` of the whole network."""

    spectral: Tensor
    fused: Tensor


class Proximal(nn.Module):
    """Learned proximal operator "model 1": ``x + f(x)``, shared by all stages."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.head = conv3x3(channels, channels, _GROUPS)
        self.blocks = nn.Sequential(*(ResidualBlock(channels, _GROUPS, last_relu=True) for _ in range(3)))
        self.tail = conv3x3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Denoise ``x`` (N, C, H, W)."""
        correction: Tensor = self.tail(self.blocks(F.relu(self.head(x))))
        return x + correction


class TotalVariation(nn.Module):
    """Proximal operator of total variation with a learned weight (the "hybrid" ablation)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_weight = nn.Parameter(torch.tensor(-7.0))

    def forward(self, x: Tensor) -> Tensor:
        """Denoise ``x`` (N, C, H, W)."""
        return tv_prox(x, self.log_weight.exp(), _TV_STEPS)


class SymmetricLinear(nn.Module):
    """``Phi``: a symmetric ``c x c`` map, the lower triangle of its parameter mirrored, plus a bias."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(bands))
        self.bias = nn.Parameter(torch.zeros(bands))

    def forward(self, x: Tensor) -> Tensor:
        """Apply to ``x`` (N, c, H, W)."""
        lower = self.weight.tril()
        symmetric = lower + self.weight.tril(-1).t()
        return F.conv2d(x, symmetric[:, :, None, None], self.bias)


class DataStep(nn.Module):
    """X-step "model 2" of one stage: the Woodbury form of ``(2 D^T D + rho I)^-1 q`` with learned factors."""

    def __init__(self, bands: int, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.ones(1))
        self.down = nn.Conv2d(channels, bands, 1)
        self.up = nn.Conv2d(bands, channels, 1)

    @torch.no_grad()
    def start_from_response(self, response: Tensor) -> None:
        """Make the factors those of the exact inverse for ``D = response`` (c, C)."""
        self.down.weight.copy_(response[:, :, None, None])
        self.up.weight.copy_(response.t()[:, :, None, None])
        zero_bias(self.down)
        zero_bias(self.up)

    def forward(self, z: Tensor, u: Tensor, seen: Tensor, phi: SymmetricLinear) -> Tensor:
        """``X`` from ``z``, ``u`` and ``seen = 2 D^T Y``, all (N, C, H, W)."""
        rho = self.rho.clamp(min=1e-3)
        q = seen + rho * (z + u)
        step: Tensor = (q - (2.0 / rho) * self.up(phi(self.down(q)))) / rho
        return step


class ExactDataStep(nn.Module):
    """X-step by the exact inverse ``(2 D^T D + rho I)^-1 q`` (the "closed-form" ablation)."""

    def __init__(self) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor, u: Tensor, seen: Tensor, response: Tensor) -> Tensor:
        """``X`` from ``z``, ``u`` and ``seen = 2 D^T Y``, all (N, C, H, W), and ``D`` (c, C)."""
        rho = self.rho.clamp(min=1e-3)
        q = seen + rho * (z + u)
        small = torch.linalg.inv(response @ response.t() + rho / 2 * torch.eye(len(response)).to(response))
        gain = response.t() @ small @ response
        return (q - F.conv2d(q, gain[:, :, None, None])) / rho


class Unfolding(nn.Module):
    """The unfolded ADMM of section 1a: 746,662 parameters at 12 bands and 172 channels."""

    prox: Proximal | TotalVariation
    first: DataStep | ExactDataStep
    middle: DataStep | ExactDataStep

    def __init__(self, config: ExplainS2AConfig) -> None:
        super().__init__()
        bands, channels = config.bands, config.channels
        self.response = nn.Parameter(torch.empty(bands, channels))
        nn.init.xavier_normal_(self.response)
        self.start = nn.Conv2d(bands, channels, 1)
        self.prox = Proximal(channels) if config.solver == "learned" else TotalVariation()
        if config.solver == "closed_form":
            self.first, self.middle = ExactDataStep(), ExactDataStep()
        else:
            self.phi = SymmetricLinear(bands)
            self.first, self.middle = DataStep(bands, channels), DataStep(bands, channels)

    @torch.no_grad()
    def start_from_regression(self, weight: Tensor, bias: Tensor, response: Tensor) -> None:
        """See :meth:`ExplainS2A.start_from_regression`."""
        self.start.weight.copy_(weight[:, :, None, None])
        cast(Tensor, self.start.bias).copy_(bias)
        self.response.copy_(response)
        if isinstance(self.prox, Proximal):
            zero(self.prox.tail)
        for stage in (self.first, self.middle):
            if isinstance(stage, DataStep):
                stage.start_from_response(response)
                identity = torch.eye(len(response)).to(response)
                self.phi.weight.copy_(torch.linalg.inv(identity + 2.0 * response @ response.t()))

    def forward(self, msi: Tensor) -> Tensor:
        """Spectra (N, C, H, W) of the bands ``msi`` (N, c, H, W), without regard to finer detail."""
        with _exactly(msi):
            seen = F.conv2d(msi, 2.0 * self.response.t()[:, :, None, None])
            x: Tensor = F.relu(self.start(msi))
        u = torch.zeros_like(x)
        for stage in (self.first, self.middle, self.middle):  # the middle weights are applied twice
            z = self.prox(x - u)
            inverse = self.response if isinstance(stage, ExactDataStep) else self.phi
            with _exactly(msi):
                x = stage(z, u, seen, inverse)
            u = u - x + z
        spectra: Tensor = self.prox(x - u)
        return spectra


class SpectralAttention(nn.Module):
    """One weight for each band ("model 3"): mean over a window, two small layers, sigmoid.

    The first layer is linear, so it is applied before the mean, on a fifth of the channels.
    """

    def __init__(self, channels: int, window: int | None) -> None:
        super().__init__()
        hidden = channels // 5
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.mean = WindowMean(window)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, spectra: Tensor) -> Tensor:
        """Weights (N, C, H, W), or (N, C, 1, 1) for the mean over the whole image."""
        weights: Tensor = self.excite(F.relu(self.mean(self.squeeze(spectra)))).sigmoid()
        return weights


class SpatialAttention(nn.Module):
    """One weight for each pixel ("model 4"): mean of the fine bands, one convolution, sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv3x3(1, 1)

    def forward(self, fine: Tensor) -> Tensor:
        """Weights (N, 1, H, W) from the fine bands (N, g, H, W)."""
        weights: Tensor = self.conv(fine.mean(dim=1, keepdim=True)).sigmoid()
        return weights


class Fusion(nn.Module):
    """The fusion network of section 1b: detail of the fine bands, added."""

    def __init__(self, config: ExplainS2AConfig) -> None:
        super().__init__()
        self.average_bands = not config.spectral_attention
        self.average_pixels = not config.spatial_attention
        self.spectral = SpectralAttention(config.channels, config.window)
        self.spatial = SpatialAttention()
        self.head = conv3x3(config.channels + len(config.guides), config.features)
        self.blocks = nn.Sequential(*(ResidualBlock(config.features) for _ in range(config.blocks)))
        self.tail = conv3x3(config.features, config.channels)
        self.guides = list(config.guides)

    def forward(self, spectra: Tensor, msi: Tensor) -> Tensor:
        """Hyperspectral image (N, C, H, W) from spectra (N, C, H, W) and bands (N, c, H, W)."""
        fine = msi[:, self.guides]
        bands, pixels = self.spectral(spectra), self.spatial(fine)
        if self.average_bands:
            bands = bands.mean(dim=1, keepdim=True)
        if self.average_pixels:
            pixels = pixels.mean(dim=(2, 3), keepdim=True)
        emphasised = spectra * bands * pixels
        features = F.relu(self.head(torch.cat([emphasised, fine], dim=1)))
        fused: Tensor = spectra + self.tail(self.blocks(features))
        return fused


class ExplainS2A(nn.Module):
    """Unfolding and fusion together: ``msi (N, c, H, W)`` -> :class:`Lifted`."""

    def __init__(self, config: ExplainS2AConfig | None = None) -> None:
        super().__init__()
        self.config = config or ExplainS2AConfig()
        self.unfolding = Unfolding(self.config)
        self.fusion = Fusion(self.config)

    def forward(self, msi: Tensor) -> Lifted:
        """Lift ``msi`` (N, c, H, W), reflectance."""
        spectral = self.unfolding(msi)
        return Lifted(spectral, self.fusion(spectral, msi))

    @torch.no_grad()
    def start_from_regression(self, weight: Tensor, bias: Tensor, response: Tensor) -> None:
        """Start from a regression that agrees with the sensor, so that training only improves on it.

        The first estimate becomes ``weight (C, c) @ y + bias (C)``, the last convolution of every residual
        branch zero, and the stages the exact ADMM with the sensor's ``response`` (c, C).
        """
        self.unfolding.start_from_regression(weight, bias, response)
        zero(self.fusion.tail)
