from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.core.errors import RasterError
from hyperlift.core.raster.blocks import Block, Georeference, Window
from hyperlift.core.raster.output import block_side, require_distinct


def reflectance(bands=4, shape=(70, 90), seed=0):
    return np.random.default_rng(seed).random((bands, *shape), dtype=np.float32)


@pytest.fixture
def write_file(backend, make_profile, write_tiles, tmp_path):
    """Write a whole output, return its path."""

    def write(name="out.tif", image=None, valid=None, **fields):
        profile = make_profile(**fields)
        sink = backend.sink(tmp_path / name, profile)
        image = reflectance(len(profile.bands), profile.shape) if image is None else image
        write_tiles(sink, image, valid)
        sink.commit()
        return str(tmp_path / name)

    return write


def info(path):
    return json.loads(subprocess.check_output(["gdalinfo", "-json", path]))


@contextmanager
def files_at_most(size):
    """A disk that is full after ``size`` bytes of a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("data_type", "step"), [("int16", 0.5e-4), ("float32", 0.0)])
@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (70, 90), (130, 20)])
def test_pixels_and_mask_come_back(backend, write_file, data_type, step, shape):
    image = reflectance(shape=shape)
    valid = image[0] > 0.3
    path = write_file(image=image, valid=valid, shape=shape, data_type=data_type)
    source = backend.source(path)
    block = source.read(Window(0, 0, *shape))
    scale = source.calibration.scale[0] if source.calibration else 1.0
    np.testing.assert_array_equal(block.valid, valid)
    np.testing.assert_allclose((block.pixels * scale)[:, valid], image[:, valid], rtol=1e-6, atol=step + 1e-7)


def test_the_file_is_what_was_decided(write_file):
    path = write_file(natural_colour=(3, 2, 1), metadata={"HYPERLIFT_MODEL": "explains2a sha256:00"})
    found = info(path)
    structure, bands = found["metadata"]["IMAGE_STRUCTURE"], found["bands"]
    assert (structure["INTERLEAVE"], structure["COMPRESSION"], structure["PREDICTOR"]) == (
        "BAND",
        "ZSTD",
        "2",
    )
    assert found["metadata"][""]["HYPERLIFT_MODEL"] == "explains2a sha256:00"
    assert [band["colorInterpretation"] for band in bands] == ["Blue", "Green", "Red", "Undefined"]
    for band in bands:
        assert (band["type"], band["block"], band["noDataValue"]) == ("Int16", [64, 64], -32768)
        assert (band["scale"], band["offset"]) == (1e-4, 0)
    assert found["geoTransform"] == [4e5, 10, 0, 5e6, 0, -10]
    assert found["files"] == [path]


def test_float_files(write_file):
    found = info(write_file(data_type="float32", natural_colour=(1, 2, 3)))
    assert found["metadata"]["IMAGE_STRUCTURE"]["PREDICTOR"] == "3"
    assert {(band["type"], band["noDataValue"], "scale" in band) for band in found["bands"]} == {
        ("Float32", "NaN", False)
    }
    assert [band["colorInterpretation"] for band in found["bands"][:3]] == ["Red", "Green", "Blue"]


def test_wavelengths_are_in_the_file_in_three_places(write_file, tmp_path):
    path = write_file(bands=3)
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]
    dataset = gdal.Open(path)
    assert dataset.GetMetadata("ENVI") == {
        "wavelength": "{455, 705, 955}",
        "wavelength_units": "Nanometers",
        "fwhm": "{10, 10, 10}",
    }
    band = dataset.GetRasterBand(2)
    assert band.GetDescription() == "705.0 nm"
    assert band.GetMetadata() == {"wavelength": "705", "wavelength_units": "Nanometers"}
    assert band.GetMetadata("IMAGERY") == {"CENTRAL_WAVELENGTH_UM": "0.705", "FWHM_UM": "0.01"}


def test_both_backends_read_the_wavelengths_back(backend, write_file):
    bands = backend.source(write_file(bands=3)).bands
    assert bands.names == ("455.0 nm", "705.0 nm", "955.0 nm")
    assert bands.wavelength_nm == (455.0, 705.0, 955.0)
    assert bands.fwhm_nm == (10.0, 10.0, 10.0)


def test_names_stay_where_no_wavelength_is_known(backend, write_file):
    path = write_file(bands=2, wavelengths=False)
    bands = backend.source(path).bands
    assert bands.names == ("layer 1", "layer 2")
    assert np.isnan(bands.wavelength_nm).all()
    assert "ENVI" not in info(path)["metadata"]


@pytest.mark.parametrize(
    "transform",
    [(4e5, 10.0, 0.0, 5e6, 0.0, 10.0), (4e5, 8.0, 6.0, 5e6, 6.0, -8.0)],
    ids=["south-up", "rotated"],
)
def test_georeferences_survive(backend, write_file, make_profile, transform):
    wkt = make_profile().georeference.crs_wkt
    found = backend.source(write_file(georeference=Georeference(transform, wkt))).georeference
    assert found.transform == pytest.approx(transform)
    assert "UTM zone 33N" in found.crs_wkt


def test_missing_crs_and_identity_transform(backend, write_file):
    path = write_file(georeference=Georeference())
    found = backend.source(path).georeference
    assert found == Georeference()
    assert "geoTransform" not in info(path)
    placed = write_file("placed.tif", georeference=Georeference((7.0, 0.5, 0.0, 50.0, 0.0, -0.5)))
    assert backend.source(placed).georeference.transform == (7.0, 0.5, 0.0, 50.0, 0.0, -0.5)
    assert backend.source(placed).georeference.crs_wkt == ""


@pytest.mark.parametrize("data_type", ["int16", "float32"])
def test_nothing_valid(backend, write_file, data_type):
    path = write_file(valid=np.zeros((70, 90), dtype=bool), data_type=data_type)
    assert not backend.source(path).read(Window(0, 0, 70, 90)).valid.any()


def test_numbers_out_of_range_are_cut_and_never_nodata(backend, write_file):
    image = np.array([-9.0, -3.2768, 9.0, np.nan, np.inf, 0.12345], dtype=np.float32).reshape(1, 1, 6)
    path = write_file(image=image, bands=1, shape=(1, 6))
    numbers = gdal.Open(path).ReadAsArray().ravel().tolist()
    assert numbers == [-32767, -32767, 32767, -32768, -32768, 1234]


@pytest.mark.parametrize(
    ("tile", "shape", "side"),
    [
        (256, (999, 999), 256),
        (512, (999, 999), 512),
        (1024, (999, 999), 512),
        (640, (999, 999), 320),
        (1056, (9999, 9999), 352),
        (48, (999, 20), 48),
        (256, (1, 1), 16),
        (256, (100, 3), 112),
    ],
)
def test_blocks_fit_the_tiles_that_come(make_profile, tile, shape, side):
    assert block_side(make_profile(tile=tile, shape=shape)) == side


def test_every_block_is_compressed_once(write_file, tmp_path):
    """The file is no larger than the same pixels written in one go."""
    path = write_file(bands=6, shape=(300, 310))
    options = "TILED=YES BLOCKXSIZE=64 BLOCKYSIZE=64 INTERLEAVE=BAND COMPRESS=ZSTD ZSTD_LEVEL=1 PREDICTOR=2"
    copy = str(tmp_path / "copy.tif")
    gdal.Translate(copy, path, creationOptions=options.split())
    assert os.path.getsize(path) <= 1.02 * os.path.getsize(copy)


_GROWTH = """
import resource, sys
import numpy as np
from hyperlift.core.raster.blocks import BandTable, Block, Georeference, RasterProfile, Window
if sys.argv[1] == "gdal":
    from hyperlift.core.raster.gdal_backend import GdalSink as Sink
