from __future__ import annotations

import gc

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsMultiBandColorRenderer,
    QgsProcessing,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsRasterLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

from hyperlift.core.inference.models import model_names

DEFAULTS = {
    "INPUT": ("raster", None, False),
    "MODEL": ("enum", "explains2a", False),
    "MODEL_FILE": ("file", None, True),
    "BANDS": ("string", None, True),
    "SCALE": ("number", None, True),
    "OFFSET": ("number", None, True),
    "EXTENT": ("extent", None, True),
    "DEVICE": ("enum", "auto", False),
    "TILE_SIZE": ("number", None, True),
    "DATA_TYPE": ("enum", "int16", False),
    "OUTPUT": ("rasterDestination", None, False),
    "REPORT": ("fileDestination", None, True),
}


def test_parameters_have_the_types_and_defaults_of_the_contract(algorithm):
    optional = QgsProcessingParameterDefinition.Flag.FlagOptional
    found = {
        definition.name(): (definition.type(), definition.defaultValue(), bool(definition.flags() & optional))
        for definition in algorithm.parameterDefinitions()
    }
    assert found == DEFAULTS


def test_choices_are_static_strings(algorithm):
    choices = {
        name: algorithm.parameterDefinition(name).options() for name in ("MODEL", "DEVICE", "DATA_TYPE")
    }
    assert all(algorithm.parameterDefinition(name).usesStaticStrings() for name in choices)
    assert choices["DEVICE"] == ["auto", "cpu", "cuda"]
    assert choices["DATA_TYPE"] == ["int16", "float32"]
    assert set(choices["MODEL"]) == {"explains2a", *model_names()}


def test_only_details_are_advanced_and_the_report_is_off(algorithm):
    advanced = QgsProcessingParameterDefinition.Flag.FlagAdvanced
    definitions = algorithm.parameterDefinitions()
    assert {one.name() for one in definitions if one.flags() & advanced} == {"TILE_SIZE", "DATA_TYPE"}
    assert not algorithm.parameterDefinition("REPORT").createByDefault()


def test_every_number_of_the_log_is_an_output(algorithm):
    outputs = {output.name(): output.type() for output in algorithm.outputDefinitions()}
    numbers = ("PIXELS", "SECONDS", "PIXELS_PER_SECOND", "SCALE_USED", "OFFSET_USED", "CONSISTENCY")
    assert outputs == {
        "OUTPUT": "outputRaster",
        "REPORT": "outputHtml",
        "DEVICE_USED": "outputString",
        **dict.fromkeys(numbers, "outputNumber"),
    }


def test_everything_has_help(provider):
    for algorithm in provider.algorithms():
        assert algorithm.shortHelpString(), algorithm.id()
        assert algorithm.displayName(), algorithm.id()
        assert algorithm.group(), algorithm.id()
        for definition in algorithm.parameterDefinitions():
            of_a_model = isinstance(algorithm, QgsProcessingModelAlgorithm) and definition.isDestination()
            assert definition.help() or of_a_model, f"{algorithm.id()} {definition.name()}"


def test_help_of_a_choice_says_that_it_is_a_word(provider):
    choices = [
        definition
        for algorithm in provider.algorithms()
        if not isinstance(algorithm, QgsProcessingModelAlgorithm)
        for definition in algorithm.parameterDefinitions()
        if definition.type() == "enum"
    ]
    assert len(choices) == 13
    for choice in choices:
        start, word = choice.help().rstrip(".").rsplit(" ", 1)
        assert start.endswith(". On the command line give the word, e.g.")
        assert word in choice.options()


def test_help_tells_units_limits_and_the_source(algorithm):
    page = algorithm.shortHelpString()
    for word in ("reflectance", "What to trust", "arXiv:2604.19007", "-1000", "nodata"):
        assert word in page
    assert "sentinel-2" in algorithm.tags()
    assert not algorithm.icon().isNull()


