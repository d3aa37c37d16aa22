"""Hyperspectral wavelength grids: a grid is data, never code.

The AVIRIS classic channels step back where its detectors meet (after channels 32, 96 and 160), so a
grid is not monotonic; integration goes over ``Grid.order``.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError

FloatArray = npt.NDArray[np.float64]

_AVIRIS_TABLE = Path(__file__).parent / "tables" / "aviris_classic.csv"
# A hole is a stretch this many median spacings wide: removed water-vapour bands, not detector joins.
_HOLE_IN_SPACINGS = 3.0


@dataclass(frozen=True, eq=False)
class Grid:
    """Channels of an imaging spectrometer.

    Attributes:
        name: short name, e.g. ``aviris172``.
        wavelength_nm: centre wavelengths in nm, shape ``(C,)``, in channel order.
        fwhm_nm: full widths at half maximum in nm, shape ``(C,)``.
    """

    name: str
    wavelength_nm: FloatArray
    fwhm_nm: FloatArray

    def __post_init__(self) -> None:
        for table in (self.wavelength_nm, self.fwhm_nm):
            if table.ndim != 1 or table.shape != self.wavelength_nm.shape or not len(table):
                raise SpectralError(
                    f"Grid '{self.name}' needs one wavelength and one width for each channel."
                )
            if not (np.isfinite(table).all() and (table > 0).all()):
                raise SpectralError(
                    f"Grid '{self.name}' needs positive, finite wavelengths and widths in nm."
                )

    def __len__(self) -> int:
        return len(self.wavelength_nm)

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Channel numbers in the order of increasing wavelength, shape ``(C,)``."""
        return np.argsort(self.wavelength_nm, kind="stable")

    def covers(self, wavelength_nm: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether wavelengths (nm) lie on the grid: inside its ends and outside its holes.

        The ends reach half a channel width beyond the outermost centres. A hole is a distance of more
        than three median spacings between neighbours, such as the water-vapour bands left out of the
        172-band grid.
        """
        asked = np.asarray(wavelength_nm, dtype=np.float64)
        centres, widths = self.wavelength_nm[self.order], self.fwhm_nm[self.order]
        inside: npt.NDArray[np.bool_] = (asked >= centres[0] - widths[0] / 2) & (
            asked <= centres[-1] + widths[-1] / 2
        )
        spacing = np.diff(centres)
        if len(spacing) < 2:
            return inside
        for left in np.flatnonzero(spacing > _HOLE_IN_SPACINGS * np.median(spacing)):
            low = centres[left] + widths[left] / 2
            high = centres[left + 1] - widths[left + 1] / 2
            inside &= ~((asked > low) & (asked < high))
        return inside


@cache
def _aviris_table() -> tuple[dict[str, str], ...]:
    with _AVIRIS_TABLE.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def _aviris(name: str) -> Grid:
    rows = [row for row in _aviris_table() if row.get(name, "1") == "1"]
    centres = np.array([float(row["centre_nm"]) for row in rows])
    widths = np.array([float(row["fwhm_nm"]) for row in rows])
    return Grid(name, centres, widths)


def _regular(name: str, first_nm: float, last_nm: float, step_nm: float) -> Grid:
    centres = np.arange(first_nm, last_nm + step_nm / 2, step_nm, dtype=np.float64)
    return Grid(name, centres, np.full_like(centres, step_nm))


_GRIDS = {
    "aviris224": lambda: _aviris("aviris224"),
    "aviris172": lambda: _aviris("aviris172"),
    "aviris186": lambda: _aviris("aviris186"),
    "visible31": lambda: _regular("visible31", 400.0, 700.0, 10.0),
    "vnir": lambda: _regular("vnir", 400.0, 1000.0, 10.0),
}


def grid_names() -> list[str]:
    """Names that :func:`grid` knows."""
    return list(_GRIDS)


@cache
def grid(name: str) -> Grid:
    """The grid of that name.

    ``aviris224`` is AVIRIS classic (flight season f110, 366-2496 nm); ``aviris172`` leaves out channels
    1-10, 104-116, 152-170 and 215-224 (ExplainS2A); ``aviris186`` adds to it channels 5-10, 104-106 and
    215-219, the least affected neighbours (UALNet; its paper lists none); ``visible31`` and ``vnir`` are
    400-700 and 400-1000 nm in steps of 10 nm.

    Raises:
        SpectralError: no grid has that name.
    """
    if name not in _GRIDS:
        raise SpectralError(f"There is no wavelength grid '{name}'; choose one of {', '.join(_GRIDS)}.")
    return _GRIDS[name]()
