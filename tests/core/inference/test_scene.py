import numpy as np
import pytest

from hyperlift.core.errors import CancelledError, ModelError, RasterError
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.inference.scene import LiftOptions, lift_scene
from hyperlift.core.inference.session import Session
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import BandTable, Georeference, Window

NAMES = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
NO_NUMBERS = (float("nan"),) * 12
TABLE = BandTable(NAMES, NO_NUMBERS, NO_NUMBERS)


class Recorder(SilentMonitor):
    def __init__(self, cancel_after=None):
        self.fractions, self.infos, self.warnings = [], [], []
        self.cancel_after = cancel_after

    def progress(self, fraction):
        self.fractions.append(fraction)

    def cancelled(self):
        return self.cancel_after is not None and len(self.fractions) >= self.cancel_after

    def info(self, text):
        self.infos.append(text)

    def warning(self, text):
        self.warnings.append(text)


class RecordedSink(ArraySink):
    committed = discarded = False

    def commit(self):
        self.committed = True

    def discard(self):
        self.discarded = True


class Sinks:
    """Makes one sink and keeps it."""

    sink = None

    def __init__(self, kind=RecordedSink):
        self.kind = kind

    def __call__(self, profile):
        self.sink = self.kind(profile)
        return self.sink


def lifted(pixels, session, monitor=None, source_options=None, **options):
    """Result ``(C, H, W)`` and report of lifting an array of digital numbers."""
    sinks = Sinks()
    source = ArraySource(pixels, TABLE, **(source_options or {}))
    report = lift_scene(source, sinks, session, LiftOptions(**options), monitor)
    assert sinks.sink.committed
    assert not sinks.sink.discarded
    return sinks.sink.pixels, report


@pytest.fixture(scope="module")
def linear(linear_model):
    return Session.open(linear_model, "cpu")


@pytest.fixture(scope="module")
def blur(make_model):
    return Session.open(make_model("blur"), "cpu")


@pytest.fixture(scope="module")
def double(make_model):
    return Session.open(make_model("double"), "cpu")


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (130, 50), (5, 161)])
@pytest.mark.parametrize("kind", ["blur", "double"])
def test_result_does_not_depend_on_the_tiles(request, rough_scene, shape, kind):
    session = request.getfixturevalue(kind)
    scene = rough_scene(*shape)
    whole = session.run(scene * np.float32(1e-4))
    for tile in (16, 48, 64, 256):
        result, _ = lifted(scene, session, tile=tile)
        np.testing.assert_allclose(result, whole, atol=1e-6)


def test_a_smaller_halo_would_show_at_the_tiles(make_model, rough_scene):
    scene = rough_scene(64, 64)
    short = Session.open(make_model("blur", halo=4), "cpu")
    result, _ = lifted(scene, short, tile=32)
    assert np.abs(result - short.run(scene * np.float32(1e-4))).max() > 1e-3


@pytest.mark.parametrize("crop", [1, 7, 16, 31])
def test_cropped_scene_has_the_same_interior(blur, rough_scene, crop):
    scene = rough_scene(110, 90)
    whole, _ = lifted(scene, blur, tile=32)
    cropped, _ = lifted(scene[:, crop:, crop:], blur, tile=32)
    halo = blur.card.halo
    np.testing.assert_allclose(cropped[:, halo:, halo:], whole[:, crop + halo :, crop + halo :], atol=1e-6)


@pytest.mark.parametrize("kind", ["blur", "double"])
def test_clipped_part_equals_the_whole_scene_there(request, rough_scene, kind):
    session = request.getfixturevalue(kind)
    scene, factor = rough_scene(90, 80), session.card.scale_factor
    whole, _ = lifted(scene, session, tile=32)
    part, report = lifted(scene, session, tile=32, window=Window(13, 7, 40, 51))
    place = tuple(slice(factor * first, factor * (first + size)) for first, size in ((13, 40), (7, 51)))
    np.testing.assert_allclose(part, whole[(slice(None), *place)], atol=1e-6)
    assert report.shape == part.shape[1:]


