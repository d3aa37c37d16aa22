"""How maps of materials look: a colour and a name for each."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import (
    QgsMapLayer,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
)
from qgis.PyQt.QtGui import QColor

_GOLDEN = 0.618033988749895  # of the circle of hues: neighbours differ clearly
_MOST = 60  # rarer materials share one colour


class MaterialColours(QgsProcessingLayerPostProcessorInterface):
    """Shows the first band as materials, the most frequent first in the legend."""

    def __init__(self, materials: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self._materials = materials

    def postProcessLayer(
        self, layer: QgsMapLayer, _context: QgsProcessingContext, _feedback: QgsProcessingFeedback
    ) -> None:
        """Replace the grey of numbers."""
        classes = []
        for place, (number, name) in enumerate(self._materials):
            colour = (
                QColor.fromHsvF(place * _GOLDEN % 1.0, 0.65, 0.85) if place < _MOST else QColor("#808080")
            )
            classes.append(QgsPalettedRasterRenderer.Class(number, colour, name))
        layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))
        layer.triggerRepaint()
