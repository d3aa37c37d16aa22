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
    QgsRasterMinMaxOrigin,
)

# Reflectance shown as black and as full brightness: land fits in, and scenes can be compared by eye.
DARKEST, BRIGHTEST = 0.0, 0.3


def reflectance_stretch(layer: QgsRasterLayer, band: int) -> QgsContrastEnhancement:
    """Fixed limits in reflectance; QGIS has applied the band's scale before it compares."""
    stretch = QgsContrastEnhancement(layer.dataProvider().dataType(band))
    stretch.setContrastEnhancementAlgorithm(
        QgsContrastEnhancement.ContrastEnhancementAlgorithm.StretchToMinimumMaximum
    )
    stretch.setMinimumValue(DARKEST)
    stretch.setMaximumValue(BRIGHTEST)
    return stretch


class NaturalColour(QgsProcessingLayerPostProcessorInterface):
    """Shows the bands that the file marks as red, green and blue, with fixed limits."""

    def postProcessLayer(
        self, layer: QgsMapLayer, _context: QgsProcessingContext, _feedback: QgsProcessingFeedback
    ) -> None:
        """Set the limits of the colours that QGIS chose from the file's colour interpretation."""
        renderer = layer.renderer()
        if not isinstance(renderer, QgsMultiBandColorRenderer):
            return
        renderer.setRedContrastEnhancement(reflectance_stretch(layer, renderer.redBand()))
        renderer.setGreenContrastEnhancement(reflectance_stretch(layer, renderer.greenBand()))
        renderer.setBlueContrastEnhancement(reflectance_stretch(layer, renderer.blueBand()))
        renderer.setMinMaxOrigin(QgsRasterMinMaxOrigin())
        layer.triggerRepaint()
        layer.emitStyleChanged()


# QGIS does not keep the object alive, and drops the style at random without a reference.
NATURAL_COLOUR = NaturalColour()