def test_result_is_reflectance_with_wavelengths_on_the_same_pixels(lift, scene, read, matrix):
    run = lift(scene)
    assert run.went_well, run.log.errors
    result = gdal.Open(run.results["OUTPUT"])
    assert (result.RasterCount, result.RasterYSize, result.RasterXSize) == (172, 40, 56)
    assert result.GetGeoTransform() == gdal.Open(str(scene)).GetGeoTransform()
    band = result.GetRasterBand(24)
    assert (band.DataType, band.GetScale(), band.GetDescription()) == (gdal.GDT_Int16, 1e-4, "665.3 nm")
    assert band.GetMetadataItem("wavelength") == "665.2827"
    assert float(band.GetMetadataItem("CENTRAL_WAVELENGTH_UM", "IMAGERY")) == pytest.approx(0.6652827)
    expected = np.tensordot(matrix, read(scene).astype(float), axes=1)
    assert np.abs(result.ReadAsArray() - expected).max() <= 1


def test_log_and_outputs_state_what_was_done(lift, scene):
    run = lift(scene)
    log = "\n".join(run.log.lines)
    assert "Model Tiny test model on CPU" in log
    assert "Bands taken from names: B1=1, B2=2" in log
    assert "Reflectance = number * 0.0001 + 0 (recognised" in log
    assert "Lifted 2,240 pixels" in log
    assert run.log.warnings == []
    assert run.results["DEVICE_USED"] == "CPU"
    assert (run.results["PIXELS"], run.results["SCALE_USED"], run.results["OFFSET_USED"]) == (2240, 1e-4, 0)
    assert run.results["PIXELS_PER_SECOND"] == pytest.approx(2240 / run.results["SECONDS"])
    assert 0 < run.results["CONSISTENCY"] < 0.0005
    assert "REPORT" not in run.results


def test_fallback_to_the_cpu_is_a_warning(lift, scene):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime can use a graphics card")
    run = lift(scene, DEVICE="cuda")
    assert run.results["DEVICE_USED"] == "CPU"
    assert "THE GRAPHICS CARD IS NOT USED" in run.log.warnings[0]


def test_bands_scale_and_offset_can_be_given(lift, make_scene, read):
    numbers = read(make_scene())
    plain = read(lift(make_scene()).results["OUTPUT"])
    shifted = make_scene(numbers[::-1] + 1000, "shifted.tif", names=None, nodata=None)
    order = ",".join(str(number) for number in range(12, 0, -1))
    run = lift(shifted, BANDS=order, SCALE=0.0001, OFFSET=-0.1)
    assert run.results["OFFSET_USED"] == -0.1
    assert np.abs(read(run.results["OUTPUT"]) - plain).max() <= 1


def test_ten_bands_are_enough_and_the_user_is_told(lift, make_scene, read):
    numbers = read(make_scene())
    names = ["B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"]
    run = lift(make_scene(np.delete(numbers, [0, 9], axis=0), "ten.tif", names=names))
    assert run.went_well, run.log.errors
    assert run.log.warnings[0].startswith("B1 and B9 are missing in the raster and estimated")


def test_nodata_stays_nodata(lift, make_scene, read):
    numbers = read(make_scene())
    numbers[:, 5:15, 10:20] = 0
    numbers[3, 30, 40] = 0
    run = lift(make_scene(numbers, "holes.tif"))
    result = gdal.Open(run.results["OUTPUT"])
    nodata = result.GetRasterBand(1).GetNoDataValue()
    expected = np.zeros((40, 56), bool)
    expected[5:15, 10:20] = expected[30, 40] = True
    assert np.array_equal(result.ReadAsArray() == nodata, np.broadcast_to(expected, (172, 40, 56)))


def test_nan_is_nodata_in_the_result(lift, make_scene, read):
    reflectance = read(make_scene()).astype(np.float32) * 1e-4
    reflectance[2, 4, 6] = np.nan
    run = lift(make_scene(reflectance, "nan.tif", nodata=None), DATA_TYPE="float32")
    assert run.results["SCALE_USED"] == 1
    result = read(run.results["OUTPUT"])
    assert np.isnan(result[:, 4, 6]).all()
    assert np.isnan(result).sum() == 172