else:
    from hyperlift.cli.rasterio_backend import RasterioSink as Sink
bands, side, tile = 48, 1400, 256
table = BandTable(("",) * bands, (450.0,) * bands, (10.0,) * bands)
sink = Sink(sys.argv[2], RasterProfile((side, side), table, Georeference(), tile))
pixels = np.random.default_rng(0).random((bands, tile, tile), dtype=np.float32)
peaks = []
for row in range(0, side, tile):
    for column in range(0, side, tile):
        height, width = min(tile, side - row), min(tile, side - column)
        valid = np.ones((height, width), dtype=bool)
        sink.write(Block(Window(row, column, height, width), pixels[:, :height, :width], valid))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sink.commit()
print((peaks[-1] - peaks[0]) / 1024)
"""


def test_memory_is_flat_however_large_the_file(backend, tmp_path):
    """Nearly 190 MB are written; keeping them in GDAL's cache would show."""
    arguments = [sys.executable, "-c", _GROWTH, backend.name, str(tmp_path / "large.tif")]
    growth_mb = float(subprocess.check_output(arguments, text=True))
    assert growth_mb < 20


def test_nothing_stands_under_the_name_before_commit(backend, make_profile, tmp_path):
    sink = backend.sink(tmp_path / "out.tif", make_profile())
    sink.write(Block(Window(0, 0, 64, 64), reflectance(shape=(64, 64)), np.ones((64, 64), bool)))
    names = [file.name for file in tmp_path.iterdir()]
    assert len(names) == 1
    assert names[0].startswith("out.")
    assert names[0].endswith(".partial.tif")
    sink.discard()


