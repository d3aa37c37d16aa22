"""A run of blind spectral super-resolution, free of QGIS's layers: from parameters to the scene runner."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from qgis.core import QgsRectangle

from ..core.errors import HyperLiftError
from ..core.inference.blind_scene import BlindOptions, BlindReport, blind_scene, class_name, open_blind
from ..core.inference.report import Monitor
from ..core.raster.gdal_backend import GdalSink, GdalSource
from ..core.raster.output import require_distinct
from ..core.spectral import SpectralLibrary, write_library
from .files import require_folder
from .layers import extent_window


@dataclass(frozen=True)
class BlindJob:
    """Everything that a run needs.

    Attributes:
        input: what GDAL opens.
        title: name of the input for people.
        classes: raster of land-cover classes, or an empty text.
        grid: of the result.
        device: ``auto``, ``cpu`` or ``cuda``.
        extent: part to lift in the input's CRS, None for all of it.
        options: for the scene runner; the window comes from the extent.
    """

    input: str
    title: str
    classes: str
    grid: str
    device: str
    extent: QgsRectangle | None
    options: BlindOptions

    def run(self, output: str, monitor: Monitor) -> BlindReport:
        """Estimate the response and lift the scene into the file ``output``.

        Raises:
            HyperLiftError: for every reason that the user can do something about.
        """
        with ExitStack() as stack:
            source = stack.enter_context(closing(GdalSource(self.input)))
            classes = stack.enter_context(closing(GdalSource(self.classes))) if self.classes else None
            require_distinct(output, [*source.files, *(classes.files if classes is not None else ())])
            models = open_blind(self.grid, self.device)
            window = extent_window(self.extent, source)
            options = replace(self.options, lift=replace(self.options.lift, window=window))
            return blind_scene(source, partial(GdalSink, output), models, options, monitor, classes)


def require_table_path(path: str) -> None:
    """Check before the run that the responses can be written as a table.

    Raises:
        HyperLiftError: the name does not end in .csv, or there is no such folder.
    """
    if not path.lower().endswith(".csv"):
        raise HyperLiftError(f"The table of responses '{path}' must have a name that ends in .csv.")
    require_folder(path)


def write_responses(path: str, report: BlindReport) -> None:
    """Write responses as CSV: wavelengths in nm, one column for each band, then those of each class.

    Raises:
        HyperLiftError: the table cannot be written.
    """
    cameras = {"": report.camera, **{f"{class_name(value)}, ": one for value, one in report.classes.items()}}
    names = tuple(prefix + name for prefix, camera in cameras.items() for name in camera.names)
    rows = np.concatenate([camera.stf for camera in cameras.values()])
    grid = report.camera.grid
    write_library(path, SpectralLibrary(names, rows, grid.wavelength_nm, grid.fwhm_nm))