def test_extent_in_another_crs_is_snapped_to_pixels(lift, scene, read):
    run = lift(scene, EXTENT="15.001,15.003,47.851,47.852 [EPSG:4326]")
    assert run.went_well, run.log.errors
    result = gdal.Open(run.results["OUTPUT"])
    x, dx, _, y, _, dy = result.GetGeoTransform()
    column, row = (x - 500000.0) / 10, (5300000.0 - y) / 10
    assert (dx, dy) == (10.0, -10.0)
    assert (column, row) == (int(column), int(row))
    part = (slice(None), slice(int(row), int(row) + result.RasterYSize))
    part += (slice(int(column), int(column) + result.RasterXSize),)
    assert result.RasterXSize * 10 == pytest.approx(150, abs=20)
    whole = read(lift(scene, OUTPUT=run.results["OUTPUT"].replace("lifted", "whole")).results["OUTPUT"])
    assert np.array_equal(result.ReadAsArray(), whole[part])


def test_tile_size_does_not_change_the_result(lift, scene, read, make_model):
    model = str(make_model("blur"))
    small = read(lift(scene, TILE_SIZE=16, MODEL_FILE=model).results["OUTPUT"])
    assert np.abs(small - read(lift(scene, TILE_SIZE=64, MODEL_FILE=model).results["OUTPUT"])).max() <= 1


def test_report_is_a_page(lift, make_scene, tmp_path):
    page = tmp_path / "report.html"
    run = lift(make_scene(name="a<b>.tif"), REPORT=str(page), DEVICE="cpu")
    assert run.results["REPORT"] == str(page)
    text = page.read_text(encoding="utf-8")
    for word in ("a&lt;b&gt;.tif", "Bands taken from names", "Consistency with the input", "<th>B8A</th>"):
        assert word in text


def test_report_that_cannot_be_written_is_said_and_the_result_kept(
    provider, make_scene, model_file, tmp_path
):
    (tmp_path / "report.html").mkdir()
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
    project = QgsProject()
    context.setProject(project)
    output = str(tmp_path / "lifted.tif")
    parameters = {
        "INPUT": str(make_scene()),
        "MODEL_FILE": str(model_file),
        "OUTPUT": QgsProcessingOutputLayerDefinition(output, project),
        "REPORT": str(tmp_path / "report.html"),
    }
    went_well = provider.algorithm("spectralsuperresolution").create().run(parameters, context, feedback)[1]
    assert not went_well
    assert "report.html' could not be written (Is a directory)" in feedback.textLog()
    assert "Files that were written before it are complete." in feedback.textLog()
    assert (tmp_path / "lifted.tif").exists()
    assert context.layerToLoadOnCompletionDetails(output).name == "scene (hyperspectral)"


@pytest.fixture
def run_in_project(provider, make_scene, model_file):
    """Runs the algorithm as the dialog does: on a layer of the project, in a thread; gives the layers."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    project = QgsProject.instance()

    def run() -> dict[str, QgsRasterLayer]:
        project.addMapLayer(QgsRasterLayer(str(make_scene()), "Tile 33UVP"))
        context, feedback = QgsProcessingContext(), QgsProcessingFeedback(False)
        context.setProject(project)
        algorithm = provider.algorithm("spectralsuperresolution").create()
        parameters = {
            "INPUT": "Tile 33UVP",
            "MODEL_FILE": str(model_file),
            "OUTPUT": QgsProcessingOutputLayerDefinition(QgsProcessing.TEMPORARY_OUTPUT, project),
        }
        outcome = []
        task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        task.executed.connect(lambda went_well, results: outcome.append(went_well))
        QgsApplication.taskManager().addTask(task)
        while not outcome:
            QCoreApplication.processEvents()
        gc.collect()
        assert outcome == [True], feedback.textLog()
        assert handleAlgorithmResults(algorithm, context, feedback)
        return {layer.name(): layer for layer in project.mapLayers().values()}

    yield run
    project.clear()


def test_result_is_loaded_with_a_name_and_in_natural_colours(run_in_project):
    layer = run_in_project()["Tile 33UVP (hyperspectral)"]
    renderer = layer.renderer()
    assert isinstance(renderer, QgsMultiBandColorRenderer)
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == (24, 11, 4)
    for stretch in (
        renderer.redContrastEnhancement(),
        renderer.greenContrastEnhancement(),
        renderer.blueContrastEnhancement(),
    ):
        assert (stretch.minimumValue(), stretch.maximumValue()) == (0.0, 0.3)
    assert layer.bandCount() == 172
