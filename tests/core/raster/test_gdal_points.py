"""Spectra at places: equal to gdallocationinfo in every orientation, nodata told, areas averaged."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from osgeo import gdal, osr

from hyperlift.core.errors import RasterError
from hyperlift.core.raster import gdal_points
from hyperlift.core.raster.gdal_points import SpectrumSource

ROWS, COLUMNS, BANDS = 37, 53, 40
TRANSFORMS = {
    "north up": (500000.0, 10.0, 0.0, 5300000.0, 0.0, -10.0),
    "south up": (500000.0, 10.0, 0.0, 5299630.0, 0.0, 10.0),
    "rotated": (500000.0, 8.1, 3.7, 5300000.0, 3.9, -7.7),
    "mirrored": (500530.0, -10.0, 0.0, 5300000.0, 0.0, -10.0),
    "small pixels": (11.3, 1e-4, 0.0, 47.9, 0.0, -1.37e-4),
    "sheared": (500000.0, 10.0, 2.5, 5300000.0, 0.0, -10.0),
}
KINDS = {
    "int16": gdal.GDT_Int16,
    "float32": gdal.GDT_Float32,
    "float64": gdal.GDT_Float64,
    "int32": gdal.GDT_Int32,
}


@pytest.fixture
def write(tmp_path):
    """Writes pixels ``(bands, H, W)`` as a GeoTIFF like the plugin's."""

    def make(pixels, transform=TRANSFORMS["north up"], nodata=None, mask=None, name="cube.tif", scale=None):
        path = str(tmp_path / name)
        count, rows, columns = pixels.shape
        options = ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "INTERLEAVE=BAND"]
        file = gdal.GetDriverByName("GTiff").Create(
            path, columns, rows, count, KINDS[pixels.dtype.name], options
        )
        file.SetGeoTransform(transform)
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(32633)
        file.SetProjection(crs.ExportToWkt())
        for number in range(1, count + 1):
            if nodata is not None:
                file.GetRasterBand(number).SetNoDataValue(nodata)
            if scale is not None:
                file.GetRasterBand(number).SetScale(scale)
        file.WriteArray(pixels)
        if mask is not None:
            file.CreateMaskBand(gdal.GMF_PER_DATASET)
            file.GetRasterBand(1).GetMaskBand().WriteArray(mask)
        file = None
        return path

    return make


@pytest.fixture
def opened():
    """Opens rasters and closes them again."""
    sources = []

    def open_it(path, *arguments, **options):
        sources.append(SpectrumSource(path, *arguments, **options))
        return sources[-1]

    yield open_it
    for source in sources:
        source.close()


def numbers(dtype: str, bands: int = BANDS) -> np.ndarray:
    random = np.random.default_rng(7)
    if dtype.startswith("int"):
        return random.integers(-30000, 30000, (bands, ROWS, COLUMNS)).astype(dtype)
    return (random.normal(0, 1, (bands, ROWS, COLUMNS)) * 1e3).astype(dtype)


def locationinfo(path: str, points: list[tuple[float, float]]) -> list[list[str]]:
    """What GDAL's program says of each place, one text for each band; nothing outside."""
    program = ["gdallocationinfo", "-valonly", "-geoloc", path]
    found = []
    for x, y in points:
        run = subprocess.run([*program, repr(x), repr(y)], capture_output=True, text=True)
        found.append(run.stdout.split())
    return found


def places(transform: tuple[float, ...], count: int = 25) -> list[tuple[float, float]]:
    """Places all over a raster and around it, some exactly on the corners of pixels."""
    random = np.random.default_rng(11)
    columns = np.r_[random.uniform(-2, COLUMNS + 2, count), [0.0, 1.0, 13.0, COLUMNS - 1.0]]
    rows = np.r_[random.uniform(-2, ROWS + 2, count), [0.0, 2.0, 29.0, ROWS - 1.0]]
    points = [gdal.ApplyGeoTransform(list(transform), c, r) for c, r in zip(columns, rows)]
    return [(float(x), float(y)) for x, y in points]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_pixels_equal_gdallocationinfo(write, opened, transform):
    path = write(numbers("int16"), transform)
    source, points = opened(path), places(transform)
    inside = 0
    for point, expected in zip(points, locationinfo(path, points)):
        at = source.pixel_at(*point)
        if at is None:
            assert expected == []
        else:
            inside += 1
            assert source.pixel(*at).stored.tolist() == [float(value) for value in expected]
    assert inside >= 15


