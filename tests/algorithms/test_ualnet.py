"""UALNet from the toolbox: half the pixel size, from the same corner."""

from functools import partial

import numpy as np
import pytest
from osgeo import gdal

UALNET = {"MODEL": "ualnet", "MODEL_FILE": None}


@pytest.fixture
def ualnet_refuses(refused):
    """The sentence with which a run of UALNet is refused; nothing is left behind."""
    return partial(refused, **UALNET)


def test_the_result_has_half_the_pixel_size_from_the_same_corner(lift, make_scene, read):
    numbers = read(make_scene())[:, :17, :23].copy()
    numbers[:, 4:6, 5:9] = 0
    scene = make_scene(numbers, "odd.tif", nodata=0)
    run = lift(scene, **UALNET)
    assert run.went_well, run.log.errors
    result, source = gdal.Open(run.results["OUTPUT"]), gdal.Open(str(scene))
    assert (result.RasterCount, result.RasterYSize, result.RasterXSize) == (186, 34, 46)
    west, width, _, north, _, height = source.GetGeoTransform()
    assert result.GetGeoTransform() == pytest.approx((west, width / 2, 0.0, north, 0.0, height / 2))
    assert result.GetProjection() == source.GetProjection()
    band = result.GetRasterBand(1)
    assert band.GetMetadataItem("wavelength") is not None
    nodata = band.ReadAsArray() == band.GetNoDataValue()
    expected = (numbers == 0).any(axis=0).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(nodata, expected)
    assert run.results["CONSISTENCY"] < 0.01


def test_bands_that_do_not_fit_are_refused(ualnet_refuses, make_scene, read):
    three = make_scene(read(make_scene())[:3], "three.tif", names=None)
    assert ualnet_refuses(three).startswith("The raster has 3 bands; the model needs 12 bands (B1 B2 B3")
    assert "set the bands to the numbers of B1" in ualnet_refuses(make_scene(name="bare.tif", names=None))


@pytest.mark.parametrize(("value", "dtype"), [(0, np.uint16), (np.nan, np.float32)])
def test_scenes_without_a_valid_pixel_are_refused(ualnet_refuses, make_scene, value, dtype):
    assert "o valid pixel" in ualnet_refuses(make_scene(np.full((12, 20, 30), value, dtype), "empty.tif"))


def test_damaged_and_misplaced_files_are_refused(ualnet_refuses, scene, tmp_path):
    short = tmp_path / "short.tif"
    short.write_bytes(scene.read_bytes()[:2000])
    assert "the file may be truncated or damaged" in ualnet_refuses(short)
    assert "is a file of the input as well" in ualnet_refuses(scene, OUTPUT=str(scene))
    missing = str(tmp_path / "missing" / "o.tif")
    assert "does not exist; create it" in ualnet_refuses(scene, OUTPUT=missing)


def test_cancel_in_the_middle_leaves_nothing(lift, make_scene, read, tmp_path):
    scene = make_scene(np.tile(read(make_scene()), (1, 2, 2)), "large.tif")
    run = lift(scene, cancel_at=5, TILE_SIZE=64, **UALNET)
    assert run.error == "Cancelled; nothing was written."
    assert not (tmp_path / "lifted.tif").exists()
