"""How many endmembers an image has: the Processing algorithm."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingFeedback

from .feedback import FeedbackMonitor
from .files import write_text
from .unmixing_base import UnmixingAlgorithm, warn_at_the_end
from .unmixing_help import COUNT_PAGE, COUNT_PARAMETERS
from .unmixing_progress import Stages

METHODS = ("mdl", "hysime", "hfc")


class EstimateEndmemberCount(UnmixingAlgorithm):
    """``hyperlift:estimateendmembercount``."""

    parameter_help = COUNT_PARAMETERS

    METHOD = "METHOD"
    MINIMUM = "MINIMUM"
    MAXIMUM = "MAXIMUM"
    COUNT = "COUNT"
    CURVE = "CURVE"

    def name(self) -> str:
        """Second half of the id."""
        return "estimateendmembercount"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Estimate the number of endmembers")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,unmixing,model order,mdl,hysime,hfc,virtual dimensionality,materials"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Tells how many pure spectra the pixels of an image are mixtures of.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(COUNT_PAGE)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add_image()
        self.add_choice(self.METHOD, self.tr("Method"), METHODS)
        self.add_whole(self.MINIMUM, self.tr("Least number"), 2, 2)
        self.add_whole(self.MAXIMUM, self.tr("Greatest number"), 10, 2)
        self.add_seed()
        self.add_file(self.CURVE, self.tr("Scores"), self.tr("Tables (*.csv)"))
        self.add_report()
        self.add_numbers({self.COUNT: "Number of endmembers"})

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters."""
        self._image = self.image(parameters, context)
        self._method = self.parameterAsEnumString(parameters, self.METHOD, context)
        self._bounds = tuple(
            self.parameterAsInt(parameters, name, context) for name in (self.MINIMUM, self.MAXIMUM)
        )
        self._seed = self.parameterAsInt(parameters, self.SEED, context)

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Estimate the number, and write the scores and the page that are asked for."""
        from .unmixing_jobs import estimate_count, opened
        from .unmixing_report import count_page, curve_csv

        names = (self.CURVE, self.REPORT)
        files = {name: self.file_to_write(parameters, name, context) for name in names}
        files = {name: path for name, path in files.items() if path}
        stages = Stages(FeedbackMonitor(feedback))
        with opened(self._image.path, stages) as pixels:
            order = estimate_count(pixels, self._method, self._bounds, self._seed, stages)
        feedback.pushInfo(self.tr("{} endmembers by {}.").format(order.count, self._method))
        remedy = "look at the scores in the table (CURVE) or the report (REPORT), or allow a greater MAXIMUM"
        warn_at_the_end(feedback, order, self.tr(remedy))
        texts = {
            self.CURVE: curve_csv(order),
            self.REPORT: count_page(self._image.title, self._method, order),
        }
        for name, path in files.items():
            write_text(path, texts[name])
        return {self.COUNT: order.count, **files}
