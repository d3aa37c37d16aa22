"""How near estimated responses are to the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperlift.core.spectral import Grid
from hyperlift.core.spectral.band_shapes import BandShapes

_SMOOTH_NM = 20.0  # full width at half maximum to which rows are smoothed before their angle is taken


@dataclass(frozen=True)
class ResponseScore:
    """Errors of the bands of one camera in one scene, each a list over bands.

    Attributes:
        camera, scene, method: what was estimated, where and how.
        centre_nm: distance of the centroids in nm.
        width: relative error of the full width at half maximum.
        angle: between rows smoothed to 20 nm, in degrees.
        covered: whether centre and width lie within two of their stated deviations, where there are such.
    """

    camera: str
    scene: str
    method: str
    centre_nm: tuple[float, ...]
    width: tuple[float, ...]
    angle: tuple[float, ...]
    covered: tuple[bool, ...] = ()


def smoothed(rows: np.ndarray, on: Grid) -> np.ndarray:
    """Rows ``(c, C)`` smoothed to 20 nm."""
    deviation = _SMOOTH_NM / np.sqrt(8.0 * np.log(2.0))
    weight = np.exp(-0.5 * ((on.wavelength_nm[:, None] - on.wavelength_nm) / deviation) ** 2)
    return rows @ (weight / weight.sum(axis=1, keepdims=True))


def score_response(
    names: tuple[str, str, str],
    estimate: np.ndarray,
    truth: np.ndarray,
    on: Grid,
    deviations: tuple[np.ndarray, np.ndarray] | None = None,
) -> ResponseScore:
    """Errors of an estimate ``(c, C)``.

    Args:
        names: camera, scene and method.
        estimate: rows.
        truth: likewise.
        on: their grid.
        deviations: stated ones of the centres in nm and of the widths as shares.
    """
    shapes = BandShapes(on)
    (centre, width), (true_centre, true_width) = (shapes.centre_and_width(one) for one in (estimate, truth))
    away, wide = np.abs(centre - true_centre), np.abs(width / true_width - 1.0)
    one, other = smoothed(estimate, on), smoothed(truth, on)
    cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    covered: tuple[bool, ...] = ()
    if deviations is not None:
        inside = (away <= 2.0 * deviations[0]), np.abs(np.log(width / true_width)) <= 2.0 * deviations[1]
        covered = tuple(bool(one) for one in np.concatenate(inside))
    angle = np.degrees(np.arccos(cosine.clip(-1.0, 1.0)))
    return ResponseScore(*names, *(tuple(map(float, values)) for values in (away, wide, angle)), covered)


def response_table(scores: Sequence[ResponseScore]) -> str:
    """Medians over bands and scenes of each camera and method, and over all cameras, as a Markdown table."""
    lines = [
        "| camera | response | centre nm | width % | angle deg | within two deviations % |",
        "|---|---|---|---|---|---|",
    ]
    cameras = [*dict.fromkeys(one.camera for one in scores), None]
    for camera in cameras:
        for method in dict.fromkeys(one.method for one in scores):
            group = [one for one in scores if one.method == method and camera in (None, one.camera)]
            medians = [
                np.median(np.concatenate([getattr(one, word) for one in group]))
                for word in ("centre_nm", "width", "angle")
            ]
            covered = np.concatenate([one.covered for one in group])
            said = f"{100 * covered.mean():.0f}" if len(covered) else ""
            lines.append(
                f"| {camera or '**all**'} | {method} | {medians[0]:.1f} | {100 * medians[1]:.0f} | "
                f"{medians[2]:.1f} | {said} |"
            )
    return "\n".join(lines) + "\n"
