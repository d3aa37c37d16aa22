"""Two images in one unit, so that a report can set their spectra and residuals beside each other."""

from __future__ import annotations

import copy
from contextlib import closing
from dataclasses import replace

from ..core.inference.calibration import calibrate
from ..core.raster.blocks import Window
from ..core.raster.gdal_backend import GdalSource
from ..core.unmixing.image import ImagePixels
from .unmixing_jobs import Separation

_INTEGER_SCALE = 1e-4  # reflectance per digital number of the sensors' products


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
        found = calibrate(source, ImagePixels(source).bands, Window(0, 0, *source.shape), _INTEGER_SCALE)
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
