import gc
import math
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import gdal, osr

from hyperlift.core.errors import CancelledError, RasterError, SpectralError
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import BandTable, Block, Calibration, Georeference, RasterProfile, Window
from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource
from hyperlift.core.spectral import SpectralLibrary, sensor
from hyperlift.core.unmixing import UnmixingError, image, vca
from hyperlift.core.unmixing.image import ImagePixels, endmember_library
from hyperlift.core.unmixing.maps import write_abundances

ROWS, COLUMNS, BANDS = 70, 45, 30
WAVELENGTH = np.linspace(500.0, 1950.0, BANDS)
FWHM = np.full(BANDS, 50.0)
NODATA = np.zeros((ROWS, COLUMNS), bool)
NODATA[10:20, 30:] = True
NODATA[40] = True


def utm_wkt():
    system = osr.SpatialReference()
    system.ImportFromEPSG(32633)
    return system.ExportToWkt()


PLACE = Georeference((4e5, 10.0, 0.0, 5e6, 0.0, -10.0), utm_wkt())


def spectra_at(wavelength_nm):
    """Three endmembers ``(3, C)``, piecewise linear, so that interpolation leaves them as they are."""
    soil = np.interp(wavelength_nm, [400.0, 2400.0], [0.1, 0.6])
    leaf = np.interp(wavelength_nm, [400.0, 1000.0, 2400.0], [0.05, 0.7, 0.2])
    return np.stack([soil, leaf, np.full_like(soil, 0.05)])


def true_abundances():
    return np.random.default_rng(0).dirichlet(np.ones(3), (ROWS, COLUMNS)).transpose(2, 0, 1)


def mixed_image():
    """Reflectance ``(bands, rows, columns)``, the sum of the endmembers, NaN where it is nodata."""
    pixels = np.einsum("phw,pb->bhw", true_abundances(), spectra_at(WAVELENGTH))
    return np.where(NODATA, np.nan, pixels)


def table_of(pixels, wavelength=WAVELENGTH, fwhm=FWHM):
    unknown = (math.nan,) * pixels
    return BandTable(
        ("",) * pixels,
        unknown if wavelength is None else tuple(wavelength),
        unknown if fwhm is None else tuple(fwhm),
    )


def source_of(pixels, wavelength=WAVELENGTH, fwhm=FWHM, **fields):
    return ArraySource(pixels, table_of(len(pixels), wavelength, fwhm), **fields)


FINE_NM = np.arange(400.0, 2401.0, 2.0)
FINE = SpectralLibrary(("soil", "leaf", "water"), spectra_at(FINE_NM), FINE_NM)


def library(wavelength=WAVELENGTH):
    return SpectralLibrary(
        ("soil", "leaf", "water"), spectra_at(WAVELENGTH if wavelength is None else wavelength), wavelength
    )


def write_tiff(path, pixels):
    """The image as int16 with a scale, tiled, with wavelengths and nodata."""
    sink = GdalSink(path, RasterProfile(pixels.shape[1:], table_of(len(pixels)), PLACE, tile=32))
    for row in range(0, ROWS, 32):
        for column in range(0, COLUMNS, 32):
            window = Window(row, column, min(32, ROWS - row), min(32, COLUMNS - column))
            part = pixels[(slice(None), *window.within(Window(0, 0, ROWS, COLUMNS)))].astype(np.float32)
            sink.write(Block(window, part, np.isfinite(part[0])))
    sink.commit()
    return path


class Sinks:
    """Opens array sinks and keeps them."""

    def __init__(self):
        self.opened = []

    def __call__(self, profile):
        self.opened.append(ArraySink(profile))
        return self.opened[-1]


