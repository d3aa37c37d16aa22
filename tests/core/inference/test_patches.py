import numpy as np
import pytest

from hyperlift.core.inference.patches import PatchBlender
from hyperlift.core.raster.blocks import Window

SHAPE = (150, 310)


def squares_of(image):
    """An answer that depends on all of a square: the image less the square's mean."""

    def answer(square):
        rows, columns = square.within(Window(0, 0, *SHAPE))
        part = image[:, rows, columns]
        return part - part.mean()

    return answer


@pytest.fixture
def image():
    return np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)


def test_what_comes_out_does_not_depend_on_the_tiles(image):
    blender = PatchBlender(squares_of(image), 2, SHAPE, 128, 32)
    whole = blender.window(Window(0, 0, *SHAPE))
    for window in (Window(0, 0, 64, 64), Window(70, 90, 80, 130), Window(149, 309, 1, 1)):
        rows, columns = window.within(Window(0, 0, *SHAPE))
        other = PatchBlender(squares_of(image), 2, SHAPE, 128, 32)
        np.testing.assert_allclose(other.window(window), whole[:, rows, columns], atol=1e-6)


@pytest.mark.parametrize("shape", [(40, 50), (128, 96), SHAPE, (33, 500)])
def test_weights_add_up_to_one_everywhere(shape):
    blender = PatchBlender(lambda square: np.ones((1, square.height, square.width)), 1, shape, 128, 32)
    np.testing.assert_allclose(blender.window(Window(0, 0, *shape)), 1.0, atol=1e-6)


def test_squares_fade_into_each_other(image):
    smooth = np.broadcast_to(np.linspace(0, 1, SHAPE[1], dtype=np.float32), (2, *SHAPE))
    whole = PatchBlender(squares_of(smooth), 2, SHAPE, 128, 32).window(Window(0, 0, *SHAPE))
    assert np.abs(np.diff(whole, axis=2)).max() < 0.02  # a hard edge would be a step of 0.3
