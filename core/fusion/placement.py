"""Where a photograph lies over an image, as far as their georeferences say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from ..raster.blocks import Georeference, Source
from ..registration import Affine
from .photograph import place_by_extent

FloatArray = npt.NDArray[np.float64]
Project = Callable[[FloatArray, FloatArray, str, str], tuple[FloatArray, FloatArray]]
"""``(x, y, from, to) -> (x, y)`` between coordinate systems given as WKT."""


def place_photograph(image: Source, photo: Source, project: Project | None = None) -> tuple[Affine, str]:
    """From the image's pixels (x, y, from its corner) to the photograph's, and a sentence on how it is known.

    Between different coordinate systems it is the affine transform nearest to the true one on some points.

    Raises:
        RasterError: both are georeferenced and do not overlap, or nobody can bring their systems together.
    """
    own, other = image.georeference, photo.georeference
    unknown = [name for name, place in (("image", own), ("reference", other)) if not place.known]
    if unknown:
        words = "neither image nor reference is" if len(unknown) == 2 else f"the {unknown[0]} is not"
        return place_by_extent(image.shape, photo.shape), (
            f"The extent of the reference was taken as that of the image, because {words} georeferenced."
        )
    rows, columns = image.shape
    y, x = (
        grid.ravel()
        for grid in np.meshgrid(*(np.linspace(0, side, 5) for side in (rows, columns)), indexing="ij")
    )
    there = _affine(own)(x, y)
    if own.crs_wkt and other.crs_wkt and own.crs_wkt != other.crs_wkt:
        if project is None:
            raise RasterError(
                "Image and reference have different coordinate systems; warp the reference to that of the "
                "image."
            )
        there = project(*there, own.crs_wkt, other.crs_wkt)
    at = np.column_stack(_affine(other).inverse()(*there))
    if not np.isfinite(at).all() or not _overlap(at, photo.shape):
        raise RasterError(
            f"The reference '{photo.name}' does not lie where the image lies; choose one that shows the same "
            "ground, or remove its georeference if that is wrong."
        )
    solution = np.linalg.lstsq(np.column_stack([x, y, np.ones(len(x))]), at, rcond=None)[0]
    return Affine(solution[:2].T, solution[2]), "The reference was placed by its georeference."


def _affine(place: Georeference) -> Affine:
    x0, dx, rx, y0, ry, dy = place.transform
    return Affine(np.array([[dx, rx], [ry, dy]]), np.array([x0, y0]))


def _overlap(at: FloatArray, shape: tuple[int, int]) -> bool:
    low, high = at.min(axis=0), at.max(axis=0)
    return bool((high > 0).all() and low[0] < shape[1] and low[1] < shape[0])
