import gc
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor

BLUR_SIDE = 7
BLUR_LAYERS = 2
HUNGRY_FEATURES = 2048
BANDS = tuple(sensor("sentinel2a").band_names)


@pytest.fixture(autouse=True, scope="session")
def _no_dataset_outlives_gdal(qgis_app):
    """QGIS takes GDAL down as it exits; a dataset in a cycle that is collected later would crash there."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real cubes, libraries and responses; tests that use it skip when it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("HYPERLIFT_DATA", default))
    if not (folder / "cubes").is_dir():
        pytest.skip(f"no shared data in {folder}")
    return folder


@pytest.fixture
def run_in_old_runtime():
    """Runs a script with the oldest onnxruntime that is supported; gives what it prints."""
    old = Path(__file__).resolve().parents[1] / "build" / "onnxruntime-1.17"
    if not old.is_dir():
        pytest.skip("onnxruntime 1.17 is not installed (it has no wheel for this Python)")

    def run(script: str, *arguments: object) -> str:
        path = os.pathsep.join([str(old), os.environ["PYTHONPATH"]])
        finished = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return run


def lifting_matrix():
    """The smoothest spectra that give the bands back: ``(172, 12)``; B1 counts for nothing."""
    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid("aviris172"))
    return np.linalg.pinv(response).astype(np.float32)


def card_entries(**changes):
    """A valid card as plain values; a change like ``input__scale=1`` replaces one entry of a part."""
    seen, output = sensor("sentinel2a"), grid("aviris172")
    others = [name for name in seen.band_names if name not in ("B1", "B9")]
    card = {
        "name": "tiny",
        "title": "Tiny test model",
        "architecture": "linear",
        "version": "1.0",
        "licence": "GPL-3.0-or-later",
        "sensor": "sentinel2",
        "input": {
            "name": "msi",
            "bands": seen.band_names,
            "centre_nm": seen.centre_nm.tolist(),
            "width_nm": seen.width_nm.tolist(),
            "units": "reflectance",
            "scale": 1e-4,
            "estimators": {
                "B1": {"intercept": 0.01, "weights": {"B2": 0.9}},
                "B9": {"intercept": 0.0, "weights": dict.fromkeys(others, 0.1)},
            },
        },
        "output": {
            "name": "hsi",
            "wavelength_nm": output.wavelength_nm.tolist(),
            "fwhm_nm": output.fwhm_nm.tolist(),
            "units": "reflectance",
        },
        "scale_factor": 1,
        "halo": 0,
        "tile": 64,
        "training": {},
        "accuracy": {},
        "digest": "sha256:" + "0" * 64,
    }
    for path, value in changes.items():
        *parts, word = path.split("__")
        entries = card
        for part in parts:
            entries = entries[part]
        entries[word] = value
    return card


def seal(model, card):
    """A model's bytes with its card, whose digest is that of the bytes."""
    del model.metadata_props[:]
    helper.set_model_props(model, {"card": json.dumps(card)})
    content = model.SerializeToString()
    digest = hashlib.sha256(content).hexdigest().encode()
    return content.replace(b"sha256:" + b"0" * 64, b"sha256:" + digest)


