"""Hyperspectral images from cameras of unknown responses: the Processing algorithm."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..core.inference.blind_camera import centres_in
from ..core.inference.blind_scene import BlindOptions
from .blind_job import BlindJob, require_table_path, write_responses
from .blind_report import blind_page
from .blind_spectral_super_resolution_help import PAGE, PARAMETERS
from .feedback import FeedbackMonitor
from .files import write_text
from .super_resolution_base import LiftingAlgorithm

GRIDS = ("aviris172", "vnir", "visible31")
NUMBERS = {
    "PIXELS": "Pixels of the input that were lifted",
    "SECONDS": "Seconds that lifting took",
    "PIXELS_PER_SECOND": "Pixels per second",
    "CONSISTENCY": "Median difference from the input when seen again through the response (reflectance)",
    "BANDS_USED": "Bands of the input that were used",
    "RESPONSES": "Responses that were estimated: one, or one more for each class",
}


class BlindSpectralSuperResolution(LiftingAlgorithm):
    """``hyperlift:blindspectralsuperresolution``."""

    parameter_help = PARAMETERS
    page = PAGE

    CENTRES = "CENTRES"
    CLASSES = "CLASSES"
    GRID = "GRID"
    STF = "STF"

    def name(self) -> str:
        """Second half of the id."""
        return "blindspectralsuperresolution"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Blind spectral super-resolution (any camera to hyperspectral)")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,multispectral,drone,uav,camera,response,stf,blind,uncalibrated,pgu-net"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Estimates narrow bands, and the responses of a camera that nobody has calibrated.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Multispectral image")))
        self.add_text(self.CENTRES, self.tr("Nominal centres of the bands (nm)"))
        self.add(
            QgsProcessingParameterRasterLayer(self.CLASSES, self.tr("Land-cover classes"), optional=True)
        )
        self.add_choice(self.GRID, self.tr("Wavelengths of the result"), GRIDS)
        self.add_options(self.tr("Bands (numbers)"))
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Hyperspectral image")))
        self.add_file(self.STF, self.tr("Responses (STF)"), self.tr("Tables (*.csv)"))
        self.add_report()
        self.add_device_used()
        self.add_numbers(NUMBERS)

    def check_values(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Check the band numbers and the centres."""
        super().check_values(parameters, context)
        centres_in(self.parameterAsString(parameters, self.CENTRES, context))

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into a job for the scene runner."""
        image = self.image(parameters, context)
        classes = self.image(parameters, context, self.CLASSES).path if parameters.get(self.CLASSES) else ""
        centres = centres_in(self.parameterAsString(parameters, self.CENTRES, context))
        self._job = BlindJob(
            input=image.path,
            title=image.title,
            classes=classes,
            grid=self.parameterAsEnumString(parameters, self.GRID, context),
            device=self.parameterAsEnumString(parameters, self.DEVICE, context),
            extent=self.extent(parameters, context),
            options=BlindOptions(centres, self.options(parameters, context)),
        )

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Lift the scene, and write the responses and the page."""
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        table = self.parameterAsFileOutput(parameters, self.STF, context)
        page = self.file_to_write(parameters, self.REPORT, context)
        if table:
            require_table_path(table)
        report = self._job.run(output, FeedbackMonitor(feedback))
        scene = report.scene
        results = {self.OUTPUT: output, self.DEVICE_USED: scene.device}
        results.update(
            PIXELS=scene.pixels,
            SECONDS=scene.seconds,
            PIXELS_PER_SECOND=scene.pixels_per_second,
            BANDS_USED=len(report.camera.names),
            RESPONSES=1 + len(report.classes),
        )
        if scene.consistency_median is not None:
            results["CONSISTENCY"] = scene.consistency_median
        if table:
            write_responses(table, report)
            results[self.STF] = table
        self.name_result(context, output, self._job.title)
        if page:
            write_text(page, blind_page(report, output))
            results[self.REPORT] = page
        return results
