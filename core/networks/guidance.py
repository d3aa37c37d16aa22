"""Coarse bands regressed on fine ones in the surroundings of each pixel, and what lies in one footprint.

A linear relation of the bands that holds between coarse pixels holds inside them too, nearly: fitted over
the means of the fine bands in the footprints, it is applied to the fine bands themselves. Their contrasts
with what is around take part in it, as coarse bands have a wider point spread and land is mixed. Where the
footprints lie follows from the image: within one, values repeat. Everything is local, so that a result
depends on a pixel's surroundings and not on how a scene was cut into tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .layers import NearMean, WindowMean

_FAINT = 1e-6  # contrast, in reflectance, that tells nothing of where footprints end
_PENALTY = 1e-6  # of the regression, beside the variance of the predictors (reflectance squared)
_ROUNDING = 1e-4  # likewise, relative to their squared mean: differences of squares lose the last digits
_TYPICAL = 0.2  # reflectance of land: products of smaller numbers lose fewer digits
_BORDER_REACH = 15  # rows (or columns) on both sides that tell where footprints end


def shifted(image: Tensor, pixels: int, dim: int) -> Tensor:
    """The image ``(N, bands, H, W)`` with each pixel's value from ``pixels`` farther along ``dim`` (2 or 3).

    Beyond the border its last value is repeated.
    """
    if not pixels:
        return image
    before, after = max(-pixels, 0), max(pixels, 0)
    pads = (before, after, 0, 0) if dim == 3 else (0, 0, before, after)
    wide = F.pad(image, pads, mode="replicate")
    part = slice(pixels, None) if pixels > 0 else slice(None, pixels)
    return wide[..., part] if dim == 3 else wide[:, :, part]


def _mean_along(image: Tensor, size: int, dim: int) -> Tensor:
    """Mean of ``size`` (odd) pixels along ``dim``, cut at the border of the image."""
    kernel, pad = ((1, size), (0, size // 2)) if dim == 3 else ((size, 1), (size // 2, 0))
    return F.avg_pool2d(image, kernel, 1, pad, count_include_pad=False)


class FootprintMean(nn.Module):
    """Mean over the footprint in which a pixel lies, of ``factor`` (even) pixels along each side.

    Footprints are the same for all rows, and for all columns: between them the coarse bands jump, inside not.
    Where coarse bands were interpolated, or are sharp, borders are found everywhere and the mean is that of
    near pixels.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def borders(self, coarse: Tensor, dim: int) -> Tensor:
        """Share ``(N, 1, H, W)`` of a border, 0 to 1, between each pixel and the next along ``dim``."""
        jump = (shifted(coarse, 1, dim) - coarse).abs().sum(dim=1, keepdim=True)
        jump = _mean_along(jump, 2 * _BORDER_REACH + 1, 5 - dim)
        half = self.factor // 2
        # Over one period, the pixels at both of its ends count half.
        inner = sum(shifted(jump, step, dim) for step in range(1 - half, half))
        period = inner + 0.5 * (shifted(jump, half, dim) + shifted(jump, -half, dim))
        share: Tensor = jump / (period + _FAINT)
        return share.clamp(max=1.0)

    def _along(self, image: Tensor, borders: Tensor, dim: int) -> Tensor:
        # Nothing goes on beyond the ends of the image.
        between = borders[..., :-1] if dim == 3 else borders[:, :, :-1]
        end, start = ((0, 1), (1, 0)) if dim == 3 else ((0, 0, 0, 1), (0, 0, 1, 0))
        total, count = image, torch.ones_like(borders)
        for direction, ends in ((1, end), (-1, start)):
            border = F.pad(between, ends, value=1.0)
            inside = torch.ones_like(borders)
            for step in range(self.factor - 1):
                inside = inside * (1.0 - shifted(border, direction * step, dim))
                total = total + inside * shifted(image, direction * (step + 1), dim)
                count = count + inside
        return total / count

    def forward(self, image: Tensor, borders: tuple[Tensor, Tensor]) -> Tensor:
        """Means of ``image`` (N, bands, H, W) over footprints with ``borders`` along rows and columns."""
        return self._along(self._along(image, borders[1], 3), borders[0], 2)


class LocalRegression(nn.Module):
    """Coarse bands at the resolution of the fine ones, by least squares around each pixel.

    ``x = w . (g - u) + mean(y - w . (m - u))``: ``g`` are the fine bands and their contrasts with what is
    around, ``m`` their means over the footprints of the coarse band ``y``, ``u`` those over the window, ``w``
    the regression of ``y`` on ``m`` there, near pixels more, and what it leaves over is smoothed.

    Args:
        factor: pixels along the side of a footprint, even.
        window: of the regression, see :class:`.layers.NearMean`.
        contrasts: sides in pixels of the squares around each pixel whose means are taken from the fine bands.
    """

    def __init__(self, factor: int, window: int, contrasts: Sequence[int] = ()) -> None:
        super().__init__()
        self.footprint = FootprintMean(factor)
        self.near = NearMean(window)
        self.around = nn.ModuleList(WindowMean(side) for side in contrasts)
        self.smooth = WindowMean(factor + 1)

    def forward(self, fine: Tensor, coarse: Tensor, borders: tuple[Tensor, Tensor]) -> Tensor:
        """Sharp bands ``(N, b, H, W)`` from ``fine`` (N, g, H, W) and ``coarse`` (N, b, H, W)."""
        contrasts = [fine - mean(fine) for mean in self.around]
        predictors = torch.cat([fine - _TYPICAL, *contrasts], dim=1)
        means = self.footprint(predictors, borders)
        bands = torch.cat([means, coarse - _TYPICAL], dim=1)
        mean = self.near(bands)
        weights = self._weights(bands, mean, predictors.shape[1])
        # Weights of a flat place are rounding: they must meet nothing but differences, which vanish there.
        usual = mean[:, : predictors.shape[1]]
        left = coarse - _combine(weights, means - usual)
        sharp: Tensor = _combine(weights, predictors - usual) + self.smooth(left)
        return sharp

    def _weights(self, bands: Tensor, mean: Tensor, count: int) -> list[Tensor]:
        """Regression on the first ``count`` of ``bands`` of the others: for each of these, weights
        ``(N, b, H, W)``. ``mean`` is that of ``bands`` near each pixel.

        Elimination (Gauss-Jordan) of the normal equations, one small system for each pixel.
        """
        rows: list[Tensor] = []
        penalties: list[Tensor] = []
        for one in range(count):
            # The products that earlier rows hold already are not taken again.
            known = [row[:, one : one + 1] for row in rows]
            later, here = slice(one, None), slice(one, one + 1)
            covariance = self.near(bands[:, later] * bands[:, here]) - mean[:, later] * mean[:, here]
            penalties.append(_PENALTY + _ROUNDING * mean[:, here].square())
            rows.append(torch.cat([*known, covariance[:, :1] + penalties[one], covariance[:, 1:]], dim=1))
        for pivot, penalty in enumerate(penalties):
            # Of every row, the column of the pivot comes first; it is done with afterwards.
            top = rows[pivot][:, 1:] / torch.maximum(rows[pivot][:, :1], penalty)
            rows = [
                top if place == pivot else row[:, 1:] - row[:, :1] * top for place, row in enumerate(rows)
            ]
        return rows


def _combine(weights: list[Tensor], predictors: Tensor) -> Tensor:
    """Sum of the predictors ``(N, g, H, W)``, each times its weights ``(N, b, H, W)``."""
    terms = [weight * predictors[:, one : one + 1] for one, weight in enumerate(weights)]
    return torch.stack(terms).sum(dim=0)