def layers_of(kind):
    """Layers of a tiny network: operator, weights and attributes.

    ``linear``: one matrix. ``blur``: box blurs before it, zeros beyond the edges. ``double``: blurs, the
    matrix, twice as many pixels. ``hungry``: the matrix through thousands of features. ``optional``: the
    matrix and an offset that need not be fed.
    """
    box = np.full((12, 1, BLUR_SIDE, BLUR_SIDE), BLUR_SIDE**-2, np.float32)
    blurs = [("Conv", {"box": box}, {"group": 12, "pads": [BLUR_SIDE // 2] * 4})] * BLUR_LAYERS
    lift = ("Conv", {"matrix": lifting_matrix()[:, :, None, None]}, {})
    many = np.full((HUNGRY_FEATURES, 12, 1, 1), 0.5, np.float32)
    few = np.full((172, HUNGRY_FEATURES, 1, 1), 1.0 / HUNGRY_FEATURES, np.float32)
    return {
        "linear": [lift],
        "blur": [*blurs, lift],
        "double": [*blurs, lift, ("Resize", {"": None, "scales": np.float32([1, 1, 2, 2])}, {})],
        "hungry": [("Conv", {"many": many}, {}), ("Conv", {"few": few}, {})],
        "optional": [lift, ("Add", {"statistics": np.zeros((1, 172, 1, 1), np.float32)}, {})],
    }[kind]


def statistics_network():
    """The matrix applied to bands without their mean, which is that of the array or given."""
    axes, shape = np.int64([2, 3]), np.int64([1, 12, 1, 1])
    weights = {"given": np.full((1, 12), np.nan, np.float32), "shape": shape}
    weights["matrix"] = lifting_matrix()[:, :, None, None]
    nodes = [
        helper.make_node("ReduceMean", ["msi"], ["mean"], axes=axes.tolist(), keepdims=0),
        helper.make_node("IsNaN", ["given"], ["unknown"]),
        helper.make_node("Where", ["unknown", "mean", "given"], ["gathered"]),
        helper.make_node("Reshape", ["gathered", "shape"], ["offset"]),
        helper.make_node("Sub", ["msi", "offset"], ["rest"]),
        helper.make_node("Conv", ["rest", "matrix"], ["hsi"]),
    ]
    values = {"msi": [1, 12, "H", "W"], "given": [1, 12], "hsi": [1, 172, "h", "w"], "gathered": [1, 12]}
    typed = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, some) for name, some in values.items()
    }
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    ends = [[typed[name] for name in names] for names in (("msi", "given"), ("hsi", "gathered"))]
    graph = helper.make_graph(nodes, "statistics", *ends, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def network(kind):
    """A tiny network as an ONNX model ``msi`` -> ``hsi``."""
    if kind == "statistics":
        return statistics_network()
    layers = layers_of(kind)
    values = ["msi", *(f"value{number}" for number in range(1, len(layers))), "hsi"]
    nodes = [
        helper.make_node(operator, [value, *weights], [result], **attributes)
        for (operator, weights, attributes), value, result in zip(layers, values, values[1:])
    ]
    weights = {name: array for _, own, _ in layers for name, array in own.items() if name}
    inputs = [helper.make_tensor_value_info("msi", TensorProto.FLOAT, [1, 12, "H", "W"])]
    if kind == "optional":
        inputs.append(helper.make_tensor_value_info("statistics", TensorProto.FLOAT, [1, 172, 1, 1]))
    outputs = [helper.make_tensor_value_info("hsi", TensorProto.FLOAT, [1, 172, "h", "w"])]
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, kind, inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="session")
def make_model(tmp_path_factory):
    """Write a small real ONNX model; changes go into its card.

    Its kind is one of :func:`layers_of`, or ``statistics``, which uses the scene's.
    """
    folder = tmp_path_factory.mktemp("models")

    def make(kind="linear", **changes):
        halo = BLUR_LAYERS * (BLUR_SIDE // 2) if kind in ("blur", "double") else 0
        card = card_entries(**{"scale_factor": 2 if kind == "double" else 1, "halo": halo, **changes})
        path = folder / f"{kind}-{len(list(folder.iterdir()))}.onnx"
        path.write_bytes(seal(network(kind), card))
        return path

    return make


@pytest.fixture(scope="session")
def make_card():
    """A valid card's entries with changes such as ``input__scale=1``."""
    return card_entries


@pytest.fixture(scope="session")
def linear_model(make_model):
    return make_model("linear")


@pytest.fixture(scope="session")
def matrix():
    """What the linear model multiplies by, ``(172, 12)``."""
    return lifting_matrix()


@pytest.fixture
def write_tiff(tmp_path):
    """Write a GeoTIFF with rasterio: ``pixels`` (bands, H, W), named as Sentinel-2 bands by default."""
    import rasterio
    from rasterio.transform import from_origin

    def write(pixels, names=BANDS, name="scene.tif", tags=None, **profile):
        path = tmp_path / name
        settings = {"crs": "EPSG:32633", "transform": from_origin(5e5, 5e6, 10, 10), **profile}
        count, height, width = pixels.shape
        with rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, dtype=pixels.dtype, **settings
        ) as file:
            file.write(pixels)
            file.update_tags(**(tags or {}))
            for number, text in enumerate(names or (), start=1):
                file.set_band_description(number, text)
        return path

    return write


@pytest.fixture(scope="session")
def rough_scene():
    """Digital numbers of a rough invented scene: a function ``(rows, columns) -> uint16 (12, H, W)``."""

    def make(rows, columns, seed=0):
        random = np.random.default_rng(seed)
        spectrum = np.linspace(300, 3000, 12)[:, None, None]
        return (spectrum * random.uniform(0.5, 1.5, (12, rows, columns))).astype(np.uint16)

    return make


@pytest.fixture(scope="session")
def blind_model_file(tmp_path_factory):
    """Both files of a small PGU-Net of random weights on ``visible31``."""
    import torch

    from hyperlift.core.networks.pgunet import PGUNetConfig
    from hyperlift.core.spectral.mixture import fit_mixture
    from hyperlift.training.data.scenes import SceneConfig
    from hyperlift.training.pgunet.config import TrainingConfig
    from hyperlift.training.pgunet.export import export
    from hyperlift.training.pgunet.task import PGUNetTask

    random = np.random.default_rng(0)
    axis = np.linspace(0, 1, 31)
    waves = np.array([np.cos(np.pi * order * axis) for order in range(5)])
    spectra = 0.2 + random.standard_normal((3000, 5)) * [0.08, 0.06, 0.04, 0.02, 0.01] @ waves
    shape = PGUNetConfig(channels=31, stages=2, features=8, rank=5, components=3)
    mixture = fit_mixture(spectra, shape.rank, shape.components)
    torch.manual_seed(0)
    task = PGUNetTask(TrainingConfig(shape, scenes=SceneConfig(target="visible31")), vars(mixture))
    for net in task.network.z_nets:
        torch.nn.init.normal_(net.out.weight, std=0.02)
    for net in task.network.p_nets:
        torch.nn.init.normal_(net.outward.weight, std=0.05)
    path = tmp_path_factory.mktemp("blind") / "pgunet-visible31.onnx"
    export(task, path)
    return path


@pytest.fixture(scope="session")
def sharpening_model(tmp_path_factory):
    """A narrow UAFL whose weights are random, as a model file named ``uafl.onnx``."""
    torch = pytest.importorskip("torch")
    from hyperlift.core.networks.uafl import UAFLConfig
    from hyperlift.training.uafl.config import ScheduleConfig
    from hyperlift.training.uafl.export import export
    from hyperlift.training.uafl.task import UAFLTask

    torch.manual_seed(0)
    task = UAFLTask(UAFLConfig(width=8, blocks=(1, 1, 1), injected=True), ScheduleConfig())
    torch.nn.init.normal_(task.average.map.weight, std=0.01)
    path = tmp_path_factory.mktemp("sharpening") / "uafl.onnx"
    export(task, path)
    return path
