"""Unmixing as people meet it: layers of a project, batches, models and the real ``qgis_process``."""

from __future__ import annotations

import gc
import json

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsMultiBandColorRenderer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

WORKFLOW = "hyperlift:Lift and separate"


@pytest.fixture
def project():
    yield QgsProject.instance()
    QgsProject.instance().clear()


def layers_after(provider, project, name, outputs, **parameters):
    """Runs an algorithm on a layer of the project, as the dialog does; gives the layers by name."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    context.setProject(project)
    algorithm = provider.algorithm(name).create()
    loaded = {
        output: QgsProcessingOutputLayerDefinition(QgsProcessing.TEMPORARY_OUTPUT, project)
        for output in outputs
    }
    _, went_well = algorithm.run({"INPUT": "Tile 33UVP", **loaded, **parameters}, context, feedback)
    assert went_well, feedback.textLog()
    gc.collect()
    assert handleAlgorithmResults(algorithm, context, feedback)
    return {layer.name(): layer for layer in project.mapLayers().values()}


def test_maps_are_loaded_with_names_and_colours(provider, project, mixture):
    project.addMapLayer(QgsRasterLayer(str(mixture.path), "Tile 33UVP"))
    outputs = ("OUTPUT", "OUTPUT_RMSE")
    layers = layers_after(provider, project, "blindsourceseparation", outputs, COUNT=3)
    shares = layers["Tile 33UVP (abundances)"]
    renderer = shares.renderer()
    assert isinstance(renderer, QgsMultiBandColorRenderer)
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == (1, 2, 3)
    stretch = renderer.greenContrastEnhancement()
    assert (stretch.minimumValue(), stretch.maximumValue()) == (0.0, 1.0)
    assert shares.bandName(2) == "Band 2: endmember 2"
    assert layers["Tile 33UVP (residual)"].bandCount() == 1


def test_two_endmembers_are_shown_in_grey_in_every_run(provider, project, mixture):
    project.addMapLayer(QgsRasterLayer(str(mixture.path), "Tile 33UVP"))
    layers_after(provider, project, "blindsourceseparation", ("OUTPUT",), COUNT=3)
    project.removeMapLayer(project.mapLayersByName("Tile 33UVP (abundances)")[0])
    layers = layers_after(provider, project, "blindsourceseparation", ("OUTPUT",), COUNT=2)
    renderer = layers["Tile 33UVP (abundances)"].renderer()
    assert renderer.type() == "singlebandgray"
    assert renderer.contrastEnhancement().maximumValue() == 1.0


def test_points_are_loaded_with_a_name(provider, project, mixture, tmp_path):
    project.addMapLayer(QgsRasterLayer(str(mixture.path), "Tile 33UVP"))
    library = str(tmp_path / "l.sli")
    layers = layers_after(provider, project, "extractendmembers", ("POINTS",), COUNT=3, LIBRARY=library)
    points = layers["Tile 33UVP (endmembers)"]
    assert points.featureCount() == 3
    assert points.crs().authid() == "EPSG:32633"
    assert points.fields().names()[-5:] == ["endmember", "name", "row", "column", "pixel"]


def test_batch_takes_every_image_apart(provider, qgis_iface, project, mixture, tmp_path):
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    batch = BatchAlgorithmDialog(provider.algorithm("blindsourceseparation").create())
    panel, context = batch.mainWidget(), QgsProcessingContext()
    panel.clear()
    panel.checkLoadLayersOnCompletion.setChecked(False)
    outputs = [tmp_path / f"shares_{number}.tif" for number in range(2)]
    for row, output in enumerate(outputs):
        panel.addRow()
        for name, value in (("INPUT", str(mixture.path)), ("COUNT", 3 + row)):
            panel.wrappers[row][panel.parameter_to_column[name]].setParameterValue(value, context)
        panel.tblParameters.cellWidget(row + 1, panel.parameter_to_column["OUTPUT"]).setValue(str(output))
    batch.runAlgorithm()
    while batch.cancelButton().isEnabled():  # as long as it runs, which is in threads from QGIS 3.24 on
        QCoreApplication.processEvents()
    batch.close()
    assert [gdal.Open(str(output)).RasterCount for output in outputs] == [3, 4]


def test_qgis_process_answers_in_json(qgis_process, mixture, tmp_path):
    answer = qgis_process(
        "--json",
        "run",
        "hyperlift:blindsourceseparation",
        f"--INPUT={mixture.path}",
        "--COUNT=3",
        f"--OUTPUT={tmp_path / 'shares.tif'}",
        f"--LIBRARY={tmp_path / 'found.sli'}",
    )
    assert answer.returncode == 0, answer.stderr
    results = json.loads(answer.stdout[answer.stdout.index("{") :])["results"]
    assert (results["COUNT"], results["PIXELS"]) == (3, 720)
    assert results["MEAN_ABUNDANCES"].startswith("endmember 1: 0.")
    assert gdal.Open(results["OUTPUT"]).RasterCount == 3
    assert (tmp_path / "found.hdr").exists()


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        ({}, "number * 0.0001 + 0 (recognised"),
        ({"offset": -0.1}, "number * 0.0001 + -0.1 (recognised"),
        ({"offset": 0, "scale": 0.0002}, "number * 0.0002 + 0 (as given)"),
    ],
    ids=["none", "offset", "both"],
)
def test_workflow_lifts_separates_and_compares(provider, make_scene, model_file, tmp_path, given, stated):
    random = np.random.default_rng(3)
    spectra = random.uniform(300, 4000, (3, 12))
    shares = random.dirichlet([0.4, 0.4, 0.4], (20, 24))
    numbers = np.rint(np.tensordot(shares, spectra, 1)).astype(np.uint16).transpose(2, 0, 1)
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    parameters = {
        "image": str(make_scene(numbers, "mixed.tif")),
        "modelfile": str(model_file),
        "count": 3,
        **given,
        "lift:hyperspectral": str(tmp_path / "lifted.tif"),
        "separate:abundances": str(tmp_path / "shares.tif"),
        "separate:library": str(tmp_path / "found.sli"),
        "separate:report": str(tmp_path / "report.html"),
    }
    model = provider.algorithm(WORKFLOW.split(":")[1]).create()
    _, went_well = model.run(parameters, context, feedback)
    assert went_well, feedback.textLog()
    lifted = gdal.Open(str(tmp_path / "lifted.tif"))
    assert lifted.RasterCount == 172
    assert stated in lifted.GetMetadataItem("HYPERLIFT_CALIBRATION")
    found = gdal.Open(str(tmp_path / "shares.tif")).ReadAsArray()
    truth = shares.transpose(2, 0, 1).reshape(3, -1)
    alike = np.corrcoef(found.reshape(3, -1), truth)[:3, 3:]
    assert alike.max(axis=1).min() > 0.99
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Compared with mixed</h2>" in text
    assert "12 bands in use" in text
    assert "172 bands in use" in text


def test_places_of_endmembers_are_not_glued_to_the_bar(qgis_process, mixture, tmp_path):
    arguments = (f"--INPUT={mixture.path}", "--COUNT=3", f"--LIBRARY={tmp_path / 'found.csv'}")
    run = qgis_process("run", "hyperlift:extractendmembers", *arguments)
    assert run.returncode == 0, run.stderr
    assert "\nendmember 1: row " in run.stdout
