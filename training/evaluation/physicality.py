"""Whether estimated spectra are ones that nature could have made: negative values and ringing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .scores import HeldOutScene

# Neighbours of a channel that are farther apart lie on two sides of a gap.
_WIDEST_NM = 40.0
# Channels of one detector are 9 nm and more apart; where detectors join, they overlap.
_OVERLAP_NM = 8.5
TRUTH = "truth"  # what stands for the method of the cubes themselves


@dataclass(frozen=True)
class Physicality:
    """How physical a method's spectra are.

    Attributes:
        scene: name of the held-out cube.
        footprints: as in :class:`.scores.Score`.
        method: what made the estimate, or :data:`TRUTH`.
        negative: share of values below zero.
        joins: mean departure of a channel from the line between its neighbours, where detectors join.
        elsewhere: likewise, elsewhere. Both in reflectance; above the truth's they are ringing.
    """

    scene: str
    footprints: str
    method: str
    negative: float
    joins: float
    elsewhere: float


def physicality(scene: HeldOutScene, method: str, estimate: np.ndarray) -> Physicality:
    """Negative values and ringing of an estimate ``(tiles, C, H, W)``, in measured channels."""
    order = np.argsort(scene.wavelength_nm)
    order = order[scene.measured[order]]
    at_nm = scene.wavelength_nm[order]
    spectra = estimate.swapaxes(0, 1)[order][:, scene.present]
    departure = np.abs(second_differences(spectra, at_nm)).mean(axis=1)
    spacing = np.diff(at_nm)
    near = spacing[:-1] + spacing[1:] < _WIDEST_NM
    join = np.minimum(spacing[:-1], spacing[1:]) < _OVERLAP_NM
    return Physicality(
        scene.name,
        scene.footprints,
        method,
        float((spectra < 0).mean()),
        *(float(departure[near & part].mean()) if (near & part).any() else 0.0 for part in (join, ~join)),
    )


def second_differences(spectra: np.ndarray, at_nm: np.ndarray) -> np.ndarray:
    """Departures ``(C - 2, n)`` of the inner channels of ``spectra`` (C, n) from the line between neighbours.

    On an even grid half of the negative second difference.
    """
    share = ((at_nm[1:-1] - at_nm[:-2]) / (at_nm[2:] - at_nm[:-2]))[:, None]
    return spectra[1:-1] - ((1 - share) * spectra[:-2] + share * spectra[2:])
