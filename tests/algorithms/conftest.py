"""Small Sentinel-2-like scenes, and the ways in which QGIS runs an algorithm."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingFeedback, QgsProject

from hyperlift.core.spectral import sensor

ROOT = Path(__file__).resolve().parents[2]
SCENE_BANDS = sensor("sentinel2a").band_names
UTM_33N = 32633
ORIGIN = (500000.0, 5300000.0)


@pytest.fixture(scope="session")
def model_file(make_model) -> Path:
    """A small model in small tiles, pixel by pixel."""
    return make_model("linear", tile=32)


def write_scene(
    path: Path,
    numbers: np.ndarray | None = None,
    names: list[str] = SCENE_BANDS,
    nodata: float | None = 0,
    epsg: int | None = UTM_33N,
    transform: tuple[float, ...] = (ORIGIN[0], 10.0, 0.0, ORIGIN[1], 0.0, -10.0),
) -> Path:
    """Write ``numbers`` (bands, H, W) as a GeoTIFF; by default 12 bands, 40 x 56 pixels."""
    numbers = digital_numbers() if numbers is None else numbers
    types = {"uint8": gdal.GDT_Byte, "uint16": gdal.GDT_UInt16, "float32": gdal.GDT_Float32}
    count, rows, columns = numbers.shape
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), columns, rows, count, types[numbers.dtype.name], ["INTERLEAVE=BAND"]
    )
    dataset.SetGeoTransform(transform)
    if epsg is not None:
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(epsg)
        dataset.SetProjection(reference.ExportToWkt())
    for number in range(1, count + 1):
        band = dataset.GetRasterBand(number)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if names:
            band.SetDescription(names[number - 1])
    dataset.WriteArray(numbers)
    dataset = None
    return path


def digital_numbers(rows: int = 40, columns: int = 56, bands: int = 12) -> np.ndarray:
    """Smooth land between 300 and 4000, with another level in each band."""
    row, column = np.mgrid[:rows, :columns]
    texture = 1.0 + 0.3 * np.sin(row / 5.0) * np.cos(column / 7.0)
    level = np.linspace(400, 3000, bands)
    return np.rint(level[:, None, None] * texture).astype(np.uint16)


@pytest.fixture
def make_scene(tmp_path):
    """Writes scenes: ``make_scene(numbers, names=..., ...)``."""

    def make(numbers: np.ndarray | None = None, name: str = "scene.tif", **changes: object) -> Path:
        return write_scene(tmp_path / name, numbers, **changes)

    return make


@pytest.fixture
def scene(make_scene) -> Path:
    return make_scene()


@pytest.fixture
def read():
    """All stored numbers of a raster."""
    return lambda path: gdal.Open(str(path)).ReadAsArray()


class Log(QgsProcessingFeedback):
    """Collects what an algorithm says; cancels once progress reaches ``cancel_at`` percent."""

    def __init__(self, cancel_at: float | None = None) -> None:
        super().__init__(False)
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []
        if cancel_at is not None:
            self.progressChanged.connect(lambda value: self.cancel() if value >= cancel_at else None)

    def pushInfo(self, info):  # noqa: N802
        self.lines.append(info)

    def pushWarning(self, warning):  # noqa: N802
        self.warnings.append(warning)

    def reportError(self, error, fatalError=False):  # noqa: N802, N803
        self.errors.append(error)


@pytest.fixture(scope="module")
def provider(qgis_app):
    """HyperLift and the standard providers, as in the desktop."""
    if importlib.util.find_spec("processing") is None:
        sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    from processing.core.Processing import Processing

    from hyperlift.plugin import HyperLiftPlugin

    Processing.initialize()
    plugin = HyperLiftPlugin(None)
    plugin.initProcessing()
    yield QgsApplication.processingRegistry().providerById("hyperlift")
    plugin.unload()


@pytest.fixture
def algorithm(provider):
    return provider.algorithm("spectralsuperresolution").create()


@dataclass
class Run:
    """What came of a run: its results, whether it went well, and its log."""

    results: dict
    went_well: bool
    log: Log

    @property
    def error(self) -> str:
        assert not self.went_well
        return self.log.errors[0]


@pytest.fixture
def run_algorithm(provider):
    """Runs an algorithm of HyperLift in this process."""

    def run(name: str, parameters: dict[str, object], cancel_at: float | None = None) -> Run:
        log = Log(cancel_at)
        given = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        results, went_well = provider.algorithm(name).create().run(given, context, log)
        return Run(results, went_well, log)

    return run


@pytest.fixture
def lift(run_algorithm, model_file, tmp_path):
    """Runs spectral super-resolution with the small model in this process."""

    def run(scene: object, cancel_at: float | None = None, **parameters: object) -> Run:
        given = {"INPUT": scene, "MODEL_FILE": model_file, "OUTPUT": tmp_path / "lifted.tif"}
        return run_algorithm("spectralsuperresolution", {**given, **parameters}, cancel_at)

    return run


@pytest.fixture
def refused(lift, tmp_path):
    """The sentence with which a run is refused; checks that no output was left."""

    def run(scene: object, **parameters: object) -> str:
        before = {path for path in tmp_path.iterdir() if path.suffix != ".xml"}
        error = lift(scene, **parameters).error
        assert {path for path in tmp_path.iterdir() if path.suffix != ".xml"} == before
        return error

    return run


@pytest.fixture(scope="session")
def start_qgis_process(tmp_path_factory):
    """Starts the real ``qgis_process`` in its own profile; ``runtime=False`` hides onnxruntime from it."""
    folder = tmp_path_factory.mktemp("qgis")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "hyperlift").symlink_to(ROOT)
    (folder / "runtime").mkdir(mode=0o700)
    program = os.environ.get("QGIS_PROCESS") or "qgis_process.bin"

    def start(*arguments: object, runtime: bool = True) -> subprocess.Popen:
        environment = {
            **os.environ,
            "PYTHONPATH": sysconfig.get_path("purelib") if runtime else "",
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(folder / "runtime"),
            "QGIS_PLUGINPATH": str(folder / "plugins"),
            "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
        }
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([program, *map(str, arguments)], env=environment, text=True, **streams)

    enabling = start("plugins", "enable", "hyperlift")
    answer = enabling.communicate()
    assert "nabled" in answer[0], answer
    return start


@pytest.fixture(scope="session")
def qgis_process(start_qgis_process):
    """Runs ``qgis_process`` to its end."""

    def run(*arguments: object, runtime: bool = True) -> subprocess.CompletedProcess:
        process = start_qgis_process(*arguments, runtime=runtime)
        output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    return run
