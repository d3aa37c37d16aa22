"""A loss that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor

_DARK = 0.05  # reflectance added to the brightness of a band, to which its error is relative
_PERFECT = 1e-3  # such an error, below which little is gained


def log_rmse(estimate: Tensor, truth: Tensor) -> Tensor:
    """Mean logarithm of the root mean square error of each band of each scene: all gain alike, easy or hard.

    The error is relative to the brightness of the band in its scene. But for a factor and a constant for each
    scene this is minus the PSNR.

    Args:
        estimate: ``(N, bands, H, W)``.
        truth: alike; a band in which anything is NaN does not count in that scene.
    """
    known = truth.isfinite().all(dim=(2, 3))
    there = torch.where(known[:, :, None, None], truth, 0.0)
    brightness = there.mean(dim=(2, 3), keepdim=True) + _DARK
    error = torch.where(known[:, :, None, None], (estimate - there) / brightness, 0.0).square()
    return 0.5 * (error.mean(dim=(2, 3))[known] + _PERFECT**2).log().mean()
