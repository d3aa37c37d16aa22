"""How far around a tile a network's result depends on its input: measured, not derived."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from hyperlift.core.spectral import grid, sensor

from .data.sensing import Observer, View
from .data.spectra import WORKING_GRID

_CORE, _STEP = 16, 8


def rough_images(bands: int, side: int = 176) -> Tensor:
    """Random images ``(3, c, H, W)``, where far pixels matter most.

    One at one resolution, the same at native footprints, and at native footprints one of few materials, of
    whose bands regressions are least certain.
    """
    random = np.random.default_rng(2)
    sharp = 0.6 * random.random((bands, side, side), dtype=np.float32)
    mixed = 0.3 * np.tensordot(random.random((bands, 2)), random.random((2, side, side)), axes=1)
    few = (mixed + 0.003 * random.random((bands, side, side))).astype(np.float32)
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    seen = [observer.degrade(image, View(native=True)) for image in (sharp, few)]
    return torch.from_numpy(np.stack([sharp, *seen]))


@torch.no_grad()
def measure_halo(
    lift: Callable[[Tensor], Tensor], images: Tensor, factor: int = 1, tolerance: float = 2e-5
) -> int:
    """Pixels around a tile that its result depends on by more than ``tolerance`` reflectance.

    Args:
        lift: ``(N, c, H, W)`` -> ``(N, C, factor * H, factor * W)``.
        images: as :func:`rough_images` gives them.
        factor: output pixels per input pixel along each side.
        tolerance: see above.

    Returns:
        A multiple of eight.
    """
    middle = (images.shape[2] - _CORE) // 2

    def result(halo: int) -> Tensor:
        near, inside = (
            slice(middle - halo, middle + _CORE + halo),
            slice(factor * halo, factor * (halo + _CORE)),
        )
        return lift(images[:, :, near, near])[:, :, inside, inside]

    whole = result(middle)
    for halo in range(_STEP, middle, _STEP):
        if (result(halo) - whole).abs().max() < tolerance:
            return halo
    return middle
