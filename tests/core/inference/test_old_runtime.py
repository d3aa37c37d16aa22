"""Every bundled model in the oldest onnxruntime that is supported."""

import pytest

from hyperlift.core.inference.models import model_path

# Of each model: what to call, and the shape of its result. The photograph has the ground of the image.
CALLS = {
    "explains2a": ("lift(random(12, 9, 7))", (172, 9, 7)),
    "ualnet": ("lift(random(12, 9, 7), 'ualnet')", (186, 18, 14)),
    "pgunet-visible31": ("blind(random(3, 9, 9), (450, 550, 640), 'visible31').hsi", (31, 9, 9)),
    "pgunet-vnir": ("blind(random(3, 9, 9), (450, 550, 640), 'vnir').hsi", (61, 9, 9)),
    "pgunet-aviris172": ("blind(random(3, 9, 9), (480, 550, 640), 'aviris172').hsi", (172, 9, 9)),
    "uafl": ("sharpen(coarse, photograph, 4)", (5, 96, 96)),
}
PREPARED = """
import warnings
import numpy
import onnxruntime
from scipy.ndimage import gaussian_filter
from hyperlift.core.inference import blind, lift, sharpen

assert onnxruntime.__version__.startswith("1.17"), onnxruntime.__version__
warnings.simplefilter("error", UserWarning)

def random(*shape):
    return numpy.random.default_rng(0).uniform(0.1, 0.3, shape)

photograph = gaussian_filter(random(3, 96, 96), (0, 2, 2))
photograph = (photograph - photograph.min()) / numpy.ptp(photograph) + 0.1
coarse = numpy.tensordot(random(5, 3), photograph.reshape(3, 24, 4, 24, 4).mean(axis=(2, 4)), 1)
"""


def test_the_list_is_complete():
    bundled = {path.stem for path in model_path("explains2a").parent.glob("*.onnx")}
    assert {name for name in bundled if not name.endswith("-stf")} == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_bundled_models_run_in_onnxruntime_1_17(name, run_in_old_runtime):
    call, shape = CALLS[name]
    checks = f"result = {call}\nassert numpy.isfinite(result).all()\nprint(result.shape)"
    assert str(shape) in run_in_old_runtime(PREPARED + checks)
