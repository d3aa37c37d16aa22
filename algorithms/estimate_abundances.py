"""How much of each spectrum of a library is in every pixel: the Processing algorithm."""

from __future__ import annotations

from functools import partial
from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProcessingParameterFile

from ..core.raster.gdal_backend import GdalSink
from .feedback import FeedbackMonitor
from .unmixing_base import (
    UnmixingAlgorithm,
    require_apart,
    summary_results,
    summary_sentence,
    warn_of_units,
)
from .unmixing_help import ABUNDANCES_PAGE, ABUNDANCES_PARAMETERS
from .unmixing_progress import Stages

METHODS = ("fcls", "nnls", "scls", "ucls")


class EstimateAbundances(UnmixingAlgorithm):
    """``hyperlift:estimateabundances``."""

    parameter_help = ABUNDANCES_PARAMETERS

    LIBRARY = "LIBRARY"
    METHOD = "METHOD"

    def name(self) -> str:
        """Second half of the id."""
        return "estimateabundances"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Estimate abundances")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,unmixing,fcls,nnls,linear mixture,fractions,spectral library,materials"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Maps how much of each spectrum of a library is in every pixel of an image.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(ABUNDANCES_PAGE)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add_image()
        self.add(
            QgsProcessingParameterFile(
                self.LIBRARY,
                self.tr("Spectral library"),
                fileFilter=self.tr("Spectral libraries (*.sli *.csv)"),
            )
        )
        self.add_choice(self.METHOD, self.tr("Method"), METHODS)
        self.add_abundances()

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters and the library."""
        from ..core.spectral.library import read_library
        from .unmixing_jobs import require_distinct_spectra

        self._image = self.image(parameters, context)
        self._method = self.parameterAsEnumString(parameters, self.METHOD, context)
        self._library = read_library(self.parameterAsFile(parameters, self.LIBRARY, context))
        require_distinct_spectra(self._library, self._method)

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Map the abundances, and the residuals if they are asked for."""
        from ..core.unmixing.maps import write_abundances
        from .unmixing_jobs import opened

        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        residual = self.parameterAsOutputLayer(parameters, self.OUTPUT_RMSE, context)
        files = {name: path for name, path in ((self.OUTPUT, output), (self.OUTPUT_RMSE, residual)) if path}
        require_apart(tuple(files.values()))
        stages = Stages(FeedbackMonitor(feedback))
        stages.begin(0.0, 1.0, share=1.0)
        with opened(self._image.path, stages, tuple(files.values())) as pixels:
            summary = write_abundances(
                pixels,
                self._library,
                self._method,
                partial(GdalSink, output),
                partial(GdalSink, residual) if residual else None,
            )
        feedback.pushInfo(summary_sentence(self._library.names, summary))
        warn_of_units(feedback, summary)
        self.name_abundances(context, self._image.title, output, residual)
        return {**files, **summary_results(self._library.names, summary)}
