"""The response's part of PGU-Net: its proximal network, its closed-form solution and what keeps it physical.

The spectral transformation function (STF) ``R`` is a ``c x C`` matrix: band ``b`` of a camera sees
``R[b] @ spectrum``. Rows are non-negative, of unit sum and smooth.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..spectral.band_shapes import FAINT

_SMOOTH_NM = 15.0
_HEADS = 2


def smoothing_matrix(wavelength_nm: Tensor, deviation_nm: float = _SMOOTH_NM) -> Tensor:
    """Averages over near wavelengths, ``(C, C)``: ``row @ smoothing`` is a smooth row of the same sum."""
    distance = (wavelength_nm[:, None] - wavelength_nm) / deviation_nm
    weight = torch.exp(-0.5 * distance.square())
    return weight / weight.sum(dim=1, keepdim=True)


def physical(start: Tensor, found: Tensor, smoothing: Tensor) -> Tensor:
    """A physical response near ``found`` (c, C): the smooth part of its change from ``start``, which is one.

    Only the change is smoothed, so that rows do not widen from stage to stage. What stays below a share of a
    row's maximum is none of its band.
    """
    row = F.relu(start + (found - start) @ smoothing)
    row = torch.where(row < FAINT * row.amax(dim=1, keepdim=True), torch.zeros_like(row), row)
    total = row.sum(dim=1, keepdim=True)
    return torch.where(total > 0, row / total.clamp(min=1e-12), start)


def recentred(row: Tensor, centre_nm: Tensor, wavelength_nm: Tensor) -> Tensor:
    """Rows of unit sum ``(c, C)`` tilted so that their centroids are ``centre_nm`` (c,), all in nm.

    ``r (1 + k (w - m))``, ``m`` the centroid of ``r`` and ``k`` the way to go over the variance: the sum and
    zeros stay. Where it would be negative it is cut, and the centroid comes near.
    """
    centroid = (row @ wavelength_nm)[:, None]
    away = wavelength_nm - centroid
    variance = (row * away.square()).sum(dim=1, keepdim=True).clamp(min=1e-9)
    tilted = row * F.relu(1.0 + (centre_nm[:, None] - centroid) / variance * away)
    return tilted / tilted.sum(dim=1, keepdim=True)


def back_projection(response: Tensor, alpha: Tensor) -> Tensor:
    """``R^T (R R^T + alpha I)^-1``, shape ``(C, c)``, of a response ``(c, C)``: the inverse is ``c x c``.

    With it the X-step of section 3, ``(R^T R + alpha I)^-1 (R^T Y + alpha Z)``, is ``Z + B (Y - R Z)``
    (Woodbury).
    """
    gram = response @ response.T + alpha * torch.eye(len(response), dtype=response.dtype)
    back: Tensor = torch.linalg.solve(gram, response).T
    return back


def response_step(cross: Tensor, gram: Tensor, target: Tensor, beta: Tensor) -> Tensor:
    """``(Y X^T / P + beta Q)(X X^T / P + beta I)^-1``, shape ``(c, C)``.

    Args:
        cross: ``Y X^T / P`` (c, C), divided by the number of pixels.
        gram: ``X X^T / P`` (C, C).
        target: ``Q`` (c, C), the proximal network's response.
        beta: positive weight of it.
    """
    normal = gram + beta * torch.eye(len(gram), dtype=gram.dtype)
    found: Tensor = torch.linalg.solve(normal, (cross + beta * target).T).T
    return found


class PNet(nn.Module):
    """``Q = R + f(R)``: the response as an image, parallel convolutions, and a transformer over its bands.

    Three convolutions of different sizes see the rows as an image; what they find, projected from the ``C``
    channels, makes one token for each band; the bands look at each other, and the answer is projected back.
    Rows must be in the order of their centres. ``f`` starts as zero.
    """

    def __init__(self, channels: int, features: int = 6, width: int = 24) -> None:
        super().__init__()
        sizes = ((1, 3), (3, 3), (3, 7))
        self.parallel = nn.ModuleList(
            nn.Conv2d(1, features, size, padding=(size[0] // 2, size[1] // 2)) for size in sizes
        )
        self.fuse = nn.Conv2d(len(sizes) * features, 1, 1)
        self.inward = nn.Linear(channels, width)
        self.mixing = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.first_norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.outward = nn.Linear(width, channels)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, response: Tensor) -> Tensor:
        """Response ``(c, C)`` to the target ``Q`` (c, C) of the R-step."""
        scaled = response * response.shape[1]  # rows of unit sum have small numbers
        image = scaled[None, None]
        found = torch.cat([F.gelu(conv(image)) for conv in self.parallel], dim=1)
        tokens = self.inward((image + self.fuse(found))[0, 0])
        tokens = tokens + self._attend(self.first_norm(tokens))
        tokens = tokens + self.feed(self.second_norm(tokens))
        change: Tensor = self.outward(tokens) / response.shape[1]
        return response + change

    def _attend(self, tokens: Tensor) -> Tensor:
        """Attention of the bands to each other, ``(c, width)``."""
        query, key, value = (
            part.unflatten(1, (_HEADS, -1)).transpose(0, 1) for part in self.mixing(tokens).chunk(3, dim=1)
        )
        weight = (query @ key.transpose(1, 2) * query.shape[-1] ** -0.5).softmax(dim=-1)
        joint: Tensor = self.merge((weight @ value).transpose(0, 1).flatten(1))
        return joint