class Recorder(SilentMonitor):
    """Remembers what it is told and cancels when ``cancel_at`` of the work is done."""

    def __init__(self, cancel_at=math.inf):
        self.fractions, self.warnings, self.cancel_at = [0.0], [], cancel_at

    def progress(self, fraction):
        self.fractions.append(fraction)

    def cancelled(self):
        return self.fractions[-1] >= self.cancel_at

    def warning(self, text):
        self.warnings.append(text)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two rows, tiles of 16 pixels."""
    monkeypatch.setattr(image, "BLOCK_BYTES", 4 * BANDS * COLUMNS * 2 + 100)


def unmixed(pixels, spectra, method="fcls"):
    """Abundances, RMSE and summary as arrays."""
    sinks = Sinks()
    summary = write_abundances(pixels, spectra, method, sinks, sinks)
    return sinks.opened[0].pixels, sinks.opened[1].pixels[0], summary


def tiled(cube, side):
    """A source whose file is stored in tiles."""
    source = source_of(cube)
    return SimpleNamespace(
        **{name: getattr(source, name) for name in dir(source) if not name.startswith("_")}
        | {"block_shape": (side, side)}
    )


def test_places_hold_for_files_stored_in_tiles(monkeypatch):
    cube = mixed_image()
    pixels = ImagePixels(tiled(cube, 16))
    monkeypatch.setattr(image, "BLOCK_BYTES", 4 * BANDS * 16**2)
    tables = [table.copy() for table in pixels]
    assert len(tables[0]) == 16**2
    for index, spectrum in list(enumerate(np.concatenate(tables)))[::37]:
        row, column = pixels.place(index)
        np.testing.assert_array_equal(spectrum, cube[:, row, column].astype(np.float32))


@pytest.mark.parametrize(("side", "times"), [(8, 15), (24, 2)])
def test_what_tiles_cached_is_dropped_once_they_are_read(monkeypatch, side, times):
    """Tables of 16 x 16 pixels: pieces of 8 never reach into the next one, pieces of 24 mostly do."""
    monkeypatch.setattr(image, "BLOCK_BYTES", 4 * BANDS * 16**2)
    source, dropped = tiled(mixed_image(), side), []
    source.release = lambda: dropped.append(1)
    assert sum(1 for _ in ImagePixels(source)) == 15
    assert len(dropped) == times


def test_a_file_becomes_tables_of_reflectance_row_by_row(tmp_path):
    path = write_tiff(tmp_path / "scene.tif", mixed_image())
    pixels = ImagePixels(GdalSource(path))
    stored = gdal.Open(str(path)).ReadAsArray().reshape(BANDS, -1).T
    expected = np.where(stored == -32768, np.nan, stored * 1e-4)
    tables = list(pixels)
    assert all(table.dtype == np.float32 for table in tables)
    np.testing.assert_allclose(np.concatenate(tables), expected, rtol=1e-6)
    assert np.isnan(expected).any(axis=1).sum() == NODATA.sum()
    assert pixels.bands == tuple(range(1, BANDS + 1))
    np.testing.assert_allclose(pixels.wavelength_nm, WAVELENGTH)
    np.testing.assert_allclose(pixels.fwhm_nm, FWHM)
    assert pixels.shape == (ROWS, COLUMNS)


def test_tables_are_the_same_in_blocks_of_any_size(small_blocks):
    pixels = ImagePixels(source_of(mixed_image()))
    tables = [table.copy() for table in pixels]
    assert [len(table) for table in tables] == [2 * COLUMNS] * (ROWS // 2)
    np.testing.assert_array_equal(
        np.concatenate(tables), mixed_image().reshape(BANDS, -1).T.astype(np.float32)
    )
    np.testing.assert_array_equal(np.concatenate(list(pixels)), np.concatenate(tables))


def test_results_do_not_depend_on_the_size_of_blocks(monkeypatch):
    pixels = ImagePixels(source_of(mixed_image()))
    found, (whole, rmse, summary) = vca(pixels, 3), unmixed(pixels, library())
    monkeypatch.setattr(image, "BLOCK_BYTES", 1)
    np.testing.assert_array_equal(vca(pixels, 3).indices, found.indices)
    tiled, tiled_rmse, tiled_summary = unmixed(pixels, library())
    np.testing.assert_allclose(tiled, whole, atol=1e-6)
    np.testing.assert_allclose(tiled_rmse, rmse, atol=1e-7)
    np.testing.assert_allclose(tiled_summary.mean, summary.mean)
    assert tiled_summary.pixels == summary.pixels


def test_places_are_rows_and_columns():
    cube = mixed_image()
    planted = [(3, 44), (69, 0), (35, 20)]
    for (row, column), spectrum in zip(planted, spectra_at(WAVELENGTH)):
        cube[:, row, column] = spectrum
    pixels = ImagePixels(source_of(cube))
    found = vca(pixels, 3)
    assert {pixels.place(index) for index in found.indices} == set(planted)
    named = endmember_library(pixels, found)
    assert named.names == ("endmember 1", "endmember 2", "endmember 3")
    np.testing.assert_array_equal(named.wavelength_nm, WAVELENGTH)
    np.testing.assert_array_equal(named.fwhm_nm, FWHM)
    np.testing.assert_array_equal(named.spectra, found.spectra)


def test_bands_on_the_bad_band_list_are_left_out():
    cube = mixed_image()
    cube[[0, 7]] = np.nan
    scale = tuple(1.0 + np.arange(BANDS) / 10)
    source = source_of(cube / np.array(scale)[:, None, None], calibration=Calibration(scale, (0.25,) * BANDS))
    entries = ["1"] * BANDS
    entries[0], entries[7] = "0", " 0.0"
    source.metadata = {"BBL": "{" + ",".join(entries) + "}"}
    pixels = ImagePixels(source)
    used = np.setdiff1d(np.arange(BANDS), [0, 7])
    assert pixels.bands == tuple(used + 1)
    np.testing.assert_array_equal(pixels.wavelength_nm, WAVELENGTH[used])
    expected = cube[used].reshape(len(used), -1).T + 0.25
    np.testing.assert_allclose(np.concatenate(list(pixels)), expected, rtol=1e-6)


def test_a_bad_band_list_that_cannot_be_used():
    source, monitor = source_of(mixed_image()), Recorder()
    source.metadata = {"bbl": "{1, 0}"}
    assert len(ImagePixels(source, monitor).bands) == BANDS
    assert "2 entries for 30 bands" in monitor.warnings[0]
    source.metadata = {"bbl": "{" + "0," * (BANDS - 1) + "0}"}
    with pytest.raises(RasterError, match="leaves no band"):
        ImagePixels(source)


def test_wavelengths_count_only_when_all_are_known():
    wavelength = WAVELENGTH.copy()
    wavelength[4] = math.nan
    pixels = ImagePixels(source_of(mixed_image(), wavelength))
    assert pixels.wavelength_nm is None
    np.testing.assert_array_equal(pixels.fwhm_nm, FWHM)


def sentinel2_image(names):
    """Mixtures seen through Sentinel-2's bands of these names, without wavelengths, and their shares."""
    seen = sensor("sentinel2a")
    places = [seen.band_names.index(name) for name in names]
    spectra = FINE.on(seen.centre_nm[places], seen.width_nm[places]).spectra
    unknown = (math.nan,) * len(names)
    table = BandTable(tuple(f"Band {name}" for name in names), unknown, unknown)
    return ArraySource(np.einsum("phw,pb->bhw", true_abundances(), spectra), table), seen, places