def test_holes_are_nodata_and_do_not_depend_on_the_tiles(blur, rough_scene):
    scene = rough_scene(120, 100).astype(np.float32)
    random = np.random.default_rng(1)
    valid = random.random((120, 100)) > 0.2
    valid[30:75, 20:80] = False
    scene[:, ~valid] = -9999
    results = [lifted(scene, blur, source_options={"valid": valid}, tile=tile)[0] for tile in (16, 48, 128)]
    for result in results:
        np.testing.assert_array_equal(np.isnan(result).all(axis=0), ~valid)
        np.testing.assert_allclose(result, results[0], atol=1e-6)
    assert 0 < np.nanmin(results[0][4:]) + 0.05 < np.nanmax(results[0]) < 1


def test_tiles_without_a_valid_pixel_skip_the_network(linear, rough_scene):
    valid = np.zeros((64, 64), bool)
    valid[:16, :16] = True
    shapes = []
    session = Session.open(linear.path, "cpu")
    run = session.run
    session.run = lambda pixels, statistics: shapes.append(pixels.shape) or run(pixels, statistics)
    _, report = lifted(rough_scene(64, 64), session, source_options={"valid": valid}, tile=16)
    assert shapes == [(12, 16, 16)]
    assert report.valid_fraction == 1 / 16


def test_one_band_that_is_not_finite_makes_a_pixel_nodata(linear):
    scene = np.full((12, 8, 8), 0.2, np.float32)
    scene[3, 2, 5] = np.nan
    result, _ = lifted(scene, linear)
    np.testing.assert_array_equal(np.argwhere(np.isnan(result).any(axis=0)), [[2, 5]])


def test_bands_that_are_not_used_do_not_make_nodata(linear, rough_scene):
    scene = rough_scene(8, 8).astype(np.float32)
    with_cirrus = np.insert(scene, 10, np.nan, axis=0)
    table = BandTable((*NAMES[:10], "B10", *NAMES[10:]), (float("nan"),) * 13, (float("nan"),) * 13)
    sinks = Sinks()
    lift_scene(ArraySource(with_cirrus, table), sinks, linear)
    np.testing.assert_array_equal(sinks.sink.pixels, lifted(scene, linear)[0])


def test_values_are_the_network_of_the_reflectance(linear, matrix):
    spectrum = np.arange(1, 13, dtype=np.uint16) * 250
    scene = np.broadcast_to(spectrum[:, None, None], (12, 20, 33))
    result, _ = lifted(scene, linear)
    np.testing.assert_allclose(result[:, 7, 7], matrix @ (spectrum * 1e-4), atol=1e-5)


def test_profile_says_what_the_output_is(double, rough_scene):
    sinks = Sinks()
    place = Georeference((5e5, 10.0, 0.0, 5e6, 0.0, -10.0), "")
    source = ArraySource(rough_scene(40, 40), TABLE, georeference=place, name="scene.tif")
    source.metadata = {"DATATAKE_1_DATATAKE_SENSING_START": "2024-05-01T10:00:00Z"}
    report = lift_scene(source, sinks, double, LiftOptions(window=Window(8, 4, 20, 30), tile=30))
    profile = sinks.sink.profile
    assert profile.shape == (40, 60) == report.shape
    assert profile.tile == 64
    assert profile.georeference.transform == (500040.0, 5.0, 0.0, 4999920.0, 0.0, -5.0)
    assert profile.bands.names[0] == f"{double.card.output.wavelength_nm[0]:.1f} nm"
    assert profile.bands.fwhm_nm == double.card.output.fwhm_nm
    shown = [profile.bands.wavelength_nm[number - 1] for number in profile.natural_colour]
    np.testing.assert_allclose(shown, [665, 560, 490], atol=6)
    assert profile.metadata["HYPERLIFT_MODEL_DIGEST"] == double.card.digest
    assert profile.metadata["HYPERLIFT_SOURCE"] == "scene.tif"
    assert profile.metadata["HYPERLIFT_DEVICE"] == "CPU"
    assert profile.metadata["ACQUISITION_TIME"] == "2024-05-01T10:00:00Z"
    assert profile.metadata["TIFFTAG_SOFTWARE"].startswith("HyperLift ")
    assert "0.0001" in profile.metadata["HYPERLIFT_CALIBRATION"]


