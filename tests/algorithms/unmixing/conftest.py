"""A small mixture whose endmembers are known, and a way to run any algorithm on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

ROWS, COLUMNS, BANDS = 24, 30, 20
PURE = ((3, 4), (10, 21), (20, 7))


@dataclass(frozen=True)
class Mixture:
    """Pixels ``(bands, H, W)`` that are mixtures of ``spectra (3, bands)`` by ``abundances (3, H, W)``."""

    path: Path
    wavelength_nm: np.ndarray
    spectra: np.ndarray
    abundances: np.ndarray


def pixels_of_mixture() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    wavelength = np.linspace(450.0, 2350.0, BANDS)
    spectra = np.stack(
        [
            0.1 + 0.4 * np.exp(-(((wavelength - 1000) / 300) ** 2)),
            np.linspace(0.1, 0.5, BANDS),
            0.3 - 0.25 * np.linspace(0, 1, BANDS) ** 0.5,
        ]
    )
    abundances = random.dirichlet([1.0, 1.0, 1.0], (ROWS, COLUMNS)) * 0.9 + 1 / 30
    for number, place in enumerate(PURE):
        abundances[place] = np.eye(3)[number]
    pixels = np.tensordot(abundances, spectra, 1) + random.normal(0.0, 2e-4, (ROWS, COLUMNS, BANDS))
    return wavelength, spectra, abundances.transpose(2, 0, 1), pixels.transpose(2, 0, 1)


@pytest.fixture
def mixture(make_scene) -> Mixture:
    """Three endmembers, each with one pure pixel; wavelengths in the names of the bands."""
    wavelength, spectra, abundances, pixels = pixels_of_mixture()
    names = [f"{centre:.1f} nm" for centre in wavelength]
    path = make_scene(pixels.astype(np.float32), "mixture.tif", names=names, nodata=None)
    return Mixture(path, wavelength, spectra, abundances)


@pytest.fixture
def small_scene(make_scene):
    """Writes float32 images ``(bands, H, W)`` without names or nodata value."""

    def make(pixels: np.ndarray, name: str = "small.tif", **changes: object) -> Path:
        return make_scene(pixels.astype(np.float32), name, **{"names": None, "nodata": None, **changes})

    return make


@pytest.fixture
def write_csv(tmp_path):
    """Writes a spectral library as a table."""

    def write(spectra: np.ndarray, wavelength: np.ndarray | None = None, names: tuple[str, ...] = ()) -> Path:
        path = tmp_path / "library.csv"
        names = names or tuple(f"material {number}" for number in range(1, len(spectra) + 1))
        first = range(1, spectra.shape[1] + 1) if wavelength is None else wavelength
        lines = [",".join(("channel" if wavelength is None else "wavelength_nm", *names))]
        lines += [",".join(str(value) for value in (at, *row)) for at, row in zip(first, spectra.T)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@dataclass
class Run:
    """What came of a run."""

    results: dict
    went_well: bool
    log: str


@pytest.fixture
def run(provider):
    """Runs an algorithm of HyperLift in this process; ``cancel_at`` percent it is cancelled."""

    def run(name: str, image: object, cancel_at: float | None = None, **parameters: object) -> Run:
        feedback = QgsProcessingFeedback(False)
        if cancel_at is not None:
            feedback.progressChanged.connect(lambda value: feedback.cancel() if value >= cancel_at else None)
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        given = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
        algorithm = provider.algorithm(name).create()
        results, went_well = algorithm.run({"INPUT": str(image), **given}, context, feedback)
        return Run(results, went_well, feedback.textLog())

    return run


@pytest.fixture
def few_tries(monkeypatch):
    """Blind source separation tries 2, 3 and 4 endmembers only."""
    from hyperlift.algorithms import unmixing_jobs

    monkeypatch.setattr(unmixing_jobs, "MOST", 4)
