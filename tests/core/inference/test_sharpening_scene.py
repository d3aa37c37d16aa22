"""An image and a photograph before any network: bands, sizes, progress and cancel."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperlift.core.errors import CancelledError, RasterError
from hyperlift.core.fusion.photograph import Photograph, place_by_extent
from hyperlift.core.inference.report import SilentMonitor
from hyperlift.core.inference.sharpening_scene import CoarseImage, SharpeningScene
from hyperlift.core.raster.arrays import ArraySource
from hyperlift.core.raster.blocks import Calibration, Window
from hyperlift.core.unmixing.image import ImagePixels


class Recorder(SilentMonitor):
    """Keeps the progress; asks to stop once as much is done."""

    def __init__(self, cancel_at=2.0):
        self.fractions, self.cancel_at = [], cancel_at

    def progress(self, fraction):
        self.fractions.append(fraction)

    def cancelled(self):
        return bool(self.fractions) and self.fractions[-1] >= self.cancel_at


def prepared(rows, columns, monitor=None, maps=3, bands=3):
    """A scene of ``bands`` shapes of which the photograph shows the same."""
    rng = np.random.default_rng(0)
    fine = np.stack([gaussian_filter(rng.normal(size=(rows * 4, columns * 4)), 3.0) for _ in range(bands)])
    fine = 0.5 + 0.1 * fine / fine.std()
    image = ArraySource(fine.reshape(bands, rows, 4, columns, 4).mean(axis=(2, 4)))
    photo = Photograph(ArraySource(fine[:3]), place_by_extent((rows, columns), fine.shape[1:]))
    return SharpeningScene(CoarseImage(ImagePixels(image, monitor)), photo, 4, maps)


@pytest.mark.parametrize("maps", [2, 3, 5, 8])
def test_a_network_may_have_any_number_of_maps(maps):
    scene = prepared(20, 24, maps=maps, bands=10)
    patch = scene.patch(Window(4, 4, 8, 8))
    assert patch.abundances.shape == patch.detail.shape == (maps, 32, 32)
    assert np.abs(patch.detail).max() > 0.0


def test_progress_of_the_preparation_ascends():
    monitor = Recorder()
    assert prepared(12, 12, monitor).registration.blur > 0
    assert len(monitor.fractions) > 100
    assert monitor.fractions == sorted(monitor.fractions)
    assert monitor.fractions[-1] <= 1.0


@pytest.mark.parametrize("share", [0.0, 0.2, 0.35, 0.6, 0.85, 0.9])
def test_a_cancel_stops_the_preparation_at_once(share):
    monitor = Recorder(cancel_at=share)
    with pytest.raises(CancelledError):
        prepared(12, 12, monitor)
    assert sum(fraction >= share for fraction in monitor.fractions) == 1


@pytest.mark.parametrize("shape", [(6, 700), (4000, 6), (17, 970)])
def test_an_image_too_narrow_for_its_length_is_refused(shape):
    with pytest.raises(RasterError, match=r"along each side are needed .*; cut it into shorter parts"):
        prepared(*shape)


@pytest.mark.parametrize("shape", [(12, 900), (140, 7)])
def test_a_narrow_image_is_prepared(shape):
    scene = prepared(*shape)
    assert scene.registration.confidence == 1.0
    assert scene.displacement()[1] < 0.5


def test_bands_on_the_list_of_bad_ones_have_their_own_scale_and_offset():
    numbers = np.full((3, 6, 6), 5, np.uint16)
    source = ArraySource(numbers, calibration=Calibration((0.1, 0.01, 0.2), (0.0, -1.0, 0.5)))
    source.metadata = {"bbl": "{1, 0, 1}"}
    pixels, valid = CoarseImage(ImagePixels(source)).block(Window(1, 2, 3, 4))
    assert valid.all()
    np.testing.assert_allclose(pixels[:, 0, 0], [0.5, -0.95, 1.5], rtol=1e-6)