def test_credentials_go_neither_into_the_output_nor_into_the_report(linear, rough_scene):
    sinks = Sinks()
    source = ArraySource(rough_scene(4, 4), TABLE, name="PG:dbname=d password=s3cret")
    report = lift_scene(source, sinks, linear)
    assert report.source == "PG:dbname=d password=***" == sinks.sink.profile.metadata["HYPERLIFT_SOURCE"]


def test_report_and_progress(linear, rough_scene):
    monitor = Recorder()
    _, report = lifted(rough_scene(70, 40), linear, monitor, tile=32)
    assert monitor.fractions == sorted(monitor.fractions)
    assert monitor.fractions[-1] == 1.0
    assert report.device == "CPU"
    assert report.pixels == 2800
    assert report.valid_fraction == 1.0
    assert 0 < report.session_seconds < report.seconds
    assert report.warnings == ()
    assert report.calibration in monitor.infos
    assert set(report.scale) == {np.float32(1e-4)}
    assert report.consistency_median < 1e-3
    assert "B1" not in report.consistency
    assert report.pixels_per_second == report.pixels / report.seconds


def test_a_result_that_does_not_give_the_input_back_is_said(make_model, rough_scene):
    monitor, session = Recorder(), Session.open(make_model("hungry"), "cpu")
    _, report = lifted(rough_scene(16, 16), session, monitor)
    assert report.consistency_median > 0.01
    assert report.warnings == tuple(monitor.warnings)
    (warning,) = report.warnings
    assert f"differs from the input by {report.consistency_median:.3f} reflectance" in warning
    assert "check that bands, scale and offset are right" in warning
    assert "unlike those of the training" in warning


def test_ten_bands_are_completed_and_said(linear, rough_scene):
    monitor, sinks = Recorder(), Sinks()
    ten = [place for place, name in enumerate(NAMES) if name not in ("B1", "B9")]
    scene = rough_scene(20, 20)
    table = BandTable(tuple(NAMES[place] for place in ten), NO_NUMBERS[:10], NO_NUMBERS[:10])
    report = lift_scene(ArraySource(scene[ten], table), sinks, linear, None, monitor)
    complete = scene * 1e-4
    complete[0] = 0.01 + 0.9 * complete[1]
    complete[9] = 0.1 * complete[ten].sum(axis=0)
    np.testing.assert_allclose(sinks.sink.pixels, linear.run(complete.astype(np.float32)), atol=1e-5)
    assert report.warnings == tuple(monitor.warnings)
    assert "B1 and B9 are missing" in report.warnings[0]
    assert "B9" not in report.consistency


def test_missing_crs_is_allowed(linear, rough_scene):
    result, _ = lifted(rough_scene(4, 4), linear, source_options={"georeference": Georeference()})
    assert np.isfinite(result).all()


@pytest.mark.parametrize(
    ("source_options", "options", "message"),
    [
        ({"georeference": Georeference((0, 1, 0.5, 0, 0.5, -1))}, {}, "is rotated .* warp it first"),
        ({"valid": np.zeros((40, 40), bool)}, {}, "no valid pixel in this part, all is nodata"),
        ({}, {"window": Window(0, 0, 41, 40)}, "The extent does not lie inside"),
        ({}, {"bands": (1, 2, 3)}, "3 band numbers are given"),
    ],
)
def test_scenes_that_cannot_be_lifted(linear, rough_scene, source_options, options, message):
    with pytest.raises(RasterError, match=message):
        lifted(rough_scene(40, 40), linear, source_options=source_options, **options)


