"""Random responses: invented bands, and those of real cameras shifted and stretched.

Cameras that blind estimation is measured on take no part: WorldView-3, PlanetScope SD8, Landsat 9, and
Landsat 8, which is nearly equal to the last.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperlift.core.inference.blind_camera import FEWEST, MOST
from hyperlift.core.spectral import Grid, Response, response_matrix

HELD_OUT_CAMERAS = ("WV3", "PS_SD8", "L9", "L8")
_STEP_NM = 2.0
_REAL_SHARE = 0.4
_SHIFT_NM = 15.0
_STRETCH = 2.0
_LOBE_SHARE, _SKEW_SHARE = 0.15, 0.3
# Where cameras have bands (nm), and how often.
_REGIONS = ((400.0, 720.0, 0.5), (680.0, 1000.0, 0.3), (1000.0, 1350.0, 0.05), (1500.0, 1800.0, 0.08),
            (2050.0, 2400.0, 0.07))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera over a grid: its response ``(c, C)`` and the centroids of its bands in nm, increasing."""

    response: np.ndarray
    centre_nm: np.ndarray


def read_camera(path: Path, skip: Sequence[str] = ()) -> Response:
    """Responses of a file (``srf``, ``wavelength_nm``, ``bands``) without bands whose names hold ``skip``."""
    with np.load(path) as table:
        names = [str(name) for name in table["bands"]]
        kept = [place for place, name in enumerate(names) if not any(word in name for word in skip)]
        curves = np.clip(np.nan_to_num(table["srf"][kept].astype(float)), 0.0, None)
        return Response(tuple(names[place] for place in kept), table["wavelength_nm"].astype(float), curves)


def _read_consumer_camera(path: Path) -> Response | None:
    """Responses of a consumer camera: wavelengths, then red, green and blue; None for other files."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    try:
        table = np.array([[float(value) for value in row] for row in rows if row[0][:1].isdigit()])
    except ValueError:
        return None
    if table.ndim != 2 or table.shape[1] < 4 or len(table) < 10:
        return None
    return Response(("red", "green", "blue"), table[:, 0], np.clip(table[:, 1:4].T, 0.0, None))


def read_cameras(folder: Path) -> list[Response]:
    """Real cameras to train on, from ``responses/*.npz`` and ``responses/cameras/*.csv`` of a data folder."""
    paths = sorted((folder / "responses").glob("*.npz"))
    found = [read_camera(path, ("PAN", "10")) for path in paths if path.stem not in HELD_OUT_CAMERAS]
    consumer = [_read_consumer_camera(path) for path in sorted((folder / "responses/cameras").glob("*.csv"))]
    return found + [one for one in consumer if one is not None]


class Cameras:
    """Draws cameras over a grid.

    Args:
        grid: ``C`` channels.
        real: responses of real cameras; only invented ones are drawn without them.
    """

    def __init__(self, grid: Grid, real: Sequence[Response] = ()) -> None:
        self.grid = grid
        reach = grid.fwhm_nm.max()
        self._at = np.arange(
            grid.wavelength_nm.min() - 2 * reach, grid.wavelength_nm.max() + 2 * reach, _STEP_NM
        )
        self.real = [one for one in real if response_matrix(one, grid)[1].sum() >= FEWEST]

    def draw(self, rng: np.random.Generator) -> Camera:
        """A camera of as many bands as the models take."""
        while True:
            real = self.real and rng.random() < _REAL_SHARE
            curves = self._altered(rng) if real else self._invented(rng)
            curves = curves[curves.max(axis=1) > 0]
            if len(curves) < FEWEST:
                continue
            names = tuple(str(number) for number in range(len(curves)))
            matrix, supported = response_matrix(Response(names, self._at, curves), self.grid)
            kept = matrix[supported]
            if len(kept) >= FEWEST:
                kept = kept[rng.permutation(len(kept))[:MOST]]
                centre = kept @ self.grid.wavelength_nm
                order = np.argsort(centre)
                return Camera(kept[order], centre[order])

    def _altered(self, rng: np.random.Generator) -> np.ndarray:
        """Some bands of a real camera, shifted by up to 15 nm and stretched by 0.5 to 2, ``(c, L)``."""
        camera = self.real[rng.integers(len(self.real))]
        count = int(rng.integers(FEWEST, max(len(camera.curves), FEWEST) + 1))
        chosen = rng.permutation(len(camera.curves))[:count]
        shift, stretch = rng.uniform(-_SHIFT_NM, _SHIFT_NM), _STRETCH ** rng.uniform(-1.0, 1.0)
        curves = []
        for band in chosen:
            own = stretch * _STRETCH ** rng.uniform(-0.3, 0.3)
            centre = camera.centre_nm[band]
            at = (self._at - centre - shift - rng.uniform(-3.0, 3.0)) / own + centre
            curves.append(np.interp(at, camera.wavelength_nm, camera.curves[band], left=0.0, right=0.0))
        return np.array(curves)

    def _invented(self, rng: np.random.Generator) -> np.ndarray:
        """Bands of random shapes, ``(c, L)``."""
        low, high = self.grid.wavelength_nm.min(), self.grid.wavelength_nm.max()
        odds = np.array([share if first < high and last > low else 0.0 for first, last, share in _REGIONS])
        curves = []
        for _ in range(rng.integers(FEWEST, MOST + 1)):
            first, last, _ = _REGIONS[rng.choice(len(_REGIONS), p=odds / odds.sum())]
            centre = rng.uniform(max(first, low), min(last, high))
            wide = 1.0 if centre < 1000.0 else 1.6
            width = wide * np.exp(rng.uniform(np.log(12.0), np.log(110.0)))
            curves.append(self._band(rng, centre, width))
        return np.array(curves)

    def _band(self, rng: np.random.Generator, centre: float, width: float) -> np.ndarray:
        """A band ``(L,)``: Gaussian to box, at times skewed, at times with a second lobe."""
        exponent = rng.choice((2.0, 3.0, 4.0, 8.0))
        skew = rng.uniform(0.5, 2.0) if rng.random() < _SKEW_SHARE else 1.0
        distance = (self._at - centre) * 2.0 / width
        distance = np.where(distance > 0, distance / np.sqrt(skew), distance * np.sqrt(skew))
        curve = np.exp(-np.log(2.0) * np.abs(distance) ** exponent)
        if rng.random() < _LOBE_SHARE:
            offset = rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 3.0) * width
            curve = curve + rng.uniform(0.05, 0.4) * np.exp(
                -np.log(2.0) * (2.0 * (self._at - centre - offset) / (0.5 * width)) ** 2
            )
        return curve
