import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import hyperlift.core
from hyperlift.core.errors import ModelError, RasterError
from hyperlift.core.inference import lift

PARAMETER = re.compile(r"\b(BANDS|SCALE|OFFSET|EXTENT|DEVICE|MODEL|MODEL_FILE|TILE_SIZE|DATA_TYPE)\b")


def test_lifts_arrays_of_any_size(linear_model, matrix):
    msi = np.random.default_rng(0).random((12, 70, 3))
    hsi = lift(msi, linear_model)
    assert hsi.dtype == np.float32
    np.testing.assert_allclose(hsi, np.tensordot(matrix, msi, axes=1), atol=1e-5)


def test_scale_factor_two(make_model):
    assert lift(np.full((12, 9, 5), 0.1), make_model("double")).shape == (172, 18, 10)


def test_not_a_number_stays_so(linear_model):
    msi = np.full((12, 4, 4), 0.1, np.float32)
    msi[2, 1, 1] = np.nan
    hsi = lift(msi, linear_model, device="cpu")
    np.testing.assert_array_equal(np.argwhere(np.isnan(hsi).all(axis=0)), [[1, 1]])


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="onnxruntime has CUDA here"
)
def test_falling_back_to_the_cpu_is_a_warning(linear_model):
    with pytest.warns(UserWarning, match="THE GRAPHICS CARD IS NOT USED") as caught:
        lift(np.full((12, 2, 2), 0.1), linear_model, device="cuda")
    assert caught[0].filename == __file__


def test_wrong_arrays_and_models(linear_model):
    with pytest.raises(RasterError, match="The image has 10 bands, the model needs 12: B1, B2"):
        lift(np.zeros((10, 4, 4)), linear_model)
    with pytest.raises(RasterError, match="all is nodata"):
        lift(np.full((12, 4, 4), np.nan), linear_model)
    with pytest.raises(ModelError, match="There is no model 'nothing'"):
        lift(np.zeros((12, 4, 4)), "nothing")


def test_needs_no_gdal_rasterio_or_torch(linear_model):
    script = (
        "import sys\n"
        "sys.modules.update({'osgeo': None, 'rasterio': None, 'torch': None, 'qgis': None, 'onnx': None})\n"
        "import numpy as np\n"
        "from hyperlift.core.inference import lift\n"
        "print(lift(np.zeros((12, 2, 3)), sys.argv[1]).shape)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(linear_model)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "(172, 2, 3)", result.stderr


def test_numbers_that_are_no_reflectance_are_a_warning(linear_model):
    with pytest.warns(UserWarning, match="the scale is most likely wrong; correct it"):
        lift(np.full((12, 3, 3), 3000.0), linear_model, device="cpu")


def test_no_sentence_names_a_parameter_that_only_one_caller_has():
    for path in Path(hyperlift.core.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not PARAMETER.search(node.value), (path.name, node.lineno)