def test_pixels_that_cannot_be_reflectance_are_nodata_and_spoil_nothing(blur, rough_scene):
    """Nodata that nobody declared: at one pixel in all bands, at another in one of them."""
    scene = rough_scene(40, 60).astype(np.float32)
    wrong = scene.copy()
    wrong[:, 20, 30], wrong[3, 5, 6] = -9999.0, 1e6
    holes = np.zeros(scene.shape[1:], bool)
    holes[20, 30] = holes[5, 6] = True
    expected, _ = lifted(scene, blur, source_options={"valid": ~holes}, scale=1e-4)
    monitor = Recorder()
    result, report = lifted(wrong, blur, monitor, scale=1e-4, tile=32)
    np.testing.assert_allclose(result, expected, atol=2e-5, equal_nan=True)
    assert np.isnan(result).any(axis=0).sum() == 2
    assert "2 pixels cannot be reflectance" in "".join(monitor.warnings)
    assert report.valid_fraction == pytest.approx(1 - 2 / 2400)


def test_a_part_that_cannot_be_reflectance_is_refused(linear, rough_scene):
    scene = rough_scene(40, 60).astype(np.float32)
    scene[0, :20, :20] = -9999.0
    with pytest.raises(RasterError, match="no pixel in this part that could be reflectance; correct"):
        lifted(scene, linear, scale=1e-4, window=Window(2, 3, 10, 12))


def test_a_wrong_scale_is_a_warning_not_the_end(linear, rough_scene):
    """Where most pixels cannot be reflectance it is not their fault."""
    monitor = Recorder()
    result, _ = lifted(rough_scene(20, 20), linear, monitor, scale=1.0)
    assert np.isfinite(result).all()
    assert "the scale is most likely wrong" in "".join(monitor.warnings)


class NotFinite:
    """A session that gives no number for pixels brighter than one."""

    warnings, constants, device, path = (), {}, "CPU", "x.onnx"

    def __init__(self, session):
        self.inner, self.card = session, session.card

    def run(self, pixels, statistics=None):
        return np.where(pixels[:1] > 1.0, np.float32(np.nan), self.inner.run(pixels))

    def interrupt(self):
        """Nothing takes long."""


def test_results_that_are_not_finite_are_counted_and_said(linear, rough_scene):
    scene = rough_scene(20, 20)
    scene[0] = 5000
    scene[0, 3:5, 7] = 15000
    monitor = Recorder()
    result, _ = lifted(scene, NotFinite(linear), monitor)
    assert np.isnan(result).all(axis=0).sum() == 2
    assert "For 2 pixels of the input the network gave no finite numbers" in "".join(monitor.warnings)


def test_a_network_that_gives_no_number_at_all_is_an_error(linear, rough_scene):
    with pytest.raises(ModelError, match=r"The network in 'x\.onnx' gave no finite number"):
        lifted(rough_scene(20, 20) + 10000, NotFinite(linear))


def test_all_nodata_discards_the_output(linear, rough_scene):
    sinks = Sinks()
    source = ArraySource(rough_scene(40, 40), TABLE, valid=np.zeros((40, 40), bool))
    with pytest.raises(RasterError, match="all is nodata"):
        lift_scene(source, sinks, linear)
    assert sinks.sink.discarded
    assert not sinks.sink.committed


@pytest.mark.parametrize("after", [0, 2])
def test_cancel_leaves_nothing(linear, rough_scene, after):
    sinks, monitor = Sinks(), Recorder(cancel_after=after)
    with pytest.raises(CancelledError, match="Cancelled; nothing was written"):
        lift_scene(ArraySource(rough_scene(80, 80), TABLE), sinks, linear, LiftOptions(tile=16), monitor)
    assert sinks.sink.discarded
    assert not sinks.sink.committed
    assert len(monitor.fractions) == after


def test_cancel_interrupts_the_network(make_model):
    session, monitor, sinks = Session.open(make_model("hungry"), "cpu"), Recorder(), Sinks()
    run = session.run

    def run_and_cancel(pixels, statistics):
        monitor.cancel_after = 0
        return run(pixels, statistics)

    session.run = run_and_cancel
    scene = np.full((12, 900, 900), 500, np.uint16)
    with pytest.raises(CancelledError) as caught:
        lift_scene(ArraySource(scene, TABLE), sinks, session, LiftOptions(tile=1024), monitor)
    assert "terminate" in str(caught.value.__cause__)  # the runtime stopped half way
    assert sinks.sink.discarded


