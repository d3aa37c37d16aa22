"""Real spectra on one grid: cubes and libraries in a data folder, split by area.

The folder (``--data``, or the environment variable ``HYPERLIFT_DATA``) holds ``cubes/*.npz`` with
``reflectance (H, W, B)``, ``wavelength_nm``, ``fwhm_nm`` where known and ``bad_bands``, and
``libraries/*.npz`` with ``spectra (n, B)``, ``wavelength_nm`` and, if they have any, ``names``.
"""

from __future__ import annotations

import csv
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hyperlift.core.spectral import Grid, grid, grid_names, resampling_matrix

# Pixels of one scene resemble each other, so the split is by area, never by pixel. Names not listed are
# areas of their own.
AREAS = {
    "san_diego_aviris189": "san_diego",
    "san_diego_90_aviris189": "san_diego",
    "san_diego3_aviris189": "san_diego",
    "neon_osbs_40x40": "osbs",
    "neon_idtrees_osbs24": "osbs",
    "neon_crowns_pixels": "osbs",
}
HELD_OUT = ("salton_sea_aviris", "enmap_potsdam_12x32x32", "hyspex_bavaria_gfz_325")
# Left out: no short-wave infrared (MUUFL), lake spectra too noisy to train on, a cube whose scale and band
# list are guesses (Cuprite, rebuilt from factors), and two pieces ten pixels wide that did not earn their
# place (see NOTES.md).
UNUSED = (
    "muufl_gulfport_51x88x72",
    "gleon_lake_mendota_avirisng",
    "isofit_pasadena_insitu",
    "cuprite_lowrank_192x192",
    "emit_jpl_10x10",
    "aviris_ng_pycoal_3x10x10",
)
# What today's training sees, for the cards of what it makes.
SOURCES = (
    "spectra from AVIRIS and NEON scenes, of the USGS, ECOSTRESS, KLUM, SLUM, Berlin, Roberts, soil, "
    "Spectrolab (leaves) and Aggeneys (rocks) libraries and of PROSAIL"
)
# The grid on which everything is kept: it reaches B1 (443 nm), the 172-band grid does not.
WORKING_GRID = "aviris224"
_BRIGHTEST = 1.2


@dataclass(frozen=True, eq=False)
class Collection:
    """Spectra of one place or library on the working grid.

    Attributes:
        name: of the file.
        area: what must not be split between training and testing.
        spectra: ``(n, 224)`` reflectance without gaps (interpolated).
        measured: ``(224,)``, False where the instrument has no support.
        shape: rows and columns when the spectra are an image, else None.
        names: of the spectra ``(n,)``, where a library has them.
    """

    name: str
    area: str
    spectra: np.ndarray
    measured: np.ndarray
    shape: tuple[int, int] | None
    names: np.ndarray | None = None

    @property
    def held_out(self) -> bool:
        """Whether training must not see it."""
        return self.name in HELD_OUT

    def part(self, share: float) -> Collection:
        """The first rows of an image, or evenly spread spectra of a library, ``share`` of them."""
        if share == 1.0:
            return self
        if self.shape is None:
            keep = np.linspace(0, len(self.spectra) - 1, max(round(share * len(self.spectra)), 1)).astype(int)
            return self._only(keep)
        rows, columns = max(round(share * self.shape[0]), 1), self.shape[1]
        return replace(self, spectra=self.spectra[: rows * columns], shape=(rows, columns))

    def named(self, part: str) -> Collection:
        """The spectra of a library that have ``part`` in their names.

        Raises:
            ValueError: it has no names, or none of them has this part.
        """
        if self.names is None:
            raise ValueError(f"The library '{self.name}' has no names: save one for each spectrum, as text.")
        rows = np.flatnonzero(np.char.find(self.names, part) >= 0)
        if not len(rows):
            raise ValueError(f"The library '{self.name}' has no spectrum with '{part}' in its name.")
        return self._only(rows)

    def _only(self, rows: np.ndarray) -> Collection:
        """These rows of a library."""
        names = None if self.names is None else self.names[rows]
        return replace(self, spectra=self.spectra[rows], names=names)

    def image(self) -> np.ndarray:
        """The spectra as an image ``(224, H, W)``."""
        if self.shape is None:
            raise ValueError(f"{self.name} is a library, not an image.")
        return np.ascontiguousarray(self.spectra.T.reshape(-1, *self.shape))


