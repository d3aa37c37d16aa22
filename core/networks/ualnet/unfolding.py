"""The unfolding of UALNet (1,600,438 parameters): quasi-split Bregman steps that an adversary steers."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .adversarial import Steered, adversarial_gradient, autograd_gradient
from .blocks import ChannelAttention, MultiReceptiveField
from .config import UALNetConfig
from .discriminator import Discriminator
from .estimate import InitialEstimate
from .prior_net import gram
from .projection import Projection
from .statistics import Statistics

_LAMBDA2 = 0.5
_BLUR, _SIGMA = 7, 0.7
_FIRST_STEP = 1e-3
_FAINT = 1e-12  # gradients of a smaller norm are zero


class Blur(nn.Module):
    """``G``: Gaussian of 7x7 pixels, sigma 0.7."""

    def __init__(self, bands: int, padded: bool) -> None:
        super().__init__()
        self.mode = "replicate" if padded else "reflect"
        axis = torch.arange(_BLUR, dtype=torch.float64) - _BLUR // 2
        line = torch.exp(-0.5 * (axis / _SIGMA) ** 2)
        line = line / line.sum()
        self.register_buffer("kernel", torch.outer(line, line).float().expand(bands, 1, -1, -1).contiguous())

    def forward(self, image: Tensor) -> Tensor:
        """Blur ``image (N, bands, H, W)``."""
        kernel, reach = self.get_buffer("kernel"), _BLUR // 2
        wide = F.pad(image, (reach, reach, reach, reach), mode=self.mode)
        return F.conv2d(wide, kernel, groups=len(kernel))


class DataGradient(nn.Module):
    """``g1 = B^T(D(G a)) - B^T(S_u)``: the blur comes after ``D``, where it is the same for fewer maps."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.blur = Blur(config.bands, config.padded)
        self.back = nn.Sequential(
            MultiReceptiveField(config.bands), nn.Conv2d(config.bands, config.channels, 1)
        )

    def forward(self, image: Tensor, bands: Tensor, response: Tensor) -> Tensor:
        """Gradient ``(N, C, H, W)`` at ``image``, alike, for ``bands (N, c, H, W)`` and ``D (c, C)``."""
        seen = self.blur(F.conv2d(image, response[:, :, None, None]))
        gradient: Tensor = self.back(seen) - self.back(bands)
        return gradient


class PriorGradient(nn.Module):
    """``g2 = -2 lambda2 (M(a a^T) - M(P)) a``; the matrix before ``a`` is a statistic of the image."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.normalised = config.normalised
        self.linear = nn.Linear(config.channels, config.channels)

    def forward(self, image: Tensor, prior: Tensor, statistics: Statistics) -> Tensor:
        """Gradient ``(N, C, H, W)`` at ``image``, alike, for ``prior (N, C, C)``."""
        matrix = F.gelu(self.linear(gram(image, self.normalised))) - F.gelu(self.linear(prior))
        product = statistics.take(matrix) @ image.flatten(2)
        return -2.0 * _LAMBDA2 * product.view_as(image)


class Weighing(nn.Module):
    """A gradient divided by its Frobenius norm (or root mean square), then channel attention."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.normalised = config.normalised
        self.attention = ChannelAttention(config.channels)

    def forward(self, gradient: Tensor, statistics: Statistics) -> Tensor:
        """The weighed gradient ``(N, C, H, W)``."""
        total = gradient.square().sum(dim=(1, 2, 3), keepdim=True)
        if self.normalised:
            total = gradient.square().mean(dim=(1, 2, 3), keepdim=True)
        norm = statistics.take(total.clamp(min=_FAINT**2).sqrt())
        weighed: Tensor = self.attention(gradient / norm, statistics)
        return weighed


class Stage(nn.Module):
    """One step along the sum of the weighed gradients."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.data = DataGradient(config)
        self.prior = PriorGradient(config) if config.implicit_prior else None
        self.projection = Projection(config) if config.adversarial else None
        terms = 1 + config.implicit_prior + config.adversarial
        self.weighings = nn.ModuleList(Weighing(config) for _ in range(terms))
        self.step = nn.Parameter(torch.full((config.channels, 1, 1), _FIRST_STEP).log())

    def forward(self, image: Tensor, gradients: list[Tensor], statistics: Statistics) -> Tensor:
        """The next image ``(N, C, H, W)`` from ``image`` and its ``gradients``, alike."""
        weighed = [weigh(gradient, statistics) for weigh, gradient in zip(self.weighings, gradients)]
        return image - self.step.exp() * torch.stack(weighed).sum(dim=0)


class Unfolding(nn.Module):
    """Initial estimate and ``K`` stages; the response ``D`` is shared by the stages, nothing else is."""

    def __init__(self, config: UALNetConfig) -> None:
        super().__init__()
        self.config = config
        self.by_autograd = False  # the adversarial gradient by automatic differentiation, to compare with
        self.response = nn.Parameter(torch.ones(config.bands, config.channels))
        self.start = InitialEstimate(config) if config.initial_estimate else None
        self.stages = nn.ModuleList(Stage(config) for _ in range(config.stages))

    def forward(
        self,
        bands: Tensor,
        prior: Tensor | None,
        discriminator: Discriminator,
        statistics: Statistics,
        estimate: Tensor | None = None,
    ) -> Tensor:
        """Hyperspectral image ``(N, C, H, W)``.

        Args:
            bands: ``S_u (N, c, H, W)``.
            prior: ``P (N, C, C)``; None takes the Gram matrix of the initial estimate.
            discriminator: in evaluation mode.
            statistics: of the image.
            estimate: where to start from, ``(N, C, H, W)``; an initial estimate of its own is added.

        Raises:
            ValueError: the network makes no initial estimate and none is given.
        """
        image = self._initial(bands, estimate)
        if prior is None:
            prior = gram(image, self.config.normalised)
        rest = None
        for module in self.stages:
            stage = cast(Stage, module)
            gradients = [stage.data(image, bands, self.response)]
            if stage.prior is not None:
                gradients.append(stage.prior(image, prior, statistics))
            if stage.projection is not None:
                steered = self._steer(discriminator, stage.projection, image, rest, statistics)
                gradients.append(steered.gradient)
                # u <- u - (f(a) - T) with f at the next a, of which the next stage knows.
                rest = steered.projected if rest is None else rest - steered.realness + steered.projected
            image = stage(image, gradients, statistics)
        return image

    def _initial(self, bands: Tensor, estimate: Tensor | None) -> Tensor:
        if self.start is None:
            if estimate is None:
                raise ValueError("This network makes no initial estimate: give one.")
            return estimate
        made: Tensor = self.start(bands)
        return made if estimate is None else estimate + made

    def _steer(
        self,
        discriminator: Discriminator,
        projection: Projection,
        image: Tensor,
        rest: Tensor | None,
        statistics: Statistics,
    ) -> Steered:
        frozen = self.config.frozen_realness
        if self.by_autograd:
            return autograd_gradient(discriminator, projection, image, rest, frozen)
        return adversarial_gradient(discriminator, projection, image, rest, statistics, frozen)