@pytest.mark.parametrize("dtype", KINDS)
def test_numbers_of_every_type_come_out_exactly(write, opened, dtype):
    pixels = numbers(dtype)
    if dtype == "int32":
        pixels *= 70000 - 1
    source = opened(write(pixels))
    for row, column in ((0, 0), (36, 52), (16, 17)):
        assert np.array_equal(source.pixel(row, column).stored, pixels[:, row, column].astype(np.float64))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_the_order_of_bands(write, opened, threads):
    pixels = numbers("float32", 90)
    source = opened(write(pixels), threads=threads)
    assert np.array_equal(source.pixel(9, 30).stored, pixels[:, 9, 30].astype(np.float64))


def test_scale_of_the_file_is_applied_beside_the_stored_numbers(write, opened):
    pixels = numbers("int16")
    sample = opened(write(pixels, scale=1e-4)).pixel(3, 4)
    assert np.array_equal(sample.stored, pixels[:, 3, 4])
    assert sample.values == pytest.approx(pixels[:, 3, 4] * 1e-4)


def test_nodata_is_told_and_not_a_number(write, opened):
    pixels = numbers("int16")
    pixels[:, 5, 6] = -32768
    pixels[2, 8, 9] = -32768
    source = opened(write(pixels, nodata=-32768))
    assert (source.pixel(5, 6).valid, np.isnan(source.pixel(5, 6).stored).all()) == (0, True)
    some = source.pixel(8, 9)
    assert some.valid == 1
    assert np.flatnonzero(np.isnan(some.stored)).tolist() == [2]


def test_nodata_of_float32_is_compared_as_it_is_stored(write, opened):
    pixels = numbers("float32")
    pixels[:, 5, 6] = np.float32(-3.4e38)
    pixels[:, 7, 7] = np.nan
    source = opened(write(pixels, nodata=-3.4e38))
    assert source.pixel(5, 6).valid == source.pixel(7, 7).valid == 0
    assert source.pixel(5, 7).valid == 1


def test_masked_pixels_have_no_data(write, opened):
    mask = np.full((ROWS, COLUMNS), 255, np.uint8)
    mask[:, :20] = 0
    source = opened(write(numbers("int16"), mask=mask))
    assert source.pixel(4, 19).valid == 0
    assert source.pixel(4, 20).valid == 1
    area = source.area(rectangle(500000.0, 5299800.0, 500400.0, 5300000.0))
    assert (area.pixels, area.valid) == (20 * 40, 20 * 20)


def rectangle(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def test_area_is_mean_and_standard_deviation_of_the_pixels_inside(write, opened):
    pixels = numbers("float32")
    source = opened(write(pixels))
    sample = source.area(rectangle(500101.0, 5299801.0, 500249.0, 5299949.0))
    part = pixels[:, 5:20, 10:25].astype(np.float64).reshape(BANDS, -1)
    assert sample.pixels == sample.valid == 225
    assert sample.stored == pytest.approx(part.mean(axis=1))
    assert sample.spread == pytest.approx(part.std(axis=1))
    assert sample.place == (5, 10)


def test_area_leaves_nodata_out_of_the_mean(write, opened):
    pixels = numbers("int16")
    pixels[:, 0, 0] = -32768
    pixels[3, 0, 1] = -32768
    sample = opened(write(pixels, nodata=-32768)).area(rectangle(500000, 5299990, 500030, 5300000))
    assert (sample.pixels, sample.valid) == (3, 2)
    assert sample.stored[0] == pixels[0, 0, 1:3].astype(float).mean()
    assert sample.stored[3] == pixels[3, 0, 2]


def test_area_in_a_rotated_raster_takes_the_pixels_inside_the_outline(write, opened):
    pixels = numbers("float64", 3)
    transform = TRANSFORMS["rotated"]
    source = opened(write(pixels, transform))
    outline = [
        gdal.ApplyGeoTransform(list(transform), c, r) for c, r in ((30, 6), (44, 15), (33, 31), (18, 20))
    ]
    row, column = np.mgrid[:ROWS, :COLUMNS] + 0.5
    corners = np.array([(30, 6), (44, 15), (33, 31), (18, 20)], float)
    inside = np.ones((ROWS, COLUMNS), bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0)):
        inside &= (x2 - x1) * (row - y1) - (y2 - y1) * (column - x1) > 0
    sample = source.area(outline)
    assert sample.pixels == inside.sum() > 100
    assert sample.stored == pytest.approx(pixels[:, inside].mean(axis=1))


