"""Blind spectral super-resolution in QGIS, with a small network of random weights."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.algorithms import blind_job, unmixing_pictures
from hyperlift.core.inference.blind_model import ResponseModel
from hyperlift.core.inference.session import Session
from hyperlift.core.spectral import grid, read_response
from hyperlift.core.spectral.band_shapes import BandShapes

CENTRES = (450.0, 520.0, 580.0, 650.0)


def numbers(bands=4):
    """Digital numbers ``(bands, 48, 60)`` of four bands of an invented scene; further ones are like them."""
    row, column = np.mgrid[:48, :60] / 12.0
    nm = grid("visible31").wavelength_nm[:, None, None]
    green = np.exp(-(((nm - 555) / 40) ** 2)) * (0.1 + 0.05 * np.sin(row * column))
    hsi = 0.1 + 0.05 * np.cos(row + 2 * column) + green + 2e-4 * (nm - 400) * (1 + np.sin(3 * row))
    rows = BandShapes(grid("visible31")).rows(np.array(CENTRES), np.full(4, 50.0))
    four = np.tensordot(rows, hsi, axes=1)
    many = np.stack([four[band % 4] * (1 + 0.01 * band) for band in range(bands)])
    return np.rint(1e4 * many).astype(np.uint16)


@pytest.fixture
def scene(make_scene):
    return make_scene(numbers(), names=["blue", "green", "yellow", "red"])


@pytest.fixture
def blind(run_algorithm, blind_model_file, monkeypatch, tmp_path):
    """Runs the algorithm with the small network."""
    models = Session.open(blind_model_file, "cpu", constants=True), ResponseModel(blind_model_file)
    monkeypatch.setattr(blind_job, "open_blind", lambda *_: models)

    def run(image, cancel_at=None, **parameters):
        given = {"INPUT": image, "CENTRES": "450, 520, 580, 650", "OUTPUT": tmp_path / "lifted.tif"}
        return run_algorithm("blindspectralsuperresolution", {**given, **parameters}, cancel_at)

    return run


def test_results(blind, scene, tmp_path):
    run = blind(scene, STF=tmp_path / "stf.csv", REPORT=tmp_path / "report.html")
    assert run.went_well, run.log.errors
    raster = gdal.Open(run.results["OUTPUT"])
    assert (raster.RasterCount, raster.RasterYSize, raster.RasterXSize) == (31, 48, 60)
    assert raster.GetRasterBand(1).GetMetadataItem("wavelength") == "400"
    assert run.results["BANDS_USED"] == 4
    assert run.results["RESPONSES"] == 1
    assert run.results["DEVICE_USED"] == "CPU"
    assert run.results["CONSISTENCY"] < 0.01


def test_table_of_responses(blind, scene, tmp_path):
    blind(scene, STF=tmp_path / "stf.csv")
    response = read_response(tmp_path / "stf.csv")
    assert response.band_names == ("blue", "green", "yellow", "red")
    np.testing.assert_allclose(response.wavelength_nm, grid("visible31").wavelength_nm)
    np.testing.assert_allclose(response.curves.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(response.centre_nm, CENTRES, atol=20)


def test_report(blind, scene, tmp_path):
    blind(scene, REPORT=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in ("Response of the camera", "yellow", "580", "Confidence", "What can be known", "|Y - R X|"):
        assert text in page
    assert page.count("<img") == 1
    assert "good where the centre deviates by up to 5 nm and the width by up to 30%" in page


def test_panels_of_responses_have_one_scale(blind, scene, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    figures = []
    monkeypatch.setattr(unmixing_pictures, "_picture", lambda figure, _: figures.append(figure) or "")
    blind(scene, REPORT=tmp_path / "report.html")
    found, nominal = (axes.get_ylim() for axes in figures[0].axes)
    assert found == nominal


def test_without_centres(blind, scene, tmp_path):
    run = blind(scene, CENTRES="", REPORT=tmp_path / "report.html")
    assert run.went_well
    assert any("without nominal centres" in line for line in run.log.lines)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "unknown" in page
    assert "good" not in page.split("What can be known")[0]


def test_classes(blind, scene, make_scene, tmp_path):
    classes = np.ones((1, 48, 60), np.uint16)
    classes[:, :, 30:] = 2
    path = make_scene(classes, name="classes.tif", names=["class"])
    run = blind(scene, CLASSES=path, STF=tmp_path / "stf.csv", REPORT=tmp_path / "report.html")
    assert run.results["RESPONSES"] == 3
    with (tmp_path / "stf.csv").open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header[1:6] == ["blue", "green", "yellow", "red", "class 1, blue"]
    assert "Response in class 2" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_batch_of_scenes_and_a_second_run(blind, scene, tmp_path):
    first, second = (blind(scene, OUTPUT=tmp_path / f"{name}.tif") for name in "ab")
    one, other = (gdal.Open(run.results["OUTPUT"]).ReadAsArray() for run in (first, second))
    np.testing.assert_array_equal(one, other)


def test_help_names_every_parameter(provider):
    algorithm = provider.algorithm("blindspectralsuperresolution")
    assert algorithm.group() == "Super-resolution"
    assert all(one.help() for one in algorithm.parameterDefinitions())
    assert "One scene does not determine the responses" in algorithm.shortHelpString()


def refusals():
    """Bad input: what is wrong, changes of the parameters, numbers, and what the user reads."""
    four = numbers()
    constant, twins = four.copy(), four.copy()
    constant[2], twins[3] = 700, twins[1]
    return [
        ("two bands", {"CENTRES": ""}, four[:2], "2 bands are in '"),
        ("forty bands", {"CENTRES": ""}, numbers(40), "40 bands are in '"),
        ("constant", {}, constant, "The band 'b3' has the same value everywhere (0.07); leave it out"),
        ("identical", {}, twins, "The bands 'b2' and 'b4' are identical; leave one of them out"),
        ("outside", {"CENTRES": "450, 520, 580, 900"}, four, "band 4, 900 nm, is not on the wavelengths"),
        ("three centres", {"CENTRES": "450, 520, 580"}, four, "3 nominal centres are given for 4 bands"),
        ("micrometres", {"CENTRES": "0.45, 0.52, 0.58, 0.65"}, four, "in nm: 450, 520, 580, 650."),
        ("words", {"CENTRES": "blue"}, four, "Nominal centres must be wavelengths in nm"),
        ("a band that is not there", {"BANDS": "1, 2, 9, 3"}, four, "names a band that is not there"),
        ("nothing valid", {}, np.zeros_like(four), "No valid pixel was found"),
        ("no csv", {"STF": "stf.txt"}, four, "must have a name that ends in .csv"),
        ("no folder for the table", {"STF": "missing/stf.csv"}, four, "The folder 'missing' does not exist"),
        ("no folder for the page", {"REPORT": "missing/r.html"}, four, "The folder 'missing' does not exist"),
    ]


@pytest.mark.parametrize(
    ("changes", "pixels", "sentence"), [pytest.param(*case[1:], id=case[0]) for case in refusals()]
)
def test_bad_input_is_one_sentence_and_leaves_nothing(blind, make_scene, tmp_path, changes, pixels, sentence):
    scene = make_scene(pixels, names=[f"b{number}" for number in range(1, len(pixels) + 1)])
    run = blind(scene, **changes)
    assert sentence in run.error
    assert [path.name for path in tmp_path.iterdir()] == [scene.name]


def test_classes_on_other_pixels(blind, scene, make_scene):
    path = make_scene(np.ones((1, 5, 5), np.uint16), name="classes.tif", names=["class"])
    assert "give one band on the same pixels" in blind(scene, CLASSES=path).error


def test_cancel_leaves_nothing(blind, make_scene, tmp_path):
    large = np.tile(numbers(), (1, 6, 6))
    run = blind(make_scene(large), cancel_at=1, TILE_SIZE=16)
    assert "Cancelled; nothing was written" in run.error
    assert not (tmp_path / "lifted.tif").exists()


def test_the_result_is_not_written_over_the_classes(blind, scene, make_scene):
    path = make_scene(np.ones((1, 48, 60), np.uint16), name="classes.tif", names=["class"])
    assert "is a file of the input as well" in blind(scene, CLASSES=path, OUTPUT=path).error
