"""A hyperspectral image and a photograph that does not line up: the Processing algorithm."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
)

from ..core.inference.sharpening_card import SharpeningSession
from ..core.inference.sharpening_report import SCALES, SharpeningReport, SharpenOptions
from ..core.raster.gdal_backend import GdalSink, GdalSource, project
from ..core.raster.output import DATA_TYPES, require_distinct
from .feedback import FeedbackMonitor
from .report_page import write_facts
from .super_resolution_base import SuperResolutionAlgorithm
from .unmixing_base import require_apart
from .unregistered_super_resolution_help import PAGE, PARAMETERS

AUTO = "auto"
NUMBERS = {
    "PIXELS": "Pixels of the input",
    "SECONDS": "Seconds it took",
    "OFFSET": "Offset of the reference found (median, pixels of the result)",
    "ROTATION": "Rotation of the reference found (degrees)",
    "ZOOM": "Scale of the reference found (1 is none)",
    "CONFIDENCE": "Confidence in the place of the reference (0 is not used, to 1)",
    "UNRELIABLE": "Share of the result at which the reference counts for less than a half",
}

_OF_THE_PLACE = ("OFFSET", "ROTATION", "ZOOM")


class UnregisteredSuperResolution(SuperResolutionAlgorithm):
    """``hyperlift:unregisteredsuperresolution``."""

    parameter_help = PARAMETERS
    page = PAGE
    images = ("INPUT", "REFERENCE")
    layer_name = "{} (sharpened)"

    REFERENCE = "REFERENCE"
    SCALE = "SCALE"
    OUTPUT_CONFIDENCE = "OUTPUT_CONFIDENCE"

    def name(self) -> str:
        """Second half of the id."""
        return "unregisteredsuperresolution"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Unregistered super-resolution (hyperspectral with a photograph)")

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,photograph,pansharpening,fusion,registration,rgb,deep learning,uafl"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Sharpens a hyperspectral image with a photograph that need not line up with it.")

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Hyperspectral image")))
        self.add(QgsProcessingParameterRasterLayer(self.REFERENCE, self.tr("Photograph")))
        self.add_choice(self.SCALE, self.tr("Scale"), [str(scale) for scale in SCALES])
        self.add_device()
        self.add_choice(self.DATA_TYPE, self.tr("Data type"), [AUTO, *DATA_TYPES], advanced=True)
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Sharpened image")))
        self.add(
            QgsProcessingParameterRasterDestination(
                self.OUTPUT_CONFIDENCE, self.tr("Confidence"), optional=True, createByDefault=False
            )
        )
        self.add_report()
        self.add_device_used()
        self.add_numbers(NUMBERS)

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters."""
        images = [self.image(parameters, context, name) for name in self.images]
        self._title, self._files = images[0].title, [image.path for image in images]
        self._device = self.parameterAsEnumString(parameters, self.DEVICE, context)
        data_type = self.parameterAsEnumString(parameters, self.DATA_TYPE, context)
        self._options = SharpenOptions(
            scale=int(self.parameterAsEnumString(parameters, self.SCALE, context)),
            data_type=None if data_type == AUTO else data_type,
        )

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Sharpen the image, and say what was done in the log, in the outputs and on the page."""
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        confidence = self.parameterAsOutputLayer(parameters, self.OUTPUT_CONFIDENCE, context)
        page = self.file_to_write(parameters, self.REPORT, context)
        report = self._sharpen(output, confidence, FeedbackMonitor(feedback))
        results = {self.OUTPUT: output, self.DEVICE_USED: report.device, **_numbers(report)}
        if confidence:
            results[self.OUTPUT_CONFIDENCE] = confidence
        feedback.pushInfo(
            f"Sharpened {report.pixels:,} pixels in {report.seconds:,.1f} s on {report.device}."
        )
        self.name_result(context, output, self._title)
        if page:
            write_facts(page, "Unregistered super-resolution", report.warnings, _facts(report, output))
            results[self.REPORT] = page
        return results

    def _sharpen(self, output: str, confidence: str, monitor: FeedbackMonitor) -> SharpeningReport:
        # Here, so that the plugin loads where scipy is missing.
        from ..core.inference.sharpening import sharpen_scene

        require_apart((output, confidence))
        session = SharpeningSession.open(device=self._device)
        with closing(GdalSource(self._files[0])) as source, closing(GdalSource(self._files[1])) as photo:
            for path in filter(None, (output, confidence)):
                require_distinct(path, [*source.files, *photo.files])
            return sharpen_scene(
                source,
                photo,
                partial(GdalSink, output),
                session,
                self._options,
                monitor,
                partial(GdalSink, confidence) if confidence else None,
                project,
            )


def _numbers(report: SharpeningReport) -> dict[str, float]:
    """What is measured; where no place was found there is no offset."""
    values = (
        report.pixels,
        report.seconds,
        report.offset,
        report.rotation,
        report.zoom,
        report.confidence,
        report.unreliable,
    )
    found = dict(zip(NUMBERS, values))
    return found if report.confidence else {key: found[key] for key in found if key not in _OF_THE_PLACE}


def _facts(report: SharpeningReport, output: str) -> dict[str, str]:
    rows, columns = report.shape
    return {
        "Input": report.source,
        "Reference": report.reference,
        "Result": f"{output}, {rows} rows and {columns} columns, {report.scale} times as fine",
        "Valid pixels": f"{report.valid_fraction:.1%} of {report.pixels:,}",
        "Calibration": report.calibration,
        "Model": report.model,
        "First placement": report.placement,
        "Offset found": f"{report.offset:.1f} pixels of the result in the median, up to "
        f"{report.largest_offset:.1f}; turned by {report.rotation:.2f} degrees, scaled by {report.zoom:.4f}"
        if report.confidence
        else "none: no place was found at which the reference shows what the image shows",
        "Confidence": f"{report.confidence:.0%}; the reference explains "
        f"{max(report.explained, 0.0):.0%} of the image's detail where it was not fitted",
        "Unreliable": f"{report.unreliable:.1%} of the result, where the reference counts for less than "
        "a half",
        "Device": report.device,
        "Time": f"{report.seconds:,.1f} s",
    }
