"""What a run of sharpening tells: scale and offset, and every device that ran the network."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperlift.core.inference.graph_session import DeviceError
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.inference.sharpening import sharpen_scene
from hyperlift.core.inference.sharpening_card import SharpeningCard
from hyperlift.core.inference.sharpening_report import SharpenOptions
from hyperlift.core.raster.arrays import ArraySource, array_sinks
from hyperlift.core.raster.blocks import Calibration, Window
from hyperlift.core.raster.gdal_backend import GdalSink, GdalSource
from hyperlift.core.unmixing.image import ImagePixels

ROWS, COLUMNS = 20, 32


class Recorder(SilentMonitor):
    """Keeps what it is told."""

    def __init__(self):
        self.fractions, self.infos, self.warnings = [], [], []

    def progress(self, fraction):
        self.fractions.append(fraction)

    def info(self, text):
        self.infos.append(text)

    def warning(self, text):
        self.warnings.append(text)


class FailingCard:
    """A session that corrects nothing, on a card that fails after some squares."""

    card = SharpeningCard("x", "sharpening", "X", "x", "1", "x", 3, 64, 32, {}, {}, "sha256:0")
    path, warnings = "x.onnx", ()

    def __init__(self, squares):
        self.device, self.left = "CUDA", squares

    def run(self, abundances, reference):
        if self.device == "CUDA" and self.left == 0:
            raise DeviceError("The driver was lost.")
        self.left -= 1
        return reference - abundances

    def use_processor(self):
        self.device = "CPU"

    def interrupt(self):
        """Nothing takes long."""


@pytest.fixture(scope="module")
def land():
    """Fine shapes ``(3, H, W)`` about 0.3, and their means over coarse pixels."""
    rng = np.random.default_rng(0)
    fine = np.stack([gaussian_filter(rng.normal(size=(ROWS * 4, COLUMNS * 4)), 3.0) for _ in range(3)])
    fine = 0.3 + 0.05 * fine / fine.std()
    return fine, fine.reshape(3, ROWS, 4, COLUMNS, 4).mean(axis=(2, 4))


def told(land, image, session):
    """The output, the report and what the monitor was told."""
    sinks, make_sink = array_sinks()
    monitor, options = Recorder(), SharpenOptions(4, data_type="float32")
    report = sharpen_scene(image, ArraySource(land[0]), make_sink, session, options, monitor)
    return sinks[0], report, monitor


@pytest.mark.parametrize(("squares", "devices"), [(0, "CPU"), (1, "CUDA, then CPU"), (99, "CUDA")])
def test_every_device_is_named(land, squares, devices):
    sink, report, monitor = told(land, ArraySource(land[1]), FailingCard(squares))
    assert report.device == devices
    assert ("NO LONGER USED" in "".join(report.warnings)) == devices.endswith("CPU")
    assert sink.profile.metadata["HYPERLIFT_DEVICE"] == "CUDA"
    assert monitor.fractions == sorted(monitor.fractions)
    assert monitor.fractions[-1] == 1.0


def test_a_recognised_scale_is_told_everywhere(land):
    numbers = np.rint(land[1] * 100000).astype(np.uint16)
    sink, report, monitor = told(land, ArraySource(numbers), FailingCard(99))
    assert "number * 0.0001 + 0 (recognised: digital numbers stored as integers)" in report.calibration
    assert report.calibration in monitor.infos
    assert sink.profile.metadata["HYPERLIFT_CALIBRATION"] == report.calibration
    assert "brighter than any land" in "".join(report.warnings)
    assert report.warnings == tuple(monitor.warnings)
    assert np.nanmean(sink.pixels) == pytest.approx(numbers.mean() * 1e-4, rel=0.01)


def test_numbers_that_int16_does_not_hold_are_stored_as_float32(land):
    numbers = np.rint(land[1] * 10000).astype(np.uint16)
    for brightest, data_type in ((20000, "int16"), (30000, "float32"), (60000, "float32")):
        numbers[1, 5, 6] = brightest
        sinks, make_sink = array_sinks()
        sharpen_scene(ArraySource(numbers), ArraySource(land[0]), make_sink, FailingCard(99))
        assert sinks[0].profile.data_type == data_type
        assert np.nanmax(sinks[0].pixels) > 0.6 * brightest * 1e-4


def test_bad_bands_stay_bad_and_empty(land, tmp_path):
    """Through a file, as the next tool reads it."""
    numbers = np.rint(np.concatenate([land[1], land[1][:1]]) * 10000).astype(np.float32)
    numbers[1] = np.nan
    numbers[3, 5, 6] = np.nan
    source = ArraySource(numbers)
    source.metadata = {"bbl": "{1, 0, 1, 0}"}
    path = tmp_path / "sharp.tif"
    sharpen_scene(source, ArraySource(land[0]), lambda profile: GdalSink(path, profile), FailingCard(99))
    written = GdalSource(str(path))
    sharp = ImagePixels(written)
    assert sharp.bands == (1, 3)
    whole = Window(0, 0, *written.shape)
    assert sharp.read(whole).valid.all()
    assert not sharp.read(whole, (2,)).valid.any()
    empty = ~sharp.read(whole, (4,)).valid
    assert empty[20:24, 24:28].all()
    assert empty.sum() == 16


def test_a_stated_scale_is_told_and_fractions_stay(land):
    stated = Calibration((2e-4, 1e-4, 1e-4), (0.01, 0.0, 0.0))
    numbers = np.rint(land[1] * 10000).astype(np.uint16)
    _, report, _ = told(land, ArraySource(numbers, calibration=stated), FailingCard(99))
    assert "(0.0002, 0.0001, 0.0001) + (0.01, 0, 0) (as the file states)" in report.calibration
    sink, report, _ = told(land, ArraySource(40.0 * land[1]), FailingCard(99))
    assert "stay as they are stored" in report.calibration
    assert report.warnings == ()
    assert np.nanmean(sink.pixels) == pytest.approx(40.0 * land[1].mean(), rel=0.01)
