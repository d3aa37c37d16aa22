from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.core.errors import RasterError
from hyperlift.core.raster.blocks import Block, Window
from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource


def test_release_empties_what_reading_put_into_the_shared_cache(make_tiff):
    before = gdal.GetCacheUsed()
    source = GdalSource(
        make_tiff(np.ones((6, 512, 512), np.uint16), options=["TILED=YES", "COMPRESS=DEFLATE"])
    )
    peaks = []
    for row in range(0, 512, 128):
        source.read(Window(row, 0, 128, 512))
        peaks.append(gdal.GetCacheUsed())
        source.release()
        assert gdal.GetCacheUsed() == before
    assert max(peaks) > before


def test_masks_are_released_as_well(make_tiff):
    def describe(dataset):
        dataset.GetRasterBand(2).SetColorInterpretation(gdal.GCI_AlphaBand)

    before = gdal.GetCacheUsed()
    source = GdalSource(make_tiff(np.ones((2, 256, 256), np.uint8), describe))
    source.read(Window(0, 0, 256, 256))
    source.release()
    assert gdal.GetCacheUsed() == before


def test_written_blocks_do_not_stay_in_the_shared_cache(make_profile, tmp_path):
    before = gdal.GetCacheUsed()
    sink = GdalSink(tmp_path / "out.tif", make_profile(shape=(128, 128)))
    sink.write(Block(Window(0, 0, 64, 64), np.ones((4, 64, 64), np.float32), np.ones((64, 64), bool)))
    assert gdal.GetCacheUsed() == before
    sink.discard()


def test_settings_that_qgis_shares_are_left_alone(make_tiff, make_profile, tmp_path):
    settings = (gdal.GetUseExceptions(), gdal.GetCacheMax())
    GdalSource(make_tiff(np.ones((1, 2, 2), np.uint8))).read(Window(0, 0, 2, 2))
    GdalSink(tmp_path / "out.tif", make_profile()).discard()
    assert (gdal.GetUseExceptions(), gdal.GetCacheMax()) == settings


@pytest.fixture
def exceptions_on():
    """GDAL as another plugin may have left it."""
    before = gdal.GetUseExceptions()
    gdal.UseExceptions()
    yield
    if not before:
        gdal.DontUseExceptions()


@pytest.mark.usefixtures("exceptions_on")
def test_it_works_where_another_plugin_switched_exceptions_on(make_profile, write_tiles, tmp_path):
    with pytest.raises(RasterError, match="could not be opened"):
        GdalSource(tmp_path / "out.tif")
    sink = GdalSink(tmp_path / "out.tif", make_profile())
    write_tiles(sink, np.ones((4, 70, 90), np.float32))
    sink.commit()
    assert GdalSource(tmp_path / "out.tif").read(Window(0, 0, 70, 90)).valid.all()
    os.truncate(tmp_path / "out.tif", os.path.getsize(tmp_path / "out.tif") - 50)
    with pytest.raises(RasterError, match="could not be read"):
        GdalSource(tmp_path / "out.tif").read(Window(0, 0, 70, 90))


def test_a_file_that_gdal_cannot_create_is_one_sentence(make_profile, monkeypatch, tmp_path):
    driver = gdal.GetDriverByName("GTiff")
    failing = SimpleNamespace(GetMetadataItem=driver.GetMetadataItem, Create=lambda *_: None)
    monkeypatch.setattr(gdal, "GetDriverByName", lambda _: failing)
    with pytest.raises(RasterError, match="could not be written"):
        GdalSink(tmp_path / "out.tif", make_profile())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="lists open files as Linux does")
def test_an_incomplete_file_is_closed_before_it_is_removed(make_profile, monkeypatch, tmp_path):
    def incomplete(sink, item):
        item(1, "BLOCK_OFFSET_0_0")
        raise sink.unwritable("band 1 is incomplete")

    monkeypatch.setattr(GdalSink, "_check_blocks", incomplete)
    sink = GdalSink(tmp_path / "out.tif", make_profile())
    with pytest.raises(RasterError, match="band 1 is incomplete") as caught:
        sink.commit()
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [link for link in links if os.path.realpath(link).startswith(str(tmp_path))]
    assert caught.value.__traceback__ is not None  # which holds the frames, and must not hold the file
    sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_deflate_where_zstd_is_missing(make_profile, write_tiles, monkeypatch, tmp_path):
    driver = gdal.GetDriverByName("GTiff")
    options = driver.GetMetadataItem("DMD_CREATIONOPTIONLIST").replace("ZSTD", "none")
    lacking = SimpleNamespace(GetMetadataItem=lambda _: options, Create=driver.Create)
    monkeypatch.setattr(gdal, "GetDriverByName", lambda _: lacking)
    sink = GdalSink(tmp_path / "out.tif", make_profile())
    write_tiles(sink, np.ones((4, 70, 90), np.float32))
    sink.commit()
    structure = gdal.Open(str(tmp_path / "out.tif")).GetMetadata("IMAGE_STRUCTURE")
    assert structure["COMPRESSION"] == "DEFLATE"
    assert structure["PREDICTOR"] == "2"
