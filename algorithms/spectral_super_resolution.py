"""Sentinel-2 to hyperspectral: the Processing algorithm over the scene runner."""

from __future__ import annotations

from typing import Any

from qgis.core import (
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

from ..core.inference.devices import DEVICES
from ..core.inference.models import model_names
from .base import HyperLiftAlgorithm
from .parameters import optional_number
from .spectral_super_resolution_help import PAGE, PARAMETERS

DEFAULT_MODEL = "explains2a"
DATA_TYPES = ["int16", "float32"]
NUMBERS = {
    "PIXELS": "Pixels in the result",
    "SECONDS": "Seconds it took",
    "PIXELS_PER_SECOND": "Pixels per second",
    "SCALE_USED": "Scale in use (reflectance per number)",
    "OFFSET_USED": "Offset in use (reflectance)",
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
        words = "sentinel-2,hyperspectral,multispectral,spectrum,bands,aviris,deep learning,explains2a"
        return self.tr(words).split(",")

    def shortDescription(self) -> str:
        """Tooltip in the toolbox."""
        return self.tr("Estimates 172 narrow bands from the twelve bands of Sentinel-2.")

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.tr(PAGE)

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
                DATA_TYPES,
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

    def prepare_job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Read the parameters into a job for the scene runner."""

    def run_job(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Lift the scene."""
        return {}
