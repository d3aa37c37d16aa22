"""Endmembers and abundances on the map: where pixels lie, and how the results look."""

from __future__ import annotations

from qgis.core import (
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
    QgsSingleBandGrayRenderer,
)

from ..core.raster.blocks import Georeference
from .styling import fixed_stretch


def centre_of(georeference: Georeference, row: int, column: int) -> QgsPointXY:
    """Centre of a pixel in the raster's CRS; without a transform, where QGIS draws it."""
    x0, dx, rx, y0, ry, dy = georeference.transform
    if not georeference.known:
        dy = -dy  # without a transform QGIS draws the rows downwards from y = 0
    along, down = column + 0.5, row + 0.5
    return QgsPointXY(x0 + dx * along + rx * down, y0 + ry * along + dy * down)


def _share_stretch(layer: QgsRasterLayer, band: int) -> QgsContrastEnhancement:
    """Nothing of an endmember is black, nothing else is full brightness."""
    return fixed_stretch(layer, band, 0.0, 1.0)


class AbundanceColours(QgsProcessingLayerPostProcessorInterface):
    """Shows the first three endmembers as red, green and blue from 0 to 1; of two the first in grey."""

    def postProcessLayer(
        self, layer: QgsMapLayer, _context: QgsProcessingContext, _feedback: QgsProcessingFeedback
    ) -> None:
        """Replace the stretch that QGIS derives from the values."""
        provider = layer.dataProvider()
        if layer.bandCount() < 3:
            renderer = QgsSingleBandGrayRenderer(provider, 1)
            renderer.setContrastEnhancement(_share_stretch(layer, 1))
        else:
            renderer = QgsMultiBandColorRenderer(provider, 1, 2, 3)
            renderer.setRedContrastEnhancement(_share_stretch(layer, 1))
            renderer.setGreenContrastEnhancement(_share_stretch(layer, 2))
            renderer.setBlueContrastEnhancement(_share_stretch(layer, 3))
        layer.setRenderer(renderer)
        layer.triggerRepaint()
