"""The adversarial gradient ``g3 = d/da [ mu/2 || f(a) - T - u ||^2 ]`` written as forward operations.

In the published iteration nothing is detached: ``T`` depends on ``f(a)``, and from the second stage ``u``
holds ``-f(a)`` of the same ``a``. So with ``q = n f(a) - rest`` (``n`` = 1 in the first stage, 2 later) the
loss is ``mu/2 ||q - T(q)||^2``, its gradient at ``f`` is ``n mu (r - J_T^T r)`` with ``r = q - T(q)``, and
``g3`` is the discriminator's vector-Jacobian product of that.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .discriminator import POOL, Discriminator, Encoder, Realness, gelu_slope
from .projection import MU, Projection
from .statistics import Statistics


class Steered(NamedTuple):
    """``gradient (N, C, H, W)``, and of the same image the discriminator's answer and ``T``, alike."""

    gradient: Tensor
    realness: Tensor
    projected: Tensor


def adversarial_gradient(
    discriminator: Discriminator,
    projection: Projection,
    image: Tensor,
    rest: Tensor | None,
    statistics: Statistics,
    frozen_realness: bool = False,
) -> Steered:
    """``g3`` at ``image (N, C, H, W)``.

    Args:
        discriminator: in evaluation mode.
        projection: of the stage.
        image: ``a``.
        rest: ``u + T`` of the stage before, None in the first.
        statistics: those of the image.
        frozen_realness: whether the vector of bands is taken for constant.
    """
    count = 1.0 if rest is None else 2.0
    trace = discriminator.encoder.trace(image)
    features = F.gelu(trace[-1])
    near = discriminator.near(features)
    pixels: Tensor = discriminator.pixels(F.gelu(near)).sigmoid()
    realness = Realness(statistics.take(discriminator.vector(features)), pixels)
    answer = realness.image()
    q = count * answer if rest is None else count * answer - rest
    found = projection.of_realness(realness, count, rest, statistics)
    projected = found.image()
    r = q - projected
    back = projection.back_to_convolved(found, r)
    to_pixels = (realness.vector * r).sum(dim=1, keepdim=True) - projection.back_to_pixels(found, back)
    to_pixels = count * MU * to_pixels * pixels * (1.0 - pixels)
    to_near = to_pixels * discriminator.pixels.weight.view(1, -1, 1, 1) * gelu_slope(near)
    to_features = adjoint(discriminator.near, to_near)
    if not frozen_realness:
        to_vector = (pixels * r).sum(dim=(2, 3), keepdim=True) - projection.back_to_vector(realness, back)
        to_scores = count * MU * to_vector * realness.vector * (1.0 - realness.vector)
        to_features = to_features + _back_to_features(discriminator, features, to_scores)
    gradient = _back_to_image(discriminator.encoder, trace, to_features)
    return Steered(gradient, answer, projected)


def autograd_gradient(
    discriminator: Discriminator,
    projection: Projection,
    image: Tensor,
    rest: Tensor | None,
    frozen_realness: bool = False,
) -> Steered:
    """The same by automatic differentiation, for comparison; arguments as there."""
    with torch.enable_grad():
        image = image if image.requires_grad else image.detach().requires_grad_()
        realness = discriminator(image)
        vector = realness.vector.detach() if frozen_realness else realness.vector
        answer = vector * realness.pixels
        q = answer if rest is None else 2.0 * answer - rest
        projected = projection(q)
        loss = 0.5 * MU * (q - projected).square().sum()
        (gradient,) = torch.autograd.grad(loss, image)
    return Steered(gradient, answer.detach(), projected.detach())


def adjoint(conv: nn.Conv2d, image: Tensor) -> Tensor:
    """Adjoint of a 3x3 convolution that keeps the size of its image."""
    return F.conv2d(image, conv.weight.transpose(0, 1).flip(2, 3), padding=1)


def _back_to_features(discriminator: Discriminator, features: Tensor, to_scores: Tensor) -> Tensor:
    """Gradient at the features from that at the scores of the bands, before their sigmoid."""
    first, second = (cast(nn.Conv2d, conv) for conv in discriminator.coarse)
    padded = discriminator.pool(features)
    pooled, places = F.max_pool2d(padded, POOL, return_indices=True)
    maps = first(pooled)
    rounded = F.gelu(maps)
    small, small_places = F.max_pool2d(rounded, POOL, return_indices=True)
    last = second(small)
    back = F.conv2d(to_scores, discriminator.bands.weight.transpose(0, 1))
    back = back / torch.ones_like(last[:1, :1]).sum() * gelu_slope(last)
    back = _unpool(adjoint(second, back), small_places, rounded) * gelu_slope(maps)
    back = _unpool(adjoint(first, back), places, padded)
    return back if padded is features else _unpad(back, features)


def _unpool(back: Tensor, places: Tensor, image: Tensor) -> Tensor:
    """What comes back to an image from its largest values: by their places, for several may be equal."""
    empty = torch.zeros_like(image).flatten(2)
    return empty.scatter(2, places.flatten(2), back.flatten(2)).view_as(image)


def _unpad(back: Tensor, features: Tensor) -> Tensor:
    """Adjoint of repeating the last row and column."""
    height, width = features.shape[2:]
    rows = torch.cat([back[:, :, : height - 1], back[:, :, height - 1 :].sum(dim=2, keepdim=True)], dim=2)
    return torch.cat([rows[..., : width - 1], rows[..., width - 1 :].sum(dim=3, keepdim=True)], dim=3)


def _back_to_image(encoder: Encoder, trace: list[Tensor], back: Tensor) -> Tensor:
    """Gradient at the encoder's image from that at its features."""
    for place in reversed(range(len(trace))):
        if place % 2 == 0:
            norm = cast(nn.BatchNorm2d, encoder.norms[place // 2])
            back = back * (norm.weight / (cast(Tensor, norm.running_var) + norm.eps).sqrt()).view(1, -1, 1, 1)
        back = adjoint(cast(nn.Conv2d, encoder.convs[place]), back * gelu_slope(trace[place]))
    return back