def test_sentinel2_is_known_by_the_names_of_its_bands():
    source, seen, places = sentinel2_image(("B8A", "B12", "B2", "B3", "B4", "B8"))
    pixels = ImagePixels(source)
    np.testing.assert_array_equal(pixels.wavelength_nm, seen.centre_nm[places])
    np.testing.assert_array_equal(pixels.fwhm_nm, seen.width_nm[places])
    abundances, rmse, _ = unmixed(pixels, FINE)
    np.testing.assert_allclose(abundances, true_abundances(), atol=1e-4)
    assert rmse.max() < 1e-5


@pytest.mark.parametrize("names", [("B2", "B3", "B4", "B8"), ("B8A", "B2", "layer"), ("B8A", "B2", "B10")])
def test_other_names_give_no_wavelengths(names):
    unknown = (math.nan,) * len(names)
    source = ArraySource(np.ones((len(names), 4, 4)), BandTable(names, unknown, unknown))
    assert ImagePixels(source).wavelength_nm is None


def test_abundances_of_a_file_are_the_true_ones(tmp_path):
    source = GdalSource(write_tiff(tmp_path / "scene.tif", mixed_image()))
    paths = tmp_path / "abundances.tif", tmp_path / "rmse.tif"
    summary = write_abundances(
        ImagePixels(source),
        library(),
        "fcls",
        lambda profile: GdalSink(paths[0], profile),
        lambda profile: GdalSink(paths[1], profile),
    )
    maps, rmse = (gdal.Open(str(path)) for path in paths)
    assert [maps.GetRasterBand(number).GetDescription() for number in (1, 2, 3)] == ["soil", "leaf", "water"]
    assert maps.GetRasterBand(1).DataType == rmse.GetRasterBand(1).DataType == gdal.GDT_Float32
    assert math.isnan(maps.GetRasterBand(1).GetNoDataValue())
    assert maps.GetGeoTransform() == rmse.GetGeoTransform() == PLACE.transform
    assert maps.GetMetadataItem("HYPERLIFT_METHOD") == "fcls"
    abundances, residual = maps.ReadAsArray(), rmse.ReadAsArray()
    np.testing.assert_allclose(abundances, np.where(NODATA, np.nan, true_abundances()), atol=1e-3)
    stored = np.concatenate(list(ImagePixels(source))).astype(np.float64)
    modelled = abundances.reshape(3, -1).T @ spectra_at(WAVELENGTH)
    expected = np.sqrt(np.mean((stored - modelled) ** 2, axis=1)).reshape(ROWS, COLUMNS)
    np.testing.assert_allclose(residual, expected, rtol=1e-3, atol=1e-7)
    assert summary.pixels == (~NODATA).sum()
    np.testing.assert_allclose(summary.mean, abundances[:, ~NODATA].mean(axis=1), rtol=1e-5)
    assert summary.rmse_mean == pytest.approx(residual[~NODATA].mean(), rel=1e-5)
    assert summary.pixel_mean == pytest.approx(np.nanmean(stored), rel=1e-5)
    for percentage, value in summary.rmse_percentiles.items():
        expected = np.percentile(residual[~NODATA], percentage, method="inverted_cdf")
        assert value == pytest.approx(expected, rel=5e-4)