def test_discard_leaves_an_empty_folder(backend, make_profile, write_tiles, tmp_path):
    sink = backend.sink(tmp_path / "out.tif", make_profile())
    write_tiles(sink, reflectance())
    sink.discard()
    sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_discard_after_commit_keeps_the_file(backend, make_profile, write_tiles, tmp_path):
    sink = backend.sink(tmp_path / "out.tif", make_profile())
    write_tiles(sink, reflectance())
    sink.commit()
    sink.discard()
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]


def test_an_existing_output_survives_a_discarded_run_and_yields_to_a_finished_one(
    backend, make_profile, write_tiles, tmp_path
):
    path = tmp_path / "out.tif"
    path.write_bytes(b"earlier")
    sidecars = [tmp_path / name for name in ("out.tif.aux.xml", "out.tif.ovr", "out.tif.msk", "out.tfw")]
    for sidecar in sidecars:
        sidecar.write_text("of the earlier file")
    sink = backend.sink(path, make_profile())
    write_tiles(sink, reflectance())
    sink.discard()
    assert path.read_bytes() == b"earlier"
    assert all(sidecar.exists() for sidecar in sidecars)

    sink = backend.sink(path, make_profile())
    write_tiles(sink, reflectance())
    sink.commit()
    assert backend.source(path).shape == (70, 90)
    assert [file.name for file in tmp_path.iterdir()] == ["out.tif"]


def test_names_and_folders_of_any_script(backend, write_file, tmp_path):
    folder = tmp_path / "été 2024 夏"
    folder.mkdir()
    path = write_file("été 2024 夏/réflectance & co.TIFF")
    assert backend.source(path).shape == (70, 90)


def test_disk_full_while_writing(backend, make_profile, write_tiles, tmp_path):
    sink = backend.sink(tmp_path / "out.tif", make_profile(shape=(256, 256)))
    with files_at_most(100_000), pytest.raises(RasterError, match="check that the disk is not full"):
        write_tiles(sink, reflectance(shape=(256, 256)))
    sink.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [0, 1000, 4096])
