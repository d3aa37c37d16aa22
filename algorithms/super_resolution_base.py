"""What the algorithms that make hyperspectral images share."""

from __future__ import annotations

from typing import Any, ClassVar

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingOutputString,
    QgsProcessingParameterExtent,
    QgsProcessingParameterString,
    QgsRectangle,
)

from ..core.errors import HyperLiftError
from ..core.inference.bands import band_numbers
from ..core.inference.devices import DEVICES
from ..core.inference.scene import LiftOptions
from ..core.raster.output import DATA_TYPES
from .base import HyperLiftAlgorithm
from .parameters import number_or_none, optional_number
from .styling import NaturalColour


class SuperResolutionAlgorithm(HyperLiftAlgorithm):
    """Base of the algorithms of the group.

    Attributes:
        page: the help beside the dialog.
        images: parameters that name rasters.
        layer_name: of the result, with a place for the input's.
    """

    page: ClassVar[str] = ""
    images: ClassVar[tuple[str, ...]] = ("INPUT",)
    layer_name: ClassVar[str] = "{} (hyperspectral)"

    INPUT = "INPUT"
    DEVICE = "DEVICE"
    DATA_TYPE = "DATA_TYPE"
    OUTPUT = "OUTPUT"
    DEVICE_USED = "DEVICE_USED"

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Super-resolution")

    def groupId(self) -> str:
        """Id of the group."""
        return "superresolution"

    def shortHelpString(self) -> str:
        """Help beside the dialog."""
        return self.paragraphs(self.page)

    def add_device(self) -> None:
        """Declare the choice of what runs the network."""
        self.add_choice(self.DEVICE, self.tr("Device"), DEVICES)

    def add_device_used(self) -> None:
        """Declare what ran the network as an output."""
        self.addOutput(QgsProcessingOutputString(self.DEVICE_USED, self.tr("Device that was used")))

    def checkParameterValues(
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """Say in the dialog what can be known before the run."""
        try:
            self.check_values(parameters, context)
            for name in self.images:
                self.image(parameters, context, name)
        except HyperLiftError as error:
            return False, str(error)
        return super().checkParameterValues(parameters, context)

    def check_values(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Check what a subclass knows of its other parameters; raises :class:`HyperLiftError`."""

    def name_result(self, context: QgsProcessingContext, output: str, title: str) -> None:
        """Natural colours and a name for the result, when QGIS loads it."""
        name = self.tr(self.layer_name).format(title)
        self.name_layer(context, output, self.OUTPUT, name, NaturalColour)


class LiftingAlgorithm(SuperResolutionAlgorithm):
    """Base of those that make more bands of few."""

    BANDS = "BANDS"
    SCALE = "SCALE"
    OFFSET = "OFFSET"
    EXTENT = "EXTENT"
    TILE_SIZE = "TILE_SIZE"

    def add_text(self, name: str, description: str) -> None:
        """Declare a text that may be left empty."""
        self.add(QgsProcessingParameterString(name, description, optional=True))

    def add_options(self, bands: str) -> None:
        """Declare the options of the scene runner; ``bands`` describes the band numbers."""
        self.add_text(self.BANDS, bands)
        self.add(optional_number(self.SCALE, self.tr("Scale"), minimum=0.0))
        self.add(optional_number(self.OFFSET, self.tr("Offset (reflectance)")))
        self.add(QgsProcessingParameterExtent(self.EXTENT, self.tr("Extent"), optional=True))
        self.add_device()
        tile = optional_number(self.TILE_SIZE, self.tr("Tile size (pixels)"), minimum=16, whole=True)
        self.add(tile, advanced=True)
        self.add_choice(self.DATA_TYPE, self.tr("Data type"), DATA_TYPES, advanced=True)

    def check_values(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Check the band numbers."""
        self.bands(parameters, context)

    def bands(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[int, ...]:
        """Band numbers, from 1; raises :class:`HyperLiftError`."""
        return band_numbers(self.parameterAsString(parameters, self.BANDS, context))

    def options(self, parameters: dict[str, Any], context: QgsProcessingContext) -> LiftOptions:
        """What the user set for the scene runner; the window comes from the extent."""
        tile = number_or_none(self, parameters, self.TILE_SIZE, context)
        return LiftOptions(
            bands=self.bands(parameters, context),
            scale=number_or_none(self, parameters, self.SCALE, context),
            offset=number_or_none(self, parameters, self.OFFSET, context),
            tile=None if tile is None else int(tile),
            data_type=self.parameterAsEnumString(parameters, self.DATA_TYPE, context),
        )

    def extent(self, parameters: dict[str, Any], context: QgsProcessingContext) -> QgsRectangle | None:
        """Part of the input to lift in its CRS, None for all of it."""
        crs = self.image(parameters, context).crs
        extent = self.parameterAsExtent(parameters, self.EXTENT, context, crs)
        return None if extent.isNull() else extent
