from functools import partial

import numpy as np
import pytest

gdal = pytest.importorskip("osgeo.gdal")

from hyperlift.core.errors import CancelledError, HyperLiftError  # noqa: E402
from hyperlift.core.inference.report import SilentMonitor  # noqa: E402
from hyperlift.core.inference.scene import LiftOptions, lift_scene  # noqa: E402
from hyperlift.core.inference.session import Session  # noqa: E402
from hyperlift.core.raster.blocks import Window  # noqa: E402
from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource  # noqa: E402


class Cancelling(SilentMonitor):
    """Cancels half way."""

    fraction = 0.0

    def progress(self, fraction):
        self.fraction = fraction

    def cancelled(self):
        return self.fraction > 0.4


@pytest.fixture(scope="module")
def session(linear_model):
    return Session.open(linear_model, "cpu")


def lift_file(path, output, session, monitor=None, **options):
    return lift_scene(GdalSource(path), partial(GdalSink, output), session, LiftOptions(**options), monitor)


def reflectance(path):
    """Reflectance ``(C, H, W)``, NaN where nodata."""
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    numbers = dataset.ReadAsArray().astype(float)
    numbers[numbers == band.GetNoDataValue()] = np.nan
    return numbers * (band.GetScale() or 1.0)


def test_file_to_file(session, matrix, write_tiff, rough_scene, tmp_path):
    scene = rough_scene(70, 45)
    scene[:, 10:20, 5:9] = 0
    source = write_tiff(scene, nodata=0, tags={"ACQUISITION_TIME": "2024-05-01T10:00:00Z"})
    output = tmp_path / "lifted.tif"
    report = lift_file(source, output, session, tile=32)
    result = reflectance(output)
    expected = np.clip(np.tensordot(matrix, scene * 1e-4, axes=1), -3.2767, 3.2767)
    np.testing.assert_array_equal(np.isnan(result[0]), scene[0] == 0)
    valid = scene[0] > 0
    np.testing.assert_allclose(result[:, valid], expected[:, valid], atol=6e-5)
    assert report.valid_fraction == valid.mean()
    dataset = gdal.Open(str(output))
    assert dataset.GetGeoTransform() == gdal.Open(str(source)).GetGeoTransform()
    assert dataset.GetProjection() == gdal.Open(str(source)).GetProjection()
    items = dataset.GetMetadata()
    assert items["ACQUISITION_TIME"] == "2024-05-01T10:00:00Z"
    assert items["HYPERLIFT_MODEL_DIGEST"] == session.card.digest
    assert dataset.GetRasterBand(1).GetDescription() == f"{session.card.output.wavelength_nm[0]:.1f} nm"


def test_the_tiles_do_not_show_in_the_file(make_model, write_tiff, rough_scene, tmp_path):
    blur = Session.open(make_model("blur"), "cpu")
    source = write_tiff(rough_scene(100, 75))
    results = []
    for tile in (16, 48, 128):
        output = tmp_path / f"lifted{tile}.tif"
        lift_file(source, output, blur, tile=tile, data_type="float32")
        results.append(reflectance(output))
        np.testing.assert_allclose(results[-1], results[0], atol=1e-6)


def test_clipped_file_lies_in_the_right_place(session, write_tiff, rough_scene, tmp_path):
    source = write_tiff(rough_scene(60, 60))
    output = tmp_path / "part.tif"
    lift_file(source, output, session, window=Window(20, 10, 30, 40))
    dataset = gdal.Open(str(output))
    assert (dataset.RasterYSize, dataset.RasterXSize) == (30, 40)
    assert dataset.GetGeoTransform() == (500100.0, 10.0, 0.0, 4999800.0, 0.0, -10.0)


def test_missing_crs_is_allowed(session, write_tiff, rough_scene, tmp_path):
    output = tmp_path / "lifted.tif"
    lift_file(write_tiff(rough_scene(5, 5), crs=None, transform=None), output, session)
    assert gdal.Open(str(output)).GetProjection() == ""


def test_cancel_leaves_nothing(session, write_tiff, rough_scene, tmp_path):
    source = write_tiff(rough_scene(200, 40))
    with pytest.raises(CancelledError):
        lift_file(source, tmp_path / "lifted.tif", session, Cancelling(), tile=16)
    assert list(tmp_path.iterdir()) == [source]


def test_file_that_ends_early_leaves_nothing(session, write_tiff, rough_scene, tmp_path):
    source = write_tiff(rough_scene(400, 300), BIGTIFF="NO", blockysize=16)
    with source.open("r+b") as file:
        file.truncate(source.stat().st_size // 2)
    with pytest.raises(HyperLiftError):
        lift_file(source, tmp_path / "lifted.tif", session, tile=16)
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pixels": np.full((12, 9, 9), 77, np.uint8)}, "is an 8-bit picture"),
        ({"pixels": np.full((12, 9, 9), np.nan, np.float32)}, "No valid pixel was found in"),
        ({"pixels": np.zeros((12, 9, 9), np.uint16), "nodata": 0}, "all is nodata"),
        ({"pixels": np.full((3, 9, 9), 500, np.uint16), "names": None}, "The raster has 3 bands"),
        (
            {"pixels": np.full((12, 9, 9), 500, np.uint16), "names": None},
            "set the bands to the numbers of B1",
        ),
        (
            {"pixels": np.full((12, 9, 9), 500, np.uint16), "transform": (10, 1, 0, 1, -10, 0)},
            "is rotated against its coordinate system",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(session, write_tiff, tmp_path, changes, message):
    if "transform" in changes:
        affine = pytest.importorskip("affine")
        changes = {**changes, "transform": affine.Affine(*changes["transform"])}
    source = write_tiff(**changes)
    with pytest.raises(HyperLiftError, match=message) as caught:
        lift_file(source, tmp_path / "lifted.tif", session)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [source]


def test_real_images_give_the_input_back(session, shared_data, tmp_path):
    folder = shared_data / "sentinel2"
    patches = sorted(folder.glob("BEN_*.tif"))
    assert len(patches) == 3
    for path in patches:
        report = lift_file(path, tmp_path / "lifted.tif", session)
        assert report.warnings == ()
        assert set(report.consistency) == set(session.card.input.bands) - {"B1"}
        assert max(report.consistency.values()) < 1e-3
    amazon = folder / "RStoolbox_sen2_12band_L2A.tif"
    report = lift_file(amazon, tmp_path / "lifted.tif", session, bands=tuple(range(1, 13)))
    assert "set the offset to -0.1" in report.warnings[0]
