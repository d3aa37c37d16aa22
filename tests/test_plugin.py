"""The plugin in QGIS: it comes and goes, and its provider is complete whatever loads first."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProcessingModelAlgorithm
from qgis.PyQt.QtGui import QIcon, QImage

import hyperlift

ROOT = Path(__file__).resolve().parents[1]
MODEL = "hyperlift:Red-edge index (NDVI705)"


@pytest.fixture
def registry(qgis_app):
    return QgsApplication.processingRegistry()


@pytest.fixture
def plugin(registry):
    plugin = hyperlift.classFactory(None)
    plugin.initGui()
    yield plugin
    plugin.unload()


def test_plugin_adds_the_provider_and_takes_it_away(registry):
    plugin = hyperlift.classFactory(None)
    plugin.initProcessing()
    assert registry.providerById("hyperlift").name() == "HyperLift"
    assert registry.algorithmById("hyperlift:spectralsuperresolution") is not None
    plugin.unload()
    assert registry.providerById("hyperlift") is None


def test_plugin_can_be_unloaded_twice_and_loaded_again(registry):
    plugin = hyperlift.classFactory(None)
    plugin.initGui()
    plugin.unload()
    plugin.unload()
    plugin.initGui()
    assert registry.providerById("hyperlift") is not None
    plugin.unload()


def test_provider_has_an_icon_and_writes_geotiff(plugin):
    assert not plugin.provider.icon().isNull()
    assert not QIcon(plugin.provider.svgIconPath()).pixmap(16, 16).isNull()
    assert plugin.provider.supportedOutputRasterLayerExtensions() == ["tif", "tiff"]
    assert plugin.provider.defaultRasterFileExtension() == "tif"


def test_icon_of_the_plugin_manager_is_a_square_picture(qgis_app):
    icon = QImage(str(ROOT / "resources" / "icons" / "hyperlift.png"))
    assert icon.width() == icon.height() == 64


def test_models_find_algorithms_of_providers_that_load_later(plugin, registry):
    if importlib.util.find_spec("processing") is None:
        sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    from processing.core.Processing import Processing

    Processing.initialize()
    model = registry.algorithmById(MODEL)
    assert isinstance(model, QgsProcessingModelAlgorithm)
    assert {child.algorithmId() for child in model.childAlgorithms().values()} == {
        "hyperlift:spectralsuperresolution",
        "gdal:rastercalculator",
    }
    assert all(child.algorithm() is not None for child in model.childAlgorithms().values())
    assert [output.name() for output in model.destinationParameterDefinitions()] == [
        "index:ndvi705",
        "lift:hyperspectral",
    ]
