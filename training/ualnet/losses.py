"""Losses of UALNet; ``measured (N, C, 1, 1)`` is 1 where the truth is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..losses import spectral_angle

_ANGLE = _SPECTRUM = 2.5e-3
_PRIOR = 5e-4
_CERTAIN = 1e-6


def published_loss(estimate: Tensor, truth: Tensor, measured: Tensor) -> Tensor:
    """Of a hyperspectral image ``(N, C, H, W)``: angle times error."""
    error = measured * (estimate - truth).abs()
    angles = spectral_angle(measured * estimate, measured * truth)
    return (angles * error.mean(dim=1) / measured.mean()).mean()


def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """``-log mean f(real) - log(1 - mean f(fake))``."""
    return -(real.mean() + _CERTAIN).log() - (1.0 - fake.mean() + _CERTAIN).log()


def deceiving_loss(fake: Tensor) -> Tensor:
    """``-log mean f(fake)``."""
    return -(fake.mean() + _CERTAIN).log()


def published_bands_loss(estimate: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 of the bands and of the magnitudes of their Fourier transforms, and the spectral angle."""
    spectra = (torch.fft.rfft2(image, norm="ortho").abs() for image in (estimate, truth))
    angle = spectral_angle(estimate, truth).mean()
    return F.smooth_l1_loss(estimate, truth) + _ANGLE * angle + _SPECTRUM * F.smooth_l1_loss(*spectra)


def prior_loss(prior: Tensor, gram: Tensor, measured: Tensor) -> Tensor:
    """Smooth L1 between spectral prior and Gram matrix of the truth ``(N, C, C)``."""
    known = measured[:, :, 0] * measured[:, None, :, 0, 0]
    return _PRIOR * F.smooth_l1_loss(known * prior, known * gram)
