"""Multispectral sensors: their bands, centres, widths and native footprints.

Centres and widths are the centroid and the equivalent width (that of the super-Gaussian of equal
variance) of the published responses (ESA COPE-GSEG-EOPG-TN-15-0007 v4.0). Band B8 is skewed; its
centre and width are those that give the band averages of natural spectra.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import SpectralError
from .grids import FloatArray


@dataclass(frozen=True)
class Band:
    """One band: ``name``, ``centre_nm`` and ``width_nm`` (FWHM) in nm, native ``footprint_m`` in metres."""

    name: str
    centre_nm: float
    width_nm: float
    footprint_m: float


@dataclass(frozen=True)
class Sensor:
    """A multispectral sensor: ``name``, ``title`` for people, and its ``bands`` in input order."""

    name: str
    title: str
    bands: tuple[Band, ...]

    @property
    def band_names(self) -> list[str]:
        """Names of the bands in input order."""
        return [band.name for band in self.bands]

    @property
    def centre_nm(self) -> FloatArray:
        """Centres of the bands in nm, shape ``(c,)``."""
        return np.array([band.centre_nm for band in self.bands])

    @property
    def width_nm(self) -> FloatArray:
        """Widths (FWHM) of the bands in nm, shape ``(c,)``."""
        return np.array([band.width_nm for band in self.bands])

    @property
    def footprint_m(self) -> FloatArray:
        """Native ground sampling of the bands in metres, shape ``(c,)``."""
        return np.array([band.footprint_m for band in self.bands])


# Order of the twelve bands everywhere; B10 (cirrus) carries no surface and is left out.
_SENTINEL2_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")
_SENTINEL2_FOOTPRINT_M = (60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 20, 20)
_SENTINEL2_CENTRE_WIDTH_NM = {
    "sentinel2a": (
        (442.7, 20.5), (492.7, 64.1), (559.8, 35.2), (664.6, 31.4), (704.1, 14.4), (740.5, 13.8),
        (782.8, 20.1), (831.8, 109.3), (864.7, 21.4), (945.1, 19.8), (1613.7, 89.5), (2202.4, 173.7),
    ),
    "sentinel2b": (
        (442.2, 21.1), (492.3, 64.8), (558.9, 35.5), (664.9, 30.4), (703.8, 14.4), (739.1, 13.9),
        (779.7, 20.2), (831.9, 110.0), (864.0, 21.5), (943.2, 19.9), (1610.4, 92.8), (2185.7, 184.2),
    ),
    "sentinel2c": (
        (444.2, 20.6), (489.2, 65.2), (560.6, 35.4), (666.5, 30.7), (707.1, 15.8), (741.1, 16.0),
        (784.7, 20.9), (833.6, 108.9), (865.6, 20.9), (947.2, 20.8), (1612.0, 92.0), (2191.5, 190.0),
    ),
}  # fmt: skip


def _sentinel2(name: str) -> Sensor:
    rows = zip(_SENTINEL2_BANDS, _SENTINEL2_CENTRE_WIDTH_NM[name], _SENTINEL2_FOOTPRINT_M)
    bands = tuple(Band(band, centre, width, float(metres)) for band, (centre, width), metres in rows)
    return Sensor(name, f"Sentinel-2{name[-1].upper()} MSI", bands)


_SENSORS = {name: _sentinel2(name) for name in _SENTINEL2_CENTRE_WIDTH_NM}


def sensor_names() -> list[str]:
    """Names that :func:`sensor` knows."""
    return list(_SENSORS)


def sensor(name: str) -> Sensor:
    """The sensor of that name: ``sentinel2a``, ``sentinel2b`` or ``sentinel2c``.

    Raises:
        SpectralError: no sensor has that name.
    """
    if name not in _SENSORS:
        raise SpectralError(f"There is no sensor '{name}'; choose one of {', '.join(_SENSORS)}.")
    return _SENSORS[name]
