"""The plugin as QGIS loads it: it adds the Processing provider and takes it away again."""

from __future__ import annotations

from qgis.core import QgsApplication

from .algorithms.provider import HyperLiftProvider


class HyperLiftPlugin:
    """Entry point for the desktop (``initGui``) and for ``qgis_process`` (``initProcessing``)."""

    def __init__(self, iface: object) -> None:
        self.iface = iface
        self.provider: HyperLiftProvider | None = None

    def initProcessing(self) -> None:  # noqa: N802 (QGIS asks for this name)
        """Add the provider to the Processing registry, which owns it from then on."""
        self.provider = HyperLiftProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:  # noqa: N802 (QGIS asks for this name)
        """Start in the desktop."""
        self.initProcessing()

    def unload(self) -> None:
        """Leave nothing behind in QGIS."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