class Card:
    """Stands in for a runtime session on a graphics card that fails after some runs."""

    def __init__(self, inner, runs, error):
        self.inner, self.runs, self.error = inner, runs, error

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def get_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def run(self, *arguments):
        self.runs -= 1
        if self.runs < 0:
            raise RuntimeError(self.error)
        return self.inner.run(*arguments)


@pytest.mark.parametrize(
    "error", ["CUDA failure 700: illegal memory access", "CUDA failure 2: out of memory"]
)
@pytest.mark.parametrize(("runs", "device"), [(0, "CPU"), (2, "CUDA, then CPU")])
def test_a_failing_card_is_said_when_it_happens_and_the_processor_goes_on(
    linear_model, linear, rough_scene, error, runs, device
):
    scene, monitor = rough_scene(64, 64), Recorder()
    session = Session.open(linear_model, "cpu")
    session._session = Card(session._session, runs, error)
    told_at = []
    warn = monitor.warning
    monitor.warning = lambda text: told_at.append(len(monitor.fractions)) or warn(text)
    result, report = lifted(scene, session, monitor, tile=32)
    np.testing.assert_allclose(result, lifted(scene, linear, tile=32)[0], atol=1e-6)
    assert monitor.infos[0].endswith("on CUDA.")
    assert report.device == device
    assert report.warnings == tuple(monitor.warnings)
    assert set(told_at) == {runs}
    assert report.warnings[-1].startswith("THE GRAPHICS CARD IS NO LONGER USED: CUDA failed (The ")
    assert len(report.warnings) == 1 + ("out of memory" in error)


class Unreadable(ArraySource):
    def read(self, window, numbers=()):
        if window.row >= 64 and window.height == 16:  # a tile, not a sample of the values
            raise RasterError("The file ends here.")
        return super().read(window, numbers)


class Unwritable(RecordedSink):
    def write(self, block):
        if block.window.row >= 32:
            raise RasterError("The disk is full.")
        super().write(block)


def test_failure_while_reading_stops_everything(linear, rough_scene):
    sinks = Sinks()
    with pytest.raises(RasterError, match="The file ends here"):
        lift_scene(Unreadable(rough_scene(200, 40), TABLE), sinks, linear, LiftOptions(tile=16))
    assert sinks.sink.discarded


def test_failure_while_writing_stops_everything(linear, rough_scene):
    sinks, monitor = Sinks(Unwritable), Recorder()
    with pytest.raises(RasterError, match="The disk is full"):
        lift_scene(ArraySource(rough_scene(400, 16), TABLE), sinks, linear, LiftOptions(tile=16), monitor)
    assert sinks.sink.discarded
    assert monitor.fractions[-1] < 0.5


def test_failure_at_the_end_discards_the_output(linear, rough_scene):
    class Uncommittable(RecordedSink):
        def commit(self):
            raise RasterError("The name is taken.")

    sinks = Sinks(Uncommittable)
    with pytest.raises(RasterError, match="The name is taken"):
        lift_scene(ArraySource(rough_scene(4, 4), TABLE), sinks, linear)
    assert sinks.sink.discarded


def test_an_output_that_cannot_be_discarded_does_not_hide_why(linear, rough_scene):
    class Stuck(Unwritable):
        def discard(self):
            raise RasterError("The unfinished file is open elsewhere.")

    with pytest.raises(RasterError, match=r"^The disk is full. The unfinished file is open elsewhere.$"):
        lift_scene(ArraySource(rough_scene(64, 16), TABLE), Sinks(Stuck), linear, LiftOptions(tile=16))


def test_memory_is_released_after_each_row_of_tiles(linear, rough_scene):
    class Counted(ArraySource):
        rows = 0

        def release(self):
            self.rows += 1

    source = Counted(rough_scene(64, 64), TABLE)
    lift_scene(source, Sinks(), linear, LiftOptions(tile=64))
    once = source.rows
    lift_scene(source, Sinks(), linear, LiftOptions(tile=16))
    assert source.rows - once == once + 3