def test_a_library_on_other_wavelengths_is_resampled():
    fine = np.arange(400.0, 2101.0, 4.0)
    spectra = SpectralLibrary(("soil", "leaf", "water"), spectra_at(fine), fine, np.full(len(fine), 50.0))
    abundances, rmse, _ = unmixed(ImagePixels(source_of(mixed_image())), spectra)
    np.testing.assert_allclose(abundances, np.where(NODATA, np.nan, true_abundances()), atol=1e-4)
    assert np.nanmax(rmse) < 1e-5


@pytest.mark.parametrize(("of_image", "of_library"), [(None, None), (None, WAVELENGTH), (WAVELENGTH, None)])
def test_without_wavelengths_the_bands_are_matched_by_their_number(of_image, of_library):
    abundances, _, _ = unmixed(ImagePixels(source_of(mixed_image(), of_image)), library(of_library))
    np.testing.assert_allclose(abundances, np.where(NODATA, np.nan, true_abundances()), atol=1e-4)


class Warnings(SilentMonitor):
    """Keeps what must be seen."""

    def __init__(self):
        self.seen = []

    def warning(self, text):
        self.seen.append(text)


def lacking(bands):
    """The endmembers of the image, the second without values at some bands."""
    spectra = library().spectra.copy()
    spectra[1, bands] = np.nan
    return SpectralLibrary(library().names, spectra, WAVELENGTH)


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        (slice(0, 1), "no values at 1 of the image's 30 bands, at 500 nm;"),
        (slice(0, 15), "no values at 15 of the image's 30 bands, between 500 and 1200 nm;"),
    ],
)
def test_bands_that_a_library_lacks_are_left_out_with_a_warning(bands, says):
    damaged, monitor = mixed_image(), Warnings()
    damaged[bands] += 1.0
    abundances, rmse, _ = unmixed(ImagePixels(source_of(damaged), monitor), lacking(bands))
    np.testing.assert_allclose(abundances, np.where(NODATA, np.nan, true_abundances()), atol=1e-4)
    assert np.nanmax(rmse) < 1e-5
    assert len(monitor.seen) == 1
    assert says in monitor.seen[0]


def test_as_many_bands_as_endmembers_must_be_left():
    three = SpectralLibrary(library().names, spectra_at(WAVELENGTH)[:, :4], WAVELENGTH[:4])
    three.spectra[0, :2] = np.nan
    with pytest.raises(SpectralError, match="at least 3 bands must be left for 3"):
        unmixed(ImagePixels(source_of(mixed_image()[:4], WAVELENGTH[:4], FWHM[:4])), three)


