"""Two images taken apart, for a report that sets them beside each other: in pairs, and in one unit."""

from __future__ import annotations

import copy
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from ..core.errors import HyperLiftError
from ..core.inference.calibration import PRODUCT_SCALE, calibrate
from ..core.raster.blocks import Window
from ..core.raster.gdal_backend import GdalSource
from ..core.raster.output import require_distinct
from ..core.unmixing.image import ImagePixels
from .unmixing_jobs import Separation


def in_reflectance(separation: Separation, path: str) -> Separation:
    """A separation of the image at ``path`` with spectra and residuals in reflectance; abundances stay.

    Integers whose file states no scale are taken for digital numbers, as in spectral super-resolution; what
    else the file holds, 8-bit pictures too, keeps its unit.

    Raises:
        RasterError: the image cannot be opened or read.
    """
    with closing(GdalSource(path)) as source:
        if source.calibration is not None:
            return replace(separation, unit="scaled as the file states")
        if source.dtype.kind not in "iu" or source.dtype.itemsize == 1:
            return replace(separation, unit="the numbers as the file holds them")
        found = calibrate(source, ImagePixels(source).bands, Window(0, 0, *source.shape), PRODUCT_SCALE)
    return _scaled(separation, float(found.scale[0]), found.how.rstrip("."))


def _scaled(separation: Separation, factor: float, unit: str) -> Separation:
    library, summary = separation.extraction.library, separation.summary
    residual = copy.copy(separation.residual)
    residual.pixels = residual.pixels * factor
    return replace(
        separation,
        unit=unit,
        extraction=replace(separation.extraction, library=replace(library, spectra=library.spectra * factor)),
        summary=replace(
            summary,
            rmse_mean=summary.rmse_mean * factor,
            rmse_percentiles={share: value * factor for share, value in summary.rmse_percentiles.items()},
            pixel_mean=summary.pixel_mean * factor,
        ),
        residual=residual,
    )


@dataclass(frozen=True)
class Match:
    """An endmember of one separation and that of another whose abundances are most like its own.

    Attributes:
        first: number of the endmember, from 0.
        second: number of the other, from 0.
        correlation: of the abundances.
        difference: mean absolute difference of the abundances.
    """

    first: int
    second: int
    correlation: float
    difference: float


def require_comparable(path: str, other: str, outputs: tuple[str, ...]) -> None:
    """Check that two images have as many rows and columns, and that the second is not written over.

    Raises:
        HyperLiftError: they have not, it is, or they cannot be opened.
    """
    with closing(GdalSource(path)) as one, closing(GdalSource(other)) as two:
        if one.shape != two.shape:
            raise HyperLiftError(
                f"The image has {one.shape[0]} x {one.shape[1]} pixels and the one to compare it with "
                f"{two.shape[0]} x {two.shape[1]}; choose two on the same pixels."
            )
        for output in outputs:
            require_distinct(output, two.files)


def matches(first: Separation, second: Separation) -> tuple[Match, ...]:
    """Endmembers of two separations of the same pixels in pairs whose correlations have the greatest sum.

    The abundances are those of the pictures' pixels. Where the numbers differ, some have no partner.
    """
    one = first.abundances.pixels.reshape(first.count, -1).astype(np.float64)
    other = second.abundances.pixels.reshape(second.count, -1).astype(np.float64)
    valid = np.isfinite(one).all(axis=0) & np.isfinite(other).all(axis=0)
    if not valid.any():
        return ()
    one, other = one[:, valid], other[:, valid]
    correlation = _standardised(one) @ _standardised(other).T
    return tuple(
        Match(int(i), int(j), float(correlation[i, j]), float(np.abs(one[i] - other[j]).mean()))
        for i, j in zip(*linear_sum_assignment(-correlation))
    )


def _standardised(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows with a mean of zero and unit length; those that do not vary are zero."""
    centred = table - table.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
