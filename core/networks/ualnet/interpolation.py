"""Interpolation to the grid of the target."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .config import SCALE


def enlarge(image: Tensor, aligned_corners: bool = False) -> Tensor:
    """Bicubic interpolation of ``image (N, bands, H, W)`` to twice the rows and columns.

    Unless corners are aligned, pixel areas are: an output pixel's centre lies a quarter of an input pixel
    from the nearest input pixel's.
    """
    return F.interpolate(image, scale_factor=SCALE, mode="bicubic", align_corners=aligned_corners)