def test_disk_full_at_the_very_end(backend, make_profile, tmp_path, room):
    """What is not written before is written by commit, and fails there."""
    sink = backend.sink(tmp_path / "out.tif", make_profile(shape=(256, 256)))
    with files_at_most(sum(file.stat().st_size for file in tmp_path.iterdir()) + room):
        with pytest.raises(RasterError, match="could not be written"):
            sink.commit()
        sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_disk_too_small(backend, make_profile, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000_000))
    profile = make_profile(shape=(10980, 10980), bands=172)
    with pytest.raises(
        RasterError, match=r"can take up to 41\.5 GB and only 3\.0 GB are free in '.*'; free some"
    ):
        backend.sink(tmp_path / "out.tif", profile)
    assert list(tmp_path.iterdir()) == []


def test_folder_missing(backend, make_profile, tmp_path):
    with pytest.raises(RasterError, match="absent' does not exist; create it or choose another one"):
        backend.sink(tmp_path / "absent" / "out.tif", make_profile())


def test_folder_is_a_file(backend, make_profile, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RasterError, match="file' does not exist; create it"):
        backend.sink(tmp_path / "file" / "out.tif", make_profile())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
def test_folder_not_writable(backend, make_profile, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**12))
    with pytest.raises(RasterError, match=r"'/proc' cannot be written to \(.+\); choose another one"):
        backend.sink("/proc/out.tif", make_profile())


def denied(*_, **__):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(("owner", "call"), [(shutil, "disk_usage"), (Path, "is_dir")])
def test_a_disk_that_may_not_be_looked_at_is_one_sentence(
    backend, make_profile, monkeypatch, tmp_path, owner, call
):
    monkeypatch.setattr(owner, call, denied)
    with pytest.raises(RasterError, match=r"out.tif' could not be written \(Permission denied\); check"):
        backend.sink(tmp_path / "out.tif", make_profile())


def test_an_unfinished_file_that_cannot_be_removed_is_named(backend, make_profile, monkeypatch, tmp_path):
    sink = backend.sink(tmp_path / "out.tif", make_profile())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", denied)
        with pytest.raises(
            RasterError, match=r"partial.tif' could not be removed \(Permission denied\); remove"
        ):
            sink.discard()
    sink.discard()


def test_a_folder_of_that_name(backend, make_profile, tmp_path):
    (tmp_path / "out.tif").mkdir()
    with pytest.raises(RasterError, match=r"out.tif' is a folder; choose the name of a file"):
        backend.sink(tmp_path / "out.tif", make_profile())


@pytest.mark.parametrize("name", ["out.img", "out", "out.tif.zip"])
def test_only_geotiff(backend, make_profile, tmp_path, name):
    with pytest.raises(RasterError, match=r"must be a GeoTIFF; give it a name that ends in .tif or .tiff"):
        backend.sink(tmp_path / name, make_profile())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data_type": "uint8"}, "cannot be stored as 'uint8'; choose one of int16, float32"),
        ({"tile": 100}, "must be a multiple of 16 pixels, not 100"),
        ({"tile": 0}, "must be a multiple of 16 pixels, not 0"),
        ({"natural_colour": (5, 2, 1)}, r"\(5, 2, 1\) are not among the 4 bands"),
        ({"shape": (0, 9)}, "4 bands, 0 rows and 9 columns has no pixels"),
        (
            {"georeference": Georeference(crs_wkt="nonsense")},
            "'nonsense' is not understood; assign a valid one",
        ),
    ],
)
def test_profiles_that_cannot_be_written(backend, make_profile, tmp_path, fields, message):
    with pytest.raises(RasterError, match=message):
        backend.sink(tmp_path / "out.tif", make_profile(**fields))
    assert list(tmp_path.iterdir()) == []


def test_the_output_may_not_be_a_file_of_the_input(tmp_path, monkeypatch):
    (tmp_path / "a.tif").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RasterError, match="is a file of the input as well; choose another name"):
        require_distinct("a.tif", ["PG:dbname=x", str(tmp_path / "b.vrt"), str(tmp_path / "a.tif")])
    require_distinct("b.tif", [str(tmp_path / "a.tif")])
