"""How results look when they are loaded into the map."""

from __future__ import annotations

from qgis.core import (
    QgsContrastEnhancement,
    QgsMapLayer,
    QgsMultiBandColorRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsRasterLayer,
)
from qgis.PyQt import sip

# Reflectance shown as black and as full brightness: land fits in, and scenes can be compared by eye.
DARKEST, BRIGHTEST = 0.0, 0.3


def fixed_stretch(
    layer: QgsRasterLayer, band: int, darkest: float, brightest: float
) -> QgsContrastEnhancement:
    """Fixed limits in the unit of the band; QGIS has applied its scale before it compares."""
    stretch = QgsContrastEnhancement(layer.dataProvider().dataType(band))
    stretch.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    stretch.setMinimumValue(darkest)
    stretch.setMaximumValue(brightest)
    return stretch


def natural_colour_bands(layer: QgsRasterLayer) -> list[int]:
    """Numbers of the bands that the file marks as red, green and blue; empty when one is missing."""
    provider = layer.dataProvider()
    roles = [provider.colorInterpretationName(number + 1) for number in range(layer.bandCount())]
    colours = ("Red", "Green", "Blue")
    return [roles.index(colour) + 1 for colour in colours] if set(colours) <= set(roles) else []


class NaturalColour(QgsProcessingLayerPostProcessorInterface):
    """Shows the bands that the file marks as red, green and blue, with fixed limits."""

    def postProcessLayer(
        self, layer: QgsMapLayer, _context: QgsProcessingContext, _feedback: QgsProcessingFeedback
    ) -> None:
        """Replace the first three bands, which QGIS shows by default."""
        bands = natural_colour_bands(layer)
        if not bands:
            return
        renderer = QgsMultiBandColorRenderer(layer.dataProvider(), *bands)
        red, green, blue = (fixed_stretch(layer, band, DARKEST, BRIGHTEST) for band in bands)
        renderer.setRedContrastEnhancement(red)
        renderer.setGreenContrastEnhancement(green)
        renderer.setBlueContrastEnhancement(blue)
        layer.setRenderer(renderer)
        layer.triggerRepaint()


_ALIVE: list[QgsProcessingLayerPostProcessorInterface] = []


def kept(
    processor: QgsProcessingLayerPostProcessorInterface,
) -> QgsProcessingLayerPostProcessorInterface:
    """A post-processor for a single layer, referred to until QGIS, which deletes it, has used it."""
    _ALIVE[:] = [one for one in _ALIVE if not sip.isdeleted(one)]
    _ALIVE.append(processor)
    return processor
