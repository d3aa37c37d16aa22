"""The Processing provider: HyperLift's algorithms and the graphical models that come with it."""

from __future__ import annotations

from pathlib import Path

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsProcessingModelAlgorithm, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .base import ICON
from .blind_source_separation import BlindSourceSeparation
from .blind_spectral_super_resolution import BlindSpectralSuperResolution
from .estimate_abundances import EstimateAbundances
from .estimate_endmember_count import EstimateEndmemberCount
from .extract_endmembers import ExtractEndmembers
from .identify_materials import IdentifyMaterials
from .spectral_super_resolution import SpectralSuperResolution
from .unregistered_super_resolution import UnregisteredSuperResolution

ALGORITHMS = (
    SpectralSuperResolution,
    BlindSpectralSuperResolution,
    UnregisteredSuperResolution,
    EstimateEndmemberCount,
    ExtractEndmembers,
    EstimateAbundances,
    BlindSourceSeparation,
    IdentifyMaterials,
)
WORKFLOWS = Path(__file__).resolve().parents[1] / "resources" / "workflows"


class HyperLiftProvider(QgsProcessingProvider):
    """Provider ``hyperlift``."""

    def id(self) -> str:
        """Prefix of the algorithms' ids."""
        return "hyperlift"

    def name(self) -> str:
        """What the toolbox calls the group."""
        return "HyperLift"

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        """Path of the plugin's icon."""
        return str(ICON)

    def supportedOutputRasterLayerExtensions(self) -> list[str]:
        """Rasters are written as GeoTIFF."""
        return ["tif", "tiff"]

    def load(self) -> bool:
        """Load now, and again whenever another provider brings algorithms that the models use."""
        QgsApplication.processingRegistry().providerAdded.connect(self._on_provider_added)
        return super().load()

    def unload(self) -> None:
        """Stop listening to the registry."""
        QgsApplication.processingRegistry().providerAdded.disconnect(self._on_provider_added)

    def loadAlgorithms(self) -> None:
        """Add every algorithm, then the models, which are made of them."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        for path in sorted(WORKFLOWS.glob("*.model3")):
            self._add_model(path)

    def _on_provider_added(self, _provider_id: str) -> None:
        self.refreshAlgorithms()

    def _add_model(self, path: Path) -> None:
        model = QgsProcessingModelAlgorithm()
        if model.fromFile(str(path)):
            model.setSourceFilePath(str(path))
            self.addAlgorithm(model)
        else:
            message = f"The model {path.name} could not be read; install the plugin again."
            QgsMessageLog.logMessage(message, self.name(), Qgis.MessageLevel.Warning)
