"""Losses that several networks share: accuracy as it is measured, every scene counting alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_DARK = 0.05  # reflectance added to the brightness of a band, to which its error is relative
_PERFECT = 1e-3  # such an error, or an angle in radians, below which little is gained


def spectral_angle(estimate: Tensor, truth: Tensor) -> Tensor:
    """Angle in radians between spectra (N, C, ...), shape (N, ...), with a finite gradient at zero."""
    chord = F.normalize(estimate, dim=1, eps=1e-4) - F.normalize(truth, dim=1, eps=1e-4)
    half = (chord.square().sum(dim=1) + 1e-10).sqrt() / 2
    return 2.0 * torch.asin(half.clamp(max=0.999))


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


def log_angle(estimate: Tensor, truth: Tensor) -> Tensor:
    """Mean logarithm of the mean spectral angle of each scene: dark pixels count, which errors hardly show.

    Args:
        estimate: ``(N, bands, H, W)``.
        truth: alike; a band in which anything is NaN does not count in that scene.
    """
    known = truth.isfinite().all(dim=(2, 3))[:, :, None, None]
    angle = spectral_angle(torch.where(known, estimate, 0.0), torch.where(known, truth, 0.0))
    return (angle.mean(dim=(1, 2)) + _PERFECT).log().mean()