def data_folder(path: str | Path | None = None) -> Path:
    """The folder of real data: ``path``, else ``HYPERLIFT_DATA``, else ``../shared/data``.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(path or os.environ.get("HYPERLIFT_DATA") or default)
    if not (folder / "cubes").is_dir():
        raise FileNotFoundError(
            f"There are no training data in '{folder}': name a folder that holds cubes/*.npz with --data "
            "or the environment variable HYPERLIFT_DATA."
        )
    return folder


def missing_held_out(folder: Path) -> list[str]:
    """Cubes of the held-out areas that are not in a data folder."""
    return [name for name in HELD_OUT if not (folder / "cubes" / f"{name}.npz").is_file()]


def target_grid(name: str) -> Grid:
    """The grid of that name, or of a CSV file with the columns ``wavelength_nm`` and ``fwhm_nm``.

    Raises:
        ValueError: the file lacks the columns, or holds something else than numbers.
        SpectralError: there is no such grid.
    """
    if name in grid_names() or not name.lower().endswith(".csv"):
        return grid(name)
    with Path(name).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    try:
        table = np.array([[float(row["wavelength_nm"]), float(row["fwhm_nm"])] for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"'{name}' needs the columns wavelength_nm and fwhm_nm with numbers.") from error
    return Grid(Path(name).stem, table[:, 0], table[:, 1])


def _source_grid(name: str, table: np.lib.npyio.NpzFile, usable: np.ndarray) -> Grid:
    wavelength = table["wavelength_nm"].astype(float)
    if "fwhm_nm" in table:
        width = table["fwhm_nm"].astype(float)
    else:
        width = np.interp(wavelength, np.sort(wavelength), np.gradient(np.sort(wavelength)))
    return Grid(name, wavelength[usable], np.maximum(width[usable], 1e-3))


def _names(table: np.lib.npyio.NpzFile, count: int) -> np.ndarray | None:
    """Names of a library's spectra ``(count,)``; None where there is no text for each of them."""
    try:
        names = table["names"]
    except (KeyError, ValueError):  # there are none, or they are pickled objects
        return None
    return names if names.shape == (count,) and names.dtype.kind == "U" else None


def _read(path: Path) -> Collection | None:
    """Resample one file to the working grid, dropping bad bands and pixels without data."""
    with np.load(path) as table:
        values = table["reflectance" if "reflectance" in table else "spectra"].astype(np.float32)
        shape = values.shape[:2] if values.ndim == 3 and min(values.shape[:2]) > 1 else None
        spectra = values.reshape(-1, values.shape[-1])
        bad = table["bad_bands"] if "bad_bands" in table else np.zeros(spectra.shape[1], bool)
        usable = ~bad & (np.isfinite(spectra).mean(axis=0) > 0.9)
        source = _source_grid(path.stem, table, usable)
        names = None if shape else _names(table, len(spectra))
    target = grid(WORKING_GRID)
    matrix, measured = resampling_matrix(source, target)
    spectra = spectra[:, usable] @ matrix.T.astype(np.float32)
    present = np.isfinite(spectra).all(axis=1) & (spectra[:, measured].max(axis=1) > 1e-3)
    if shape is None:
        present &= spectra[:, measured].max(axis=1) < _BRIGHTEST
        spectra, names = spectra[present], None if names is None else names[present]
    else:
        spectra[~present] = 0.0
    if not len(spectra):
        return None
    order = target.order
    known = order[measured[order]]
    at = np.interp(target.wavelength_nm, target.wavelength_nm[known], np.arange(len(known)))
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(known) - 1)
    share = (at - low).astype(np.float32)
    filled = spectra[:, known[low]] * (1 - share) + spectra[:, known[high]] * share
    filled[:, measured] = spectra[:, measured]
    filled = np.clip(filled, 0.0, None)
    return Collection(path.stem, AREAS.get(path.stem, path.stem), filled, measured, shape, names)


def load_collections(folder: Path) -> list[Collection]:
    """Every usable cube and library of a data folder, in alphabetical order.

    Raises:
        ValueError: a file is neither.
    """
    paths = sorted(folder.glob("cubes/*.npz")) + sorted(folder.glob("libraries/*.npz"))
    found = []
    for path in (path for path in paths if path.stem not in UNUSED):
        try:
            found.append(_read(path))
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"'{path}' is neither a cube nor a library: it needs reflectance (H, W, B) or spectra "
                f"(n, B), and wavelength_nm (B) ({error})."
            ) from error
    return [collection for collection in found if collection is not None]