def test_area_smaller_than_a_pixel_is_the_pixel(write, opened):
    pixels = numbers("int16")
    sample = opened(write(pixels)).area(rectangle(500101.0, 5299951.0, 500103.0, 5299952.0))
    assert sample.spread is None
    assert np.array_equal(sample.stored, pixels[:, 4, 10])


def test_area_outside_is_nothing_and_one_at_the_edge_is_cut(write, opened):
    source = opened(write(numbers("int16")))
    assert source.area(rectangle(400000, 5299951, 400100, 5299990)) is None
    assert source.area(rectangle(499000, 5299900, 500020, 5400000)).pixels == 20


def test_large_areas_are_thinned_evenly_without_overviews(write, opened, monkeypatch):
    pixels = numbers("float32", 2)
    path = write(pixels)
    file = gdal.Open(path, gdal.GA_Update)
    file.BuildOverviews("AVERAGE", [2, 4])
    file = None
    monkeypatch.setattr(gdal_points, "MOST_PIXELS", 200)
    sample = opened(path).area(rectangle(500000, 5299700, 500400, 5300000))
    assert 0 < sample.pixels <= 200
    assert set(np.float32(sample.stored * 0 + 1)) == {1.0}
    alone = opened(path).area(rectangle(500000, 5299700, 500400, 5300000))
    step = 3
    expected = pixels[:, :30, :39].reshape(2, 10, step, 13, step)[:, :, 1, :, 1].reshape(2, -1)
    assert alone.stored == pytest.approx(expected.mean(axis=1), rel=1e-6)


def test_rasters_without_a_transform_run_down_from_zero(tmp_path, opened):
    path = str(tmp_path / "plain.tif")
    file = gdal.GetDriverByName("GTiff").Create(path, 6, 4, 5, gdal.GDT_Byte)
    file.WriteArray(np.arange(120, dtype=np.uint8).reshape(5, 4, 6))
    file = None
    source = opened(path)
    assert source.pixel_at(2.5, -1.5) == (1, 2)
    assert source.pixel_at(2.5, 1.5) is None
    assert source.pixel(1, 2).stored.tolist() == [8, 32, 56, 80, 104]


def test_ground_control_points_are_refused_with_what_to_do(tmp_path):
    path = str(tmp_path / "gcp.tif")
    file = gdal.GetDriverByName("GTiff").Create(path, 6, 4, 5, gdal.GDT_Byte)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(4326)
    corners = [gdal.GCP(11.0, 47.0, 0, 0, 0), gdal.GCP(11.1, 47.0, 0, 6, 0), gdal.GCP(11.0, 46.9, 0, 0, 4)]
    file.SetGCPs(corners, crs.ExportToWkt())
    file = None
    with pytest.raises(RasterError, match="is placed by ground control points; warp it first"):
        SpectrumSource(path)


def test_transform_without_extent_is_refused(write):
    path = write(numbers("int16", 2), (500000.0, 10.0, 0.0, 5300000.0, 0.0, 0.0))
    with pytest.raises(RasterError, match="has pixels without extent; correct its georeference first"):
        SpectrumSource(path)


def test_truncated_file_is_told(write, opened, tmp_path):
    path = write(numbers("float64"))
    with open(path, "r+b") as file:
        file.truncate(200_000)
    source = opened(path)
    with pytest.raises(RasterError, match="could not be read at row 36, column 52"):
        source.pixel(36, 52)
