"""Every way in which the input can be wrong: one sentence, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject, QgsRasterLayer


def test_wrong_band_count(refused, make_scene, read):
    three = make_scene(read(make_scene())[:3], "three.tif", names=None)
    assert refused(three).startswith("The raster has 3 bands; the model needs 12 bands (B1 B2 B3")


def test_no_wavelengths_and_unknown_names(refused, make_scene):
    message = refused(make_scene(names=None))
    assert message.startswith("The bands of the raster have neither Sentinel-2 names nor wavelengths")
    assert "set the bands to the numbers of B1" in message
    message = refused(make_scene(names=[f"layer {letter}" for letter in "abcdefghijkl"]))
    assert "set the bands to the numbers of B1" in message


def test_eight_bit_picture(refused, make_scene, read):
    picture = (read(make_scene()) // 20).astype(np.uint8)
    assert "is an 8-bit picture" in refused(make_scene(picture, "picture.tif"))


@pytest.mark.parametrize(("value", "dtype"), [(0, np.uint16), (np.nan, np.float32)])
def test_no_valid_pixel(refused, make_scene, value, dtype):
    empty = make_scene(np.full((12, 20, 30), value, dtype), "empty.tif")
    assert "o valid pixel" in refused(empty)


def test_rotated_georeference(refused, make_scene):
    rotated = make_scene(transform=(500000.0, 8.0, 6.0, 5300000.0, 6.0, -8.0))
    message = refused(rotated)
    assert "is rotated against its coordinate system; warp it first" in message
    quarter = make_scene(name="quarter.tif", transform=(500000.0, 0.0, 10.0, 5300000.0, 10.0, 0.0))
    assert "warp it first" in refused(quarter, EXTENT="500000,500100,5300000,5300100 [EPSG:32633]")


def test_missing_crs_is_allowed(lift, make_scene):
    run = lift(make_scene(epsg=None))
    assert run.went_well, run.log.errors
    result = gdal.Open(run.results["OUTPUT"])
    assert result.GetProjection() == ""
    assert result.GetGeoTransform()[0] == 500000.0


def test_file_that_is_no_raster(refused, algorithm, tmp_path):
    text = tmp_path / "notes.tif"
    text.write_text("not a raster")
    assert f"The raster '{text}' could not be opened (" in refused(text)
    ok, message = algorithm.checkParameterValues(
        {"INPUT": str(text), "OUTPUT": str(tmp_path / "o.tif")}, QgsProcessingContext()
    )
    assert not ok
    assert "check that it is there, complete and in a format that GDAL reads" in message


def test_missing_file(refused, tmp_path):
    assert "could not be opened" in refused(tmp_path / "nowhere.tif")


def test_truncated_file(refused, make_scene, tmp_path):
    whole = make_scene().read_bytes()
    short = tmp_path / "short.tif"
    short.write_bytes(whole[: len(whole) // 2])
    assert "the file may be truncated or damaged" in refused(short)


def test_output_folder_that_is_missing(refused, scene, tmp_path):
    missing = str(tmp_path / "missing" / "o.tif")
    assert "does not exist; create it or choose another one" in refused(scene, OUTPUT=missing)


def test_report_in_a_folder_that_is_missing(refused, scene, tmp_path):
    missing = tmp_path / "missing"
    message = refused(scene, REPORT=str(missing / "report.html"))
    assert message == f"The folder '{missing}' does not exist; create it or choose another one."


@pytest.fixture
def closed_folder(scene, model_file):
    """Scene and model in a folder that everybody may read and nobody write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (scene, model_file):
            shutil.copy(path, folder)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_output_folder_that_cannot_be_written_to(lift, scene, model_file, closed_folder):
    with without_privileges():
        run = lift(
            closed_folder / scene.name,
            MODEL_FILE=str(closed_folder / model_file.name),
            OUTPUT=str(closed_folder / "o.tif"),
        )
    assert run.error.startswith(f"The output folder '{closed_folder}' cannot be written to (")


