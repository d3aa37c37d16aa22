"""The response of a scene's camera, stage by stage on a sample of the scene.

One response for a whole scene: in each stage the network runs on the sample, ``Y X^T`` and ``X X^T`` are
added up, and the closed-form R-step of section 3 is solved in float64; centres that were given are held.
Then the responses of all stages stay as they are for the whole image, so that the result does not depend on
the tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from ..raster.blocks import MaskArray, PixelArray
from ..spectral.band_shapes import FAINT
from ..spectral.grids import FloatArray, Grid
from .blind_model import ResponseModel
from .graph_session import or_on_processor
from .scene import STF
from .session import Session

_SMOOTH_NM = 15.0  # as in training


@dataclass(frozen=True, eq=False)
class SampleWindow:
    """A part of the sample: reflectance (c, h, w), and which pixels of it count."""

    pixels: PixelArray
    counts: MaskArray


def back_projection(response: FloatArray, alpha: float) -> FloatArray:
    """``R^T (R R^T + alpha I)^-1``, shape ``(C, c)`` (Woodbury), of ``R`` (c, C)."""
    gram = response @ response.T + alpha * np.eye(len(response))
    return np.asarray(np.linalg.solve(gram, response).T, np.float64)


def response_step(cross: FloatArray, gram: FloatArray, target: FloatArray, beta: float) -> FloatArray:
    """``(Y X^T / P + beta Q)(X X^T / P + beta I)^-1``, shape ``(c, C)``.

    ``cross`` is ``Y X^T / P`` (c, C), ``gram`` ``X X^T / P`` (C, C), ``target`` ``Q`` (c, C).
    """
    found = np.linalg.solve(gram + beta * np.eye(len(gram)), (cross + beta * target).T)
    return np.asarray(found.T, np.float64)


def smoothing_matrix(grid: Grid) -> FloatArray:
    """Averages over near wavelengths, ``(C, C)``."""
    distance = (grid.wavelength_nm[:, None] - grid.wavelength_nm) / _SMOOTH_NM
    weight = np.exp(-0.5 * distance**2)
    smoothing: FloatArray = weight / weight.sum(axis=1, keepdims=True)
    return smoothing


def physical(start: FloatArray, found: FloatArray, smoothing: FloatArray) -> FloatArray:
    """Non-negative rows of unit sum: ``start`` and the smooth part of what ``found`` differs by."""
    rows = np.maximum(start + (found - start) @ smoothing, 0.0)
    rows[rows < FAINT * rows.max(axis=1, keepdims=True)] = 0.0
    total = rows.sum(axis=1, keepdims=True)
    return np.where(total > 0, rows / np.maximum(total, 1e-12), start)


def recentred(rows: FloatArray, centre_nm: FloatArray, wavelength_nm: FloatArray) -> FloatArray:
    """Rows of unit sum ``(c, C)`` tilted so that their centroids are ``centre_nm`` (c,), or come near.

    The twin of :func:`..networks.stf.recentred`, where the formula is.
    """
    centroid = (rows @ wavelength_nm)[:, None]
    away = wavelength_nm - centroid
    variance = np.maximum((rows * away**2).sum(axis=1, keepdims=True), 1e-9)
    tilted = rows * np.maximum(1.0 + (centre_nm[:, None] - centroid) / variance * away, 0.0)
    found: FloatArray = tilted / tilted.sum(axis=1, keepdims=True)
    return found


def constants(model: ResponseModel, responses: Sequence[FloatArray]) -> dict[str, npt.NDArray[np.float32]]:
    """What the network is fed beside the image.

    ``responses`` are those of the stages and the last one, ``K + 1`` times ``(c, C)``.
    """
    start = model.mixture.start(responses[0])
    *early, last = responses
    backs = [back_projection(one, alpha) for one, alpha in zip(responses, model.alpha)]
    tables: Mapping[str, FloatArray] = {
        STF: last,
        "stf_back": backs[-1],
        "responses": np.array(early),
        "backs": np.array(backs[:-1]),
        "centre": start.centre,
        "whitening": start.whitening,
        "constant": start.constant,
        "gain": start.gain,
    }
    return {name: table.astype(np.float32) for name, table in tables.items()}


def estimate_responses(
    session: Session,
    model: ResponseModel,
    first: FloatArray,
    sample: Sequence[SampleWindow],
    grid: Grid,
    centred: bool = False,
) -> list[FloatArray]:
    """Responses of the stages and the last one, ``K + 1`` times ``(c, C)``, from the one to start with.

    When a graphics card fails the processor goes on, which the session's warnings say.
    ``centred`` keeps the centroids of that one, as near as a tilt of the rows can: nominal centres are known
    better than a scene tells them. A tilted row can hold channels fainter than :data:`FAINT` of its maximum.

    Raises:
        ModelError: the network fails.
        CancelledError: the session was interrupted.
    """
    centre_nm = first @ grid.wavelength_nm
    order = np.argsort(centre_nm)
    back = np.argsort(order)
    smoothing = smoothing_matrix(grid)
    responses = [first]
    for stage in range(model.stages):
        known = [*responses, *[responses[-1]] * (model.stages - stage)]
        session.constants = constants(model, known)
        cross, gram = _moments(session, sample, f"state_{stage + 1}")
        target = model.target(stage, responses[-1][order])[back]
        found = response_step(cross, gram, target, model.beta[stage])
        response = physical(responses[-1], found, smoothing)
        responses.append(recentred(response, centre_nm, grid.wavelength_nm) if centred else response)
    return responses


def _moments(session: Session, sample: Sequence[SampleWindow], output: str) -> tuple[FloatArray, FloatArray]:
    """``Y X^T / P`` and ``X X^T / P`` over the sample, in float64, with ``X`` an output of the network."""
    cross: FloatArray = np.zeros(())
    gram: FloatArray = np.zeros(())
    count = 0
    for window in sample:
        run = partial(session.run, window.pixels, output=output)
        image = or_on_processor(session, run, session.warnings.append)[:, window.counts].astype(np.float64)
        bands = window.pixels[:, window.counts].astype(np.float64)
        cross, gram = cross + bands @ image.T, gram + image @ image.T
        count += image.shape[1]
    return cross / count, gram / count