@pytest.mark.parametrize(
    ("of_image", "spectra", "error", "says"),
    [
        (None, library(np.arange(500.0, 1900.0, 50.0)), SpectralError, "30 bands in use, the library has 28"),
        (
            WAVELENGTH,
            SpectralLibrary(("a",), np.ones((1, 28))),
            SpectralError,
            "28 channels, 30 are asked for",
        ),
        (
            WAVELENGTH,
            lacking(slice(0, 16)),
            SpectralError,
            "no values at 16 of the image's 30 bands, between 500 and 1250 nm, .* first 'leaf'",
        ),
        (WAVELENGTH, SpectralLibrary(("a",), np.full((1, BANDS), np.nan)), SpectralError, "at 30 of the"),
    ],
)
def test_a_library_that_does_not_fit_is_refused_before_anything_is_opened(of_image, spectra, error, says):
    sinks = Sinks()
    with pytest.raises(error, match=says):
        write_abundances(ImagePixels(source_of(mixed_image(), of_image)), spectra, "nnls", sinks)
    with pytest.raises(UnmixingError, match="no method 'magic'"):
        write_abundances(ImagePixels(source_of(mixed_image())), library(), "magic", sinks)
    assert not sinks.opened


def test_progress_rises_to_the_end(small_blocks):
    monitor = Recorder()
    pixels = ImagePixels(source_of(mixed_image()), monitor)
    for _ in pixels:
        pass
    passage = monitor.fractions[1:]
    assert len(passage) == ROWS // 2
    assert passage == sorted(passage)
    assert passage[-1] == 1.0
    monitor.fractions = [0.0]
    unmixed(pixels, library())
    assert len(monitor.fractions) == 1 + 5 * 3
    assert monitor.fractions == sorted(monitor.fractions)
    assert monitor.fractions[-1] == 1.0


def test_cancelled_half_way_nothing_is_left(small_blocks, tmp_path):
    path = write_tiff(tmp_path / "scene.tif", mixed_image())
    pixels = ImagePixels(GdalSource(path), Recorder(cancel_at=0.5))
    with pytest.raises(CancelledError):
        write_abundances(
            pixels,
            library(),
            "fcls",
            lambda profile: GdalSink(tmp_path / "out.tif", profile),
            lambda profile: GdalSink(tmp_path / "rmse.tif", profile),
        )
    assert 0.5 <= pixels.monitor.fractions[-1] < 0.7
    assert [file.name for file in tmp_path.iterdir()] == ["scene.tif"]


def test_a_passage_can_be_cancelled(small_blocks):
    tables = []
    with pytest.raises(CancelledError):
        tables.extend(ImagePixels(source_of(mixed_image()), Recorder(cancel_at=0.5)))
    assert len(tables) == ROWS // 4 + 1


def test_after_an_error_nothing_is_left(small_blocks, tmp_path):
    source = source_of(mixed_image())
    healthy = source.read

    def damaged(window, numbers=()):
        if window.row >= 32:
            raise RasterError("The raster is damaged.")
        return healthy(window, numbers)

    source.read = damaged
    with pytest.raises(RasterError, match="damaged"):
        write_abundances(
            ImagePixels(source), library(), "fcls", lambda profile: GdalSink(tmp_path / "out.tif", profile)
        )
    with pytest.raises(RasterError, match="does not exist"):
        write_abundances(
            ImagePixels(source),
            library(),
            "fcls",
            lambda profile: GdalSink(tmp_path / "out.tif", profile),
            lambda profile: GdalSink(tmp_path / "none" / "rmse.tif", profile),
        )
    assert not list(tmp_path.iterdir())


def test_an_image_of_nodata_is_refused_and_leaves_nothing(tmp_path):
    pixels = ImagePixels(source_of(np.full((BANDS, 20, 20), np.nan)))
    with pytest.raises(UnmixingError, match="nodata"):
        write_abundances(pixels, library(), "fcls", lambda profile: GdalSink(tmp_path / "out.tif", profile))
    assert not list(tmp_path.iterdir())


def test_numbers_that_overflow_are_nodata():
    cube = mixed_image()
    cube[:, 0, 0] = 3e38
    source = source_of(cube, calibration=Calibration((100.0,) * BANDS, (0.0,) * BANDS))
    abundances, rmse, summary = unmixed(ImagePixels(source), library(), "nnls")
    assert np.isnan(abundances[:, 0, 0]).all()
    assert np.isnan(rmse[0, 0])
    assert summary.pixels == (~NODATA).sum() - 1
    assert np.isfinite([*summary.mean, summary.rmse_mean]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (16, 32), (33, 17)])
