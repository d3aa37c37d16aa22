"""Sentinel-2 to hyperspectral: the Processing algorithm over the scene runner."""

from __future__ import annotations

from statistics import median
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from ..core.errors import HyperLiftError
from ..core.inference.bands import band_numbers
from ..core.inference.devices import DEVICES
from ..core.inference.models import model_names
from ..core.inference.report import SceneReport
from ..core.inference.scene import LiftOptions
from ..core.raster.gdal_backend import GdalSource
from ..core.raster.output import DATA_TYPES
from .base import HyperLiftAlgorithm
from .feedback import FeedbackMonitor
from .layers import file_of
from .lifting import LiftingJob
from .parameters import number_or_none, optional_number
from .report_page import write_page
from .spectral_super_resolution_help import PAGE, PARAMETERS
from .styling import NaturalColour, kept

DEFAULT_MODEL = "explains2a"
NUMBERS = {
    "PIXELS": "Pixels of the input that were lifted",
    "SECONDS": "Seconds it took",
    "PIXELS_PER_SECOND": "Pixels per second",
    "SCALE_USED": "Scale in use (reflectance per number, median of the bands)",
    "OFFSET_USED": "Offset in use (reflectance, median of the bands)",
    "CONSISTENCY": "Median difference from the input when seen again through Sentinel-2 (reflectance)",
}


class SpectralSuperResolution(HyperLiftAlgorithm):
    """``hyperlift:spectralsuperresolution``."""

    parameter_help = PARAMETERS

    INPUT = "INPUT"
    MODEL = "MODEL"
    MODEL_FILE = "MODEL_FILE"
    BANDS = "BANDS"
    SCALE = "SCALE"
    OFFSET = "OFFSET"
    EXTENT = "EXTENT"
    DEVICE = "DEVICE"
    TILE_SIZE = "TILE_SIZE"
    DATA_TYPE = "DATA_TYPE"
    OUTPUT = "OUTPUT"
    REPORT = "REPORT"
    DEVICE_USED = "DEVICE_USED"

    def name(self) -> str:
        """Second half of the id."""
        return "spectralsuperresolution"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Spectral super-resolution (Sentinel-2 to hyperspectral)")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Super-resolution")

    def groupId(self) -> str:
        """Id of the group."""
        return "superresolution"

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "sentinel-2,hyperspectral,multispectral,spectrum,bands,aviris,deep learning,explains2a,ualnet"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Estimates 172 or 186 narrow bands from the twelve bands of Sentinel-2.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.tr(" ".join(PAGE.split()))  # QGIS takes the end of a line for that of a paragraph

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self._declare_input()
        self._declare_options()
        self._declare_outputs()

    def _declare_input(self) -> None:
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Sentinel-2 image")))
        models = sorted({DEFAULT_MODEL, *model_names()})
        self.add(
            QgsProcessingParameterEnum(
                self.MODEL, self.tr("Model"), models, defaultValue=DEFAULT_MODEL, usesStaticStrings=True
            )
        )
        self.add(
            QgsProcessingParameterFile(
                self.MODEL_FILE, self.tr("Model file"), extension="onnx", optional=True
            )
        )
        self.add(
            QgsProcessingParameterString(
                self.BANDS, self.tr("Bands (numbers, in the order of the model)"), optional=True
            )
        )
        self.add(optional_number(self.SCALE, self.tr("Scale"), minimum=0.0))
        self.add(optional_number(self.OFFSET, self.tr("Offset (reflectance)")))
        self.add(QgsProcessingParameterExtent(self.EXTENT, self.tr("Extent"), optional=True))

    def _declare_options(self) -> None:
        self.add(
            QgsProcessingParameterEnum(
                self.DEVICE, self.tr("Device"), list(DEVICES), defaultValue=DEVICES[0], usesStaticStrings=True
            )
        )
        self.add(
            optional_number(self.TILE_SIZE, self.tr("Tile size (pixels)"), minimum=16, whole=True),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterEnum(
                self.DATA_TYPE,
                self.tr("Data type"),
                list(DATA_TYPES),
                defaultValue=DATA_TYPES[0],
                usesStaticStrings=True,
            ),
            advanced=True,
        )

    def _declare_outputs(self) -> None:
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Hyperspectral image")))
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT,
                self.tr("Report"),
                self.tr("HTML files (*.html)"),
                optional=True,
                createByDefault=False,
            )
        )
        self.addOutput(QgsProcessingOutputString(self.DEVICE_USED, self.tr("Device that was used")))
        for name, description in NUMBERS.items():
            self.addOutput(QgsProcessingOutputNumber(name, self.tr(description)))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Say in the dialog what can be known before the run."""
        try:
            band_numbers(self.parameterAsString(parameters, self.BANDS, context))
            self._input_file(parameters, context)
        except HyperLiftError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into a job for the scene runner."""
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        crs = layer.crs() if layer is not None else QgsCoordinateReferenceSystem()
        extent = self.parameterAsExtent(parameters, self.EXTENT, context, crs)
        tile = number_or_none(self, parameters, self.TILE_SIZE, context)
        self._job = LiftingJob(
            input=self._input_file(parameters, context),
            model=self.parameterAsFile(parameters, self.MODEL_FILE, context)
            or self.parameterAsEnumString(parameters, self.MODEL, context),
            device=self.parameterAsEnumString(parameters, self.DEVICE, context),
            extent=None if extent.isNull() else extent,
            options=LiftOptions(
                bands=band_numbers(self.parameterAsString(parameters, self.BANDS, context)),
                scale=number_or_none(self, parameters, self.SCALE, context),
                offset=number_or_none(self, parameters, self.OFFSET, context),
                tile=None if tile is None else int(tile),
                data_type=self.parameterAsEnumString(parameters, self.DATA_TYPE, context),
            ),
            title=layer.name() if layer is not None else "",
        )

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Lift the scene, and say what was done in the log, in the outputs and on the page."""
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        page = self.parameterAsFileOutput(parameters, self.REPORT, context)
        report = self._job.run(output, FeedbackMonitor(feedback))
        results = {self.OUTPUT: output, self.DEVICE_USED: report.device, **_numbers(report)}
        feedback.pushInfo(_summary(report))
        if page:
            write_page(page, report, output)
            results[self.REPORT] = page
        self._describe_layer(output, context)
        return results

    def _describe_layer(self, output: str, context: QgsProcessingContext) -> None:
        """Style, and a name unless a model or a script chose one, for when QGIS loads the result."""
        if context.willLoadLayerOnCompletion(output):
            details = context.layerToLoadOnCompletionDetails(output)
            details.setPostProcessor(kept(NaturalColour()))
            if details.name == self.parameterDefinition(self.OUTPUT).description():
                details.name = self.tr("{} (hyperspectral)").format(self._job.title)

    def _input_file(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """What GDAL opens; where QGIS could not open it, the core says why."""
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        if layer is not None:
            return file_of(layer)
        path = self.parameterAsString(parameters, self.INPUT, context)
        GdalSource(path).close()
        return path


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
