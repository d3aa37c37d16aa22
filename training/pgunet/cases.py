"""What PGU-Net is measured on: held-out scenes through cameras of which training knows nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hyperlift.core.inference.blind_camera import FEWEST
from hyperlift.core.spectral import Band, Grid, Response, Sensor, grid, parametric_response, response_matrix

from ..data.spectra import WORKING_GRID, Collection
from ..evaluation.scores import FOOTPRINTS, HeldOutScene, tiles_of
from .responses import read_camera

# Files of the held-out cameras, and bands to leave out: panchromatic, cirrus, WorldView-3's second camera.
_CAMERAS = {
    "WorldView-3": ("WV3", ("PAN", "SWIR")),
    "PlanetScope SD8": ("PS_SD8", ()),
    "Landsat 9": ("L9", ("BAND 8", "BAND 9")),
}
P4M = "DJI P4 Multispectral"
_P4M_NM = ((450.0, 32.0), (560.0, 32.0), (650.0, 32.0), (730.0, 32.0), (840.0, 52.0))


@dataclass(frozen=True, eq=False)
class Case:
    """A held-out camera over a grid.

    Attributes:
        name: of the camera.
        response: ``(c, C)`` over the grid; bands without support there are left out.
        centre_nm: nominal centres ``(c,)``.
        seen: response ``(c, 224)`` over the working grid, with which scenes are seen.
    """

    name: str
    response: np.ndarray
    centre_nm: np.ndarray
    seen: np.ndarray

    def msi(self, tiles: np.ndarray) -> np.ndarray:
        """Bands ``(tiles, c, H, W)`` of scenes ``(tiles, 224, H, W)``."""
        return np.einsum("bk,tkhw->tbhw", self.seen, tiles).astype(np.float32)


def _case(name: str, response: Response, target: Grid) -> Case | None:
    matrix, supported = response_matrix(response, target)
    seen, _ = response_matrix(response, grid(WORKING_GRID))
    if supported.sum() < FEWEST:
        return None
    return Case(name, matrix[supported], np.round(response.centre_nm[supported]), seen[supported])


def cases(folder: Path, target: Grid) -> list[Case]:
    """The held-out cameras of a data folder, and a drone's camera of five bands."""
    found = []
    for name, (file, skip) in _CAMERAS.items():
        found.append(_case(name, read_camera(folder / "responses" / f"{file}.npz", skip), target))
    bands = tuple(Band(f"{centre:g}", centre, width, 1.0) for centre, width in _P4M_NM)
    found.append(_case(P4M, parametric_response(Sensor("p4m", P4M, bands)), target))
    return [case for case in found if case is not None]


def seen_scenes(collections: Sequence[Collection], case: Case, target: Grid) -> Iterator[HeldOutScene]:
    """Held-out images on a grid, seen by a camera."""
    working = grid(WORKING_GRID).wavelength_nm
    channels = [int(np.argmin(np.abs(working - nm))) for nm in target.wavelength_nm]
    for collection in collections:
        if collection.held_out and collection.shape is not None:
            tiles = tiles_of(collection)
            measured = collection.measured[channels]
            msi = case.msi(tiles)
            yield HeldOutScene(
                collection.name, FOOTPRINTS[0], msi, tiles[:, channels], measured, target.wavelength_nm
            )


def bumps(case: Case, target: Grid, width_nm: float = 40.0) -> np.ndarray:
    """What a user has today: Gaussians of 40 nm at the nominal centres, ``(c, C)``."""
    at = np.arange(300.0, 2600.0)
    curves = np.exp(-np.log(2.0) * (2.0 * (at - case.centre_nm[:, None]) / width_nm) ** 2)
    names = tuple(str(number) for number in range(len(curves)))
    return response_matrix(Response(names, at, curves), target, minimum_support=0.0)[0]
