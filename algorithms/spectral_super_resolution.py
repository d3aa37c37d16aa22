"""Sentinel-2 to hyperspectral: the Processing algorithm over the scene runner."""

from __future__ import annotations

from statistics import median
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterFile,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..core.inference.models import model_names
from ..core.inference.report import SceneReport
from .feedback import FeedbackMonitor
from .lifting import LiftingJob
from .report_page import write_page
from .spectral_super_resolution_help import PAGE, PARAMETERS
from .super_resolution_base import LiftingAlgorithm

DEFAULT_MODEL = "explains2a"
NUMBERS = {
    "PIXELS": "Pixels of the input that were lifted",
    "SECONDS": "Seconds it took",
    "PIXELS_PER_SECOND": "Pixels per second",
    "SCALE_USED": "Scale in use (reflectance per number, median of the bands)",
    "OFFSET_USED": "Offset in use (reflectance, median of the bands)",
    "CONSISTENCY": "Median difference from the input when seen again through Sentinel-2 (reflectance)",
}


class SpectralSuperResolution(LiftingAlgorithm):
    """``hyperlift:spectralsuperresolution``."""

    parameter_help = PARAMETERS
    page = PAGE

    MODEL = "MODEL"
    MODEL_FILE = "MODEL_FILE"

    def name(self) -> str:
        """Second half of the id."""
        return "spectralsuperresolution"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Spectral super-resolution (Sentinel-2 to hyperspectral)")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "sentinel-2,hyperspectral,multispectral,spectrum,bands,aviris,deep learning,explains2a,ualnet"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Estimates 172 or 186 narrow bands from the twelve bands of Sentinel-2.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Sentinel-2 image")))
        others = sorted({*model_names()} - {DEFAULT_MODEL})
        self.add_choice(self.MODEL, self.tr("Model"), [DEFAULT_MODEL, *others])
        file = QgsProcessingParameterFile(
            self.MODEL_FILE, self.tr("Model file"), extension="onnx", optional=True
        )
        self.add(file)
        self.add_options(self.tr("Bands (numbers, in the order of the model)"))
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Hyperspectral image")))
        self.add_report()
        self.add_device_used()
        self.add_numbers(NUMBERS)

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into a job for the scene runner."""
        image = self.image(parameters, context)
        self._job = LiftingJob(
            input=image.path,
            model=self.parameterAsFile(parameters, self.MODEL_FILE, context)
            or self.parameterAsEnumString(parameters, self.MODEL, context),
            device=self.parameterAsEnumString(parameters, self.DEVICE, context),
            extent=self.extent(parameters, context),
            options=self.options(parameters, context),
            title=image.title,
        )

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Lift the scene, and say what was done in the log, in the outputs and on the page."""
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        page = self.file_to_write(parameters, self.REPORT, context)
        report = self._job.run(output, FeedbackMonitor(feedback))
        results = {self.OUTPUT: output, self.DEVICE_USED: report.device, **_numbers(report)}
        feedback.pushInfo(_summary(report))
        self.name_result(context, output, self._job.title)
        if page:
            write_page(page, report, output)
            results[self.REPORT] = page
        return results


def _summary(report: SceneReport) -> str:
    lifted = (
        f"Lifted {report.pixels:,} pixels in {report.seconds:,.1f} s on {report.device} "
        f"({report.pixels_per_second:,.0f} pixels per second)."
    )
    if report.consistency_median is None:
        return lifted
    return f"{lifted} Median difference from the input: {report.consistency_median:.4f} reflectance."


def _numbers(report: SceneReport) -> dict[str, float]:
    numbers = {
        "PIXELS": report.pixels,
        "SECONDS": report.seconds,
        "PIXELS_PER_SECOND": report.pixels_per_second,
        "SCALE_USED": _decimal(median(report.scale)),
        "OFFSET_USED": _decimal(median(report.offset)),
        "CONSISTENCY": report.consistency_median,
    }
    return {name: value for name, value in numbers.items() if value is not None}


def _decimal(value: float) -> float:
    """A float32 as people write it: 0.0001, not 0.00009999999747."""
    return float(f"{value:.6g}")
