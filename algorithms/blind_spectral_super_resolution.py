"""Hyperspectral images from cameras of unknown responses: the Processing algorithm."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from ..core.errors import HyperLiftError
from ..core.inference.bands import band_numbers
from ..core.inference.blind_camera import centres_in
from ..core.inference.blind_scene import BlindOptions
from ..core.inference.devices import DEVICES
from ..core.inference.scene import LiftOptions
from ..core.raster.gdal_backend import GdalSource
from ..core.raster.output import DATA_TYPES
from .base import HyperLiftAlgorithm
from .blind_job import BlindJob, require_table_path, write_responses
from .blind_report import blind_page
from .blind_spectral_super_resolution_help import PAGE, PARAMETERS
from .feedback import FeedbackMonitor
from .layers import file_of
from .parameters import number_or_none, optional_number
from .report_page import write_report
from .styling import NaturalColour, kept

GRIDS = ("aviris172", "vnir", "visible31")
NUMBERS = {
    "PIXELS": "Pixels of the input that were lifted",
    "SECONDS": "Seconds that lifting took",
    "PIXELS_PER_SECOND": "Pixels per second",
    "CONSISTENCY": "Median difference from the input when seen again through the response (reflectance)",
    "BANDS_USED": "Bands of the input that were used",
    "RESPONSES": "Responses that were estimated: one, or one more for each class",
}


class BlindSpectralSuperResolution(HyperLiftAlgorithm):
    """``hyperlift:blindspectralsuperresolution``."""

    parameter_help = PARAMETERS

    INPUT = "INPUT"
    CENTRES = "CENTRES"
    CLASSES = "CLASSES"
    GRID = "GRID"
    BANDS = "BANDS"
    SCALE = "SCALE"
    OFFSET = "OFFSET"
    EXTENT = "EXTENT"
    DEVICE = "DEVICE"
    TILE_SIZE = "TILE_SIZE"
    DATA_TYPE = "DATA_TYPE"
    OUTPUT = "OUTPUT"
    STF = "STF"
    REPORT = "REPORT"
    DEVICE_USED = "DEVICE_USED"

    def name(self) -> str:
        """Second half of the id."""
        return "blindspectralsuperresolution"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Blind spectral super-resolution (any camera to hyperspectral)")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Super-resolution")

    def groupId(self) -> str:
        """Id of the group."""
        return "superresolution"

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        words = "hyperspectral,multispectral,drone,uav,camera,response,stf,blind,uncalibrated,pgu-net"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Estimates narrow bands, and the responses of a camera that nobody has calibrated.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.tr(" ".join(PAGE.split()))  # QGIS takes the end of a line for that of a paragraph

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterRasterLayer(self.INPUT, self.tr("Multispectral image")))
        self._add_text(self.CENTRES, self.tr("Nominal centres of the bands (nm)"))
        self.add(
            QgsProcessingParameterRasterLayer(self.CLASSES, self.tr("Land-cover classes"), optional=True)
        )
        self._add_choice(self.GRID, self.tr("Wavelengths of the result"), GRIDS)
        self._add_text(self.BANDS, self.tr("Bands (numbers)"))
        self.add(optional_number(self.SCALE, self.tr("Scale"), minimum=0.0))
        self.add(optional_number(self.OFFSET, self.tr("Offset (reflectance)")))
        self.add(QgsProcessingParameterExtent(self.EXTENT, self.tr("Extent"), optional=True))
        self._add_choice(self.DEVICE, self.tr("Device"), DEVICES)
        self.add(
            optional_number(self.TILE_SIZE, self.tr("Tile size (pixels)"), minimum=16, whole=True),
            advanced=True,
        )
        self._add_choice(self.DATA_TYPE, self.tr("Data type"), DATA_TYPES, advanced=True)
        self._declare_outputs()

    def _add_text(self, name: str, description: str) -> None:
        self.add(QgsProcessingParameterString(name, description, optional=True))

    def _add_choice(
        self, name: str, description: str, words: tuple[str, ...], advanced: bool = False
    ) -> None:
        choice = QgsProcessingParameterEnum(
            name, description, list(words), defaultValue=words[0], usesStaticStrings=True
        )
        self.add(choice, advanced)

    def _declare_outputs(self) -> None:
        self.add(QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Hyperspectral image")))
        files = {
            self.STF: (self.tr("Responses (STF)"), self.tr("Tables (*.csv)")),
            self.REPORT: (self.tr("Report"), self.tr("HTML files (*.html)")),
        }
        for name, (description, kind) in files.items():
            self.add(
                QgsProcessingParameterFileDestination(
                    name, description, kind, optional=True, createByDefault=False
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
            centres_in(self.parameterAsString(parameters, self.CENTRES, context))
            self._file(parameters, self.INPUT, context)
        except HyperLiftError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into a job for the scene runner."""
        layer = self.parameterAsRasterLayer(parameters, self.INPUT, context)
        crs = layer.crs() if layer is not None else QgsCoordinateReferenceSystem()
        extent = self.parameterAsExtent(parameters, self.EXTENT, context, crs)
        tile = number_or_none(self, parameters, self.TILE_SIZE, context)
        lifting = LiftOptions(
            bands=band_numbers(self.parameterAsString(parameters, self.BANDS, context)),
            scale=number_or_none(self, parameters, self.SCALE, context),
            offset=number_or_none(self, parameters, self.OFFSET, context),
            tile=None if tile is None else int(tile),
            data_type=self.parameterAsEnumString(parameters, self.DATA_TYPE, context),
        )
        self._job = BlindJob(
            input=self._file(parameters, self.INPUT, context),
            title=layer.name() if layer is not None else "",
            classes=self._file(parameters, self.CLASSES, context) if parameters.get(self.CLASSES) else "",
            grid=self.parameterAsEnumString(parameters, self.GRID, context),
            device=self.parameterAsEnumString(parameters, self.DEVICE, context),
            extent=None if extent.isNull() else extent,
            options=BlindOptions(
                centres_in(self.parameterAsString(parameters, self.CENTRES, context)), lifting
            ),
        )

    def run_job(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Lift the scene, and write the responses and the page."""
        output = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
        table = self.parameterAsFileOutput(parameters, self.STF, context)
        page = self.parameterAsFileOutput(parameters, self.REPORT, context)
        if table:
            require_table_path(table)
        report = self._job.run(output, FeedbackMonitor(feedback))
        scene = report.scene
        results = {self.OUTPUT: output, self.DEVICE_USED: scene.device}
        results.update(
            PIXELS=scene.pixels,
            SECONDS=scene.seconds,
            PIXELS_PER_SECOND=scene.pixels_per_second,
            CONSISTENCY=scene.consistency_median,
            BANDS_USED=len(report.camera.names),
            RESPONSES=1 + len(report.classes),
        )
        if table:
            write_responses(table, report)
            results[self.STF] = table
        if page:
            write_report(page, blind_page(report, output))
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

    def _file(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        """What GDAL opens; where QGIS could not open it, the core says why."""
        layer = self.parameterAsRasterLayer(parameters, name, context)
        if layer is not None:
            return file_of(layer)
        path = self.parameterAsString(parameters, name, context)
        GdalSource(path).close()
        return path