@contextmanager
def without_privileges():
    """Act as a user who may not write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_output_that_is_no_geotiff(refused, scene, tmp_path):
    message = refused(scene, OUTPUT=str(tmp_path / "lifted.img"))
    assert "must be a GeoTIFF; give it a name that ends in .tif or .tiff" in message


def test_output_over_the_input(refused, scene):
    before = scene.read_bytes()
    assert "is a file of the input as well; choose another name" in refused(scene, OUTPUT=str(scene))
    assert scene.read_bytes() == before


def test_disk_too_small(refused, scene, tmp_path):
    source = gdal.Open(str(scene))
    huge = tmp_path / "huge.vrt"
    options = gdal.TranslateOptions(format="VRT", width=3_000_000, height=2_000_000)
    gdal.Translate(str(huge), source, options=options)
    message = refused(huge)
    assert message.startswith("The output can take up to 2064000.0 GB and only")
    assert "free some space" in message


def test_model_file_that_is_corrupt(refused, scene, model_file, tmp_path):
    content = bytearray(model_file.read_bytes())
    content[2000] ^= 1
    changed, short, text = (tmp_path / name for name in ("changed.onnx", "short.onnx", "text.onnx"))
    changed.write_bytes(content)
    short.write_bytes(content[:3000])
    text.write_text("no model at all")
    for path in (changed, short):
        assert "is damaged or was changed after its export" in refused(scene, MODEL_FILE=str(path))
    assert "is not an ONNX model" in refused(scene, MODEL_FILE=str(text))
    assert "There is no model file" in refused(scene, MODEL_FILE=str(tmp_path / "none.onnx"))


def test_model_of_another_sensor(refused, scene, make_model):
    message = refused(scene, MODEL_FILE=str(make_model(sensor="landsat8")))
    assert message == "The model 'tiny' was made for the sensor 'landsat8'; choose a model for Sentinel-2."


def test_bands_that_are_no_numbers(algorithm, scene, tmp_path):
    parameters = {"INPUT": str(scene), "BANDS": "B1,B2", "OUTPUT": str(tmp_path / "o.tif")}
    ok, message = algorithm.checkParameterValues(parameters, QgsProcessingContext())
    assert not ok
    assert message.startswith("Bands must be numbers separated by commas")


def test_extent_outside(refused, scene):
    message = refused(scene, EXTENT="10,11,47,48 [EPSG:4326]")
    assert message.startswith("The extent does not overlap the input raster")


def test_cancel_in_the_middle_leaves_nothing(lift, make_scene, read, tmp_path):
    scene = make_scene(np.tile(read(make_scene()), (1, 3, 3)), "large.tif")
    run = lift(scene, cancel_at=20)
    assert run.error == "Cancelled; nothing was written."
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".tif") == [
        "large.tif",
        "scene.tif",
    ]


@pytest.fixture
def in_project(qgis_app):
    """Adds a layer to the project, which owns it as in the desktop, and gives its id."""

    def add(source: str, name: str, provider: str) -> str:
        layer = QgsRasterLayer(source, name, provider)
        assert layer.isValid()
        return QgsProject.instance().addMapLayer(layer).id()

    yield add
    QgsProject.instance().clear()


WEB_MAP = "type=xyz&url=https://example.org/{z}/{x}/{y}.png&zmax=3&zmin=0"


def test_web_service_is_no_file(refused, in_project):
    message = refused(in_project(WEB_MAP, "Web map", "wms"))
    assert message.startswith("The layer 'Web map' is not a file on disk (it comes from the provider 'wms')")
    assert "export it to a GeoTIFF" in message


def test_raster_in_memory_is_no_file(refused, scene, in_project):
    gdal.Translate("/vsimem/kept.tif", str(scene))
    message = refused(in_project("/vsimem/kept.tif", "Kept", "gdal"))
    assert message.startswith("The layer 'Kept' is not a file on disk (it lives in memory)")


def test_dialog_says_early_that_a_layer_is_no_file(algorithm, in_project, tmp_path):
    parameters = {"INPUT": in_project(WEB_MAP, "Web map", "wms"), "OUTPUT": str(tmp_path / "o.tif")}
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    ok, message = algorithm.checkParameterValues(parameters, context)
    assert not ok
    assert "not a file on disk" in message


def test_runtime_missing(algorithm, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ok, message = algorithm.canExecute()
    assert not ok
    assert "onnxruntime" in message


def test_errors_reach_scripts_as_exceptions(provider, scene, tmp_path):
    import processing
    from qgis.core import QgsProcessingException

    parameters = {"INPUT": str(scene), "BANDS": "1,2", "OUTPUT": str(tmp_path / "o.tif")}
    with pytest.raises(QgsProcessingException):
        processing.run("hyperlift:spectralsuperresolution", parameters, feedback=QgsProcessingFeedback(False))