def test_images_of_any_shape(small_blocks, shape):
    truth = np.random.default_rng(1).dirichlet(np.ones(3), shape).transpose(2, 0, 1)
    cube = np.einsum("phw,pb->bhw", truth, spectra_at(WAVELENGTH))
    abundances, _, summary = unmixed(ImagePixels(source_of(cube)), library())
    np.testing.assert_allclose(abundances, truth, atol=1e-4)
    assert summary.pixels == shape[0] * shape[1]


class Endless(ArraySource):
    """An image of any number of rows, made when it is read."""

    def __init__(self, rows):
        super().__init__(mixed_image()[:, :1], table_of(BANDS))
        self.rows, self.released = rows, 0

    @property
    def shape(self):
        return self.rows, 4 * COLUMNS

    @property
    def block_shape(self):
        return 5000, 4 * COLUMNS

    def read(self, window, numbers=()):
        pixels = np.full((BANDS, window.height, window.width), 0.3, np.float32)
        return Block(window, pixels, np.ones(pixels.shape[1:], bool))

    def release(self):
        self.released += 1


class Forgetful:
    """A sink that keeps nothing."""

    def __init__(self, profile):
        self.profile = profile

    def write(self, block):
        pass

    def finish(self):
        pass

    def commit(self):
        pass

    def discard(self):
        pass


def peak_of(work):
    gc.collect()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr(image, "BLOCK_BYTES", 2**20)

    def passage(rows):
        return lambda: [None for _ in ImagePixels(Endless(rows))]

    def maps(rows):
        return lambda: write_abundances(ImagePixels(Endless(rows)), library(), "fcls", Forgetful, Forgetful)

    for work in (passage, maps):
        work(64)()
        few, many = peak_of(work(256)), peak_of(work(1536))
        assert many < 1.1 * few
        assert few < 32 * 2**20


def test_the_source_drops_what_it_cached_after_each_row_of_tiles(small_blocks):
    source = Endless(1100)
    for _ in ImagePixels(source):
        pass
    assert source.released == 3
    write_abundances(ImagePixels(source), library(), "fcls", Forgetful)
    assert source.released == 6


def test_the_same_negative_number_in_all_bands_is_no_data():
    class Recorder(SilentMonitor):
        """Keeps what it is told."""

        def __init__(self):
            self.warnings = []

        def warning(self, text):
            self.warnings.append(text)

    image = mixed_image().astype(np.float32)
    image[:, 3:5, 6] = -9999.0
    image[0, 8, 9] = -9999.0  # another band is not
    image[:, 9, 9] = -1.0  # what a correction may leave of dark water
    monitor = Recorder()
    pixels = ImagePixels(ArraySource(image, name="cube.tif"), monitor)
    tables = list(pixels)
    assert np.isnan(tables[0][[3 * COLUMNS + 6, 4 * COLUMNS + 6]]).all()
    assert np.isfinite(tables[0][[8 * COLUMNS + 9, 9 * COLUMNS + 9]]).all()
    (warning,) = monitor.warnings
    assert warning.startswith("Pixels of 'cube.tif' that are -9999 in all bands are taken for nodata")


class FullDisk(GdalSink):
    """Finds at the end that not all of the file is on the disk."""

    def _finish(self):
        raise OSError(28, "No space left on device")


def test_when_the_second_map_cannot_be_finished_the_first_one_stays_as_it_was(tmp_path):
    maps, rmse = tmp_path / "maps.tif", tmp_path / "rmse.tif"
    maps.write_text("older")
    library = SpectralLibrary(("soil", "leaf", "dark"), spectra_at(WAVELENGTH), WAVELENGTH, FWHM)
    pixels = ImagePixels(ArraySource(mixed_image(), bands=table_of(BANDS)))
    with pytest.raises(RasterError, match=r"rmse\.tif' could not be written \(No space left"):
        write_abundances(
            pixels,
            library,
            "fcls",
            lambda profile: GdalSink(maps, profile),
            lambda profile: FullDisk(rmse, profile),
        )
    assert maps.read_text() == "older"
    assert list(tmp_path.iterdir()) == [maps]
