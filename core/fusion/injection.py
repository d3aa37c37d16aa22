"""Detail of a photograph in the terms of abundances, by regressions in the neighbourhood of each pixel.

The gains by which detail counts are those between coarse abundances and the photograph as the coarse pixels
see it, in a Gaussian window: the local form of what Aiazzi, Baronti and Selva (2007) call adaptive
Gram-Schmidt sharpening (GSA) and context-based gains. Where a window says little they fall back to the
scene's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..raster.blocks import MaskArray, PixelArray, Window
from ..registration import Relation
from .resampling import CUBIC_HALO, observation_halo, observe, upsample

_WINDOW = 2.5  # standard deviation of the neighbourhood in coarse pixels
_TRUNCATE = 2.4
_RADIUS = int(_TRUNCATE * _WINDOW + 0.5)
_TRUST = 0.1  # share of the photograph's variance in the scene that the scene's gains count for
_COVERED = 0.99
_LOCAL = (0.1, 0.4)  # share explained in the neighbourhood at which detail begins to count, and counts fully


@dataclass(frozen=True, eq=False)
class Detail:
    """Detail ``(k, H, W)`` of abundances and how far it is trusted ``(H, W)``, 0 to 1."""

    pixels: PixelArray
    trust: PixelArray


def injection_halo(blur: float) -> int:
    """Coarse pixels around a window that its detail depends on."""
    return _RADIUS + CUBIC_HALO + observation_halo(blur)


def photo_detail(
    abundances: PixelArray,
    valid: MaskArray,
    photo: PixelArray,
    covered: MaskArray,
    outer: Window,
    window: Window,
    scale: int,
    shape: tuple[int, int],
    blur: float,
    relation: Relation,
) -> Detail:
    """Detail at the fine pixels of the coarse ``window``.

    Args:
        abundances: ``(k, h, w)`` at the coarse pixels of ``outer``: the window with :func:`injection_halo`
            around, cut at the image.
        valid: of them.
        photo: ``(c, scale * h, scale * w)`` at the fine pixels of ``outer``.
        covered: where the photograph has data.
        outer: as said.
        window: coarse pixels that detail is asked for.
        scale: fine pixels for each coarse one along each side.
        shape: rows and columns of the coarse image.
        blur: standard deviation of the coarse image's point spread in its pixels.
        relation: of image and photograph in the scene; the photograph is in its tone.
    """
    seen_window = window.expanded(_RADIUS + CUBIC_HALO, shape)
    planes = np.concatenate([photo, covered[None].astype(np.float32)])
    seen = observe(planes, outer, seen_window, scale, shape, blur)
    seen, usable = seen[:-1], (seen[-1] > _COVERED) & valid[seen_window.within(outer)]
    rows, columns = seen_window.within(outer)
    local, explained = _local_gains(abundances[:, rows, columns], seen, usable, relation)
    trust = np.clip((explained - _LOCAL[0]) / (_LOCAL[1] - _LOCAL[0]), 0.0, 1.0)
    c, k = relation.gains.shape
    coarse = np.concatenate([(local * trust).reshape(c * k, *trust.shape), trust[None], seen]).astype(
        np.float32
    )
    fine = upsample(coarse, seen_window, window, scale, shape)
    inside = window.scaled(scale).within(outer.scaled(scale))
    sharp = (photo[:, inside[0], inside[1]] - fine[c * k + 1 :]) * covered[inside]
    detail = np.einsum("ckhw,chw->khw", fine[: c * k].reshape(c, k, *sharp.shape[1:]), sharp)
    return Detail(detail.astype(np.float32), np.clip(fine[c * k], 0.0, 1.0) * covered[inside])


def _local_gains(
    abundances: PixelArray, seen: PixelArray, usable: MaskArray, relation: Relation
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gains ``(c, k, h, w)`` of each neighbourhood, and the share of the variance that they explain."""
    (c, k), weight = relation.gains.shape, usable.astype(np.float64)
    photo = seen / relation.spread[:, None, None]
    planes = [*photo, *abundances]
    amount = np.maximum(_mean(weight), 1e-6)
    means = np.stack([_mean(plane * weight) for plane in planes]) / amount
    moment = np.empty((*usable.shape, c + k, c + k))
    for i in range(c + k):
        for j in range(i, c + k):
            if i < c or i == j:
                product = _mean(planes[i] * planes[j] * weight) / amount - means[i] * means[j]
                moment[..., i, j] = moment[..., j, i] = product
    scene = relation.gains * relation.spread[:, None]
    prior = _TRUST * np.eye(c)
    cross = moment[..., :c, c:]
    local = np.linalg.solve(moment[..., :c, :c] + prior, cross + prior @ scene)
    variance = np.stack([moment[..., c + i, c + i] for i in range(k)], axis=-1)
    fitted = 2.0 * np.einsum("hwck,hwck->hwk", local, cross)
    fitted -= np.einsum("hwck,hwcd,hwdk->hwk", local, moment[..., :c, :c], local)
    share = fitted.sum(axis=-1) / np.maximum(variance.sum(axis=-1), 1e-12)
    local = local / relation.spread[None, None, :, None]
    return local.transpose(2, 3, 0, 1), np.where(amount > 1e-3, share, 0.0)


def _mean(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    mean: npt.NDArray[np.float64] = gaussian_filter(
        plane.astype(np.float64), _WINDOW, mode="constant", truncate=_TRUNCATE
    )
    return mean
