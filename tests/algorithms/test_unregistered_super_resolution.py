"""Unregistered super-resolution in QGIS: outputs, bad input, batch and cancel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject
from scipy.ndimage import gaussian_filter

from hyperlift.core.fusion.resampling import observe
from hyperlift.core.inference import models
from hyperlift.core.inference.sharpening_scene import _REACH
from hyperlift.core.raster.blocks import Window

ROWS, COLUMNS, BANDS, PIXEL = 24, 28, 16, 30.0
ID = "unregisteredsuperresolution"
PLACE = (500000.0, PIXEL, 0.0, 5300000.0, 0.0, -PIXEL)


@pytest.fixture(autouse=True)
def _small_model(sharpening_model, monkeypatch):
    monkeypatch.setattr(models, "_FOLDER", sharpening_model.parent)


@pytest.fixture(scope="module")
def land():
    """A fine scene ``(B, H, W)`` of three spectra, and shapes ``(3, H, W)`` as a camera sees them."""
    rng = np.random.default_rng(0)
    shapes = np.stack([gaussian_filter(rng.normal(size=(ROWS * 4, COLUMNS * 4)), 2.0) for _ in range(3)])
    shapes = 0.3 + 0.08 * shapes / shapes.std()
    return np.tensordot(rng.random((BANDS, 3)), shapes, axes=1), shapes


@pytest.fixture
def image(land, make_scene):
    """The coarse scene as digital numbers with two pixels of nodata."""
    whole = Window(0, 0, ROWS, COLUMNS)
    seen = observe(land[0].astype(np.float32), whole, whole, 4, (ROWS, COLUMNS), 0.42)
    numbers = np.rint(seen * 10000).astype(np.uint16)
    numbers[:, 3, 4:6] = 0
    return make_scene(numbers, "image.tif", names=None, transform=PLACE)


@pytest.fixture
def photo(land, make_scene):
    """An eight-bit photograph without a georeference, shifted by five and three pixels."""
    picture = np.clip(np.roll(land[1], (3, 5), (1, 2)) * 400, 1, 255).astype(np.uint8)
    return make_scene(picture, "photo.tif", names=None, nodata=None, epsg=None, transform=(0, 1, 0, 0, 0, 1))


@pytest.fixture
def sharpen(provider, tmp_path):
    """Runs the algorithm; gives its results, or the sentence with which it was refused."""

    class Log(QgsProcessingFeedback):
        def __init__(self):
            super().__init__(False)
            self.errors, self.lines = [], []

        def reportError(self, error, fatalError=False):  # noqa: N802, N803
            self.errors.append(error)

        def pushInfo(self, info):  # noqa: N802
            self.lines.append(info)

    def run(feedback=None, **parameters):
        log = feedback or Log()
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        given = {"OUTPUT": str(tmp_path / "sharp.tif"), **{k: str(v) for k, v in parameters.items()}}
        results, went_well = provider.algorithm(ID).create().run(given, context, log)
        run.log = log
        return results if went_well else log.errors[0]

    return run


def test_it_sharpens_and_says_what_it_found(sharpen, image, photo, land, tmp_path):
    page, trust = tmp_path / "report.html", tmp_path / "trust.tif"
    results = sharpen(INPUT=image, REFERENCE=photo, REPORT=page, OUTPUT_CONFIDENCE=trust)
    sharp = gdal.Open(results["OUTPUT"])
    assert (sharp.RasterCount, sharp.RasterYSize, sharp.RasterXSize) == (BANDS, ROWS * 4, COLUMNS * 4)
    assert sharp.GetGeoTransform() == (500000.0, PIXEL / 4, 0.0, 5300000.0, 0.0, -PIXEL / 4)
    stored, band = sharp.ReadAsArray(), sharp.GetRasterBand(1)
    assert (stored[:, 12:16, 16:24] == band.GetNoDataValue()).all()
    assert (stored == band.GetNoDataValue()).sum() == BANDS * 32
    error = stored[:, 20:80, 20:90] * band.GetScale() - land[0][:, 20:80, 20:90]
    assert np.sqrt((error**2).mean()) < 0.02
    assert results["OFFSET"] == pytest.approx(np.hypot(3, 5), abs=0.5)
    assert results["CONFIDENCE"] == 1.0
    assert results["DEVICE_USED"] == "CPU"
    text = page.read_text(encoding="utf-8")
    assert "Offset found" in text
    assert "extent of the reference was taken as that of the image" in text
    assert gdal.Open(str(trust)).ReadAsArray().shape == (ROWS * 4, COLUMNS * 4)


def test_where_no_place_is_found_no_offset_is_told(sharpen, image, make_scene, tmp_path):
    noise = np.random.default_rng(5).integers(1, 255, (3, ROWS * 4, COLUMNS * 4)).astype(np.uint8)
    other, page = make_scene(noise, "other.tif", names=None, nodata=None), tmp_path / "report.html"
    results = sharpen(INPUT=image, REFERENCE=other, REPORT=page)
    assert results["CONFIDENCE"] == 0.0
    assert not {"OFFSET", "ROTATION", "ZOOM"} & set(results)
    assert not any("output pixels off" in line for line in sharpen.log.lines)
    assert "none: no place was found" in page.read_text(encoding="utf-8")


def test_a_photograph_in_another_coordinate_system_is_placed(sharpen, image, land, make_scene, tmp_path):
    picture = np.clip(land[1] * 400, 1, 255).astype(np.uint8)
    place = (500000.0, PIXEL / 4, 0.0, 5300000.0, 0.0, -PIXEL / 4)
    utm = make_scene(picture, "utm.tif", names=None, nodata=None, transform=place)
    degrees = str(tmp_path / "degrees.tif")
    gdal.Warp(degrees, str(utm), dstSRS="EPSG:4326", resampleAlg="cubic")
    results = sharpen(INPUT=image, REFERENCE=degrees)
    assert any("placed by its georeference" in line for line in sharpen.log.lines)
    assert results["OFFSET"] < 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"REFERENCE": "two.tif"}, "has two bands"),
        ({"REFERENCE": "far.tif"}, "does not lie where the image lies"),
        ({"REFERENCE": "absent.tif"}, "could not be opened"),
        ({"INPUT": "tiny.tif"}, "at least 6 along each side"),
        ({"INPUT": "photo.tif"}, "8-bit picture"),
        ({"OUTPUT": "image.tif"}, "is a file of the input as well"),
        ({"OUTPUT": "sharp.png"}, "must be a GeoTIFF"),
        ({"OUTPUT_CONFIDENCE": "sharp.tif"}, "Two outputs have the same name"),
        ({"REPORT": "missing/report.html"}, "missing' does not exist; create it or choose another one"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    sharpen, image, photo, make_scene, read, tmp_path, change, words
):
    make_scene(read(photo)[:2], "two.tif", names=None, nodata=None)
    make_scene(read(photo), "far.tif", names=None, nodata=None, transform=(9e5, 7.5, 0, 5e6, 0, -7.5))
    make_scene(read(image)[:, :4, :8], "tiny.tif", names=None)
    before = {path: path.read_bytes() for path in tmp_path.glob("*.tif")}
    given = {name: tmp_path / file for name, file in change.items()}
    message = sharpen(**{"INPUT": image, "REFERENCE": photo, **given})
    assert isinstance(message, str)
    assert words in message
    assert {path: path.read_bytes() for path in tmp_path.glob("*.tif")} == before


def test_a_cancelled_run_leaves_nothing(sharpen, image, photo, tmp_path):
    class Cancelled(QgsProcessingFeedback):
        def __init__(self):
            super().__init__(False)
            self.errors = []
            self.cancel()

        def reportError(self, error, fatalError=False):  # noqa: N802, N803
            self.errors.append(error)

    assert "ancelled" in sharpen(Cancelled(), INPUT=image, REFERENCE=photo)
    assert not (tmp_path / "sharp.tif").exists()


@pytest.mark.parametrize(("scale", "fine"), [("8", True), ("5", False), (0, False)])
def test_a_wrong_choice_is_told_which_there_are(provider, image, photo, tmp_path, scale, fine):
    given = {
        "INPUT": str(image),
        "REFERENCE": str(photo),
        "OUTPUT": str(tmp_path / "sharp.tif"),
        "SCALE": scale,
    }
    answer = provider.algorithm(ID).create().checkParameterValues(given, QgsProcessingContext())
    assert answer == (True, "") if fine else answer == (False, f"SCALE is '{scale}'; choose one of 4, 8, 16.")


def test_every_parameter_has_help(provider):
    algorithm = provider.algorithm(ID)
    assert all(parameter.help() for parameter in algorithm.parameterDefinitions())
    assert "What to trust" in algorithm.shortHelpString()
    pixels, share = _REACH
    assert f"{pixels:.0f} pixels of the result, or {100 * share:.0f} %" in algorithm.shortHelpString()
    choices = algorithm.parameterDefinition("SCALE").options()
    assert choices == ["4", "8", "16"]
    assert Path(algorithm.svgIconPath()).is_file()
