"""A run of spectral super-resolution, free of QGIS's layers: from parameters to the scene runner."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from qgis.core import QgsRectangle

from ..core.inference.report import Monitor, SceneReport
from ..core.inference.scene import LiftOptions, lift_scene
from ..core.inference.session import Session
from ..core.raster.gdal_backend import GdalSink, GdalSource
from ..core.raster.output import require_distinct
from .layers import extent_window


@dataclass(frozen=True)
class LiftingJob:
    """Everything that a run needs.

    Attributes:
        input: what GDAL opens.
        title: name of the input for people.
        model: name of a bundled model, or path of a model file.
        device: ``auto``, ``cpu`` or ``cuda``.
        extent: part to lift in the input's CRS, None for all of it.
        options: for the scene runner; the window comes from the extent.
    """

    input: str
    title: str
    model: str
    device: str
    extent: QgsRectangle | None
    options: LiftOptions

    def run(self, output: str, monitor: Monitor) -> SceneReport:
        """Lift the scene into the file ``output``.

        Raises:
            HyperLiftError: for every reason that the user can do something about.
        """
        with closing(GdalSource(self.input)) as source:
            require_distinct(output, source.files)
            window = extent_window(self.extent, source)
            session = Session.open(self.model, self.device)
            options = replace(self.options, window=window)
            return lift_scene(source, partial(GdalSink, output), session, options, monitor)
