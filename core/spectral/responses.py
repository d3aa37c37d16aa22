"""Relative spectral responses and their integration into response matrices.

``Y = R X``: row ``b`` of ``R`` holds the weights with which band ``b`` sees the channels of a grid. A
spectrum is taken as piecewise linear between the sorted channel centres, so its band average is exact for
that spectrum and no weight is negative.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError
from .grids import FloatArray, Grid
from .sensors import Sensor

# Exponent of the super-Gaussian. Band averages of library spectra then agree with the published
# Sentinel-2 responses within 0.7 %; a Gaussian (2) misses its flat top and is several times worse.
_EXPONENT = 8
_STEP_NM = 1.0


@dataclass(frozen=True, eq=False)
class Response:
    """Relative spectral responses of the bands of a sensor.

    Attributes:
        band_names: names, length ``c``.
        wavelength_nm: increasing sampling wavelengths in nm, shape ``(L,)``.
        curves: non-negative responses, shape ``(c, L)``; only their shape counts.
    """

    band_names: tuple[str, ...]
    wavelength_nm: FloatArray
    curves: FloatArray

    def __post_init__(self) -> None:
        if self.curves.shape != (len(self.band_names), len(self.wavelength_nm)):
            raise SpectralError("A response needs one curve for each band, sampled at each wavelength.")
        if len(self.wavelength_nm) < 2 or not (np.diff(self.wavelength_nm) > 0).all():
            raise SpectralError("The wavelengths of a response must increase from row to row.")
        if not np.isfinite(self.curves).all() or (self.curves.max(axis=1) <= 0).any():
            raise SpectralError("Every response curve needs finite values and a positive maximum.")

    @property
    def centre_nm(self) -> FloatArray:
        """Centroids of the bands in nm, shape ``(c,)``."""
        weights = self.curves * np.gradient(self.wavelength_nm)
        centroids: FloatArray = weights @ self.wavelength_nm / weights.sum(axis=1)
        return centroids


def super_gaussian(
    wavelength_nm: FloatArray, centre_nm: float, width_nm: float, exponent: float
) -> FloatArray:
    """``exp(-ln 2 |2 (l - centre) / width|^exponent)``: 1 at the centre and 1/2 at half the FWHM."""
    distance = np.abs(2.0 * (wavelength_nm - centre_nm) / width_nm)
    curve: FloatArray = np.exp(-np.log(2.0) * distance**exponent)
    return curve


def parametric_response(sensor: Sensor) -> Response:
    """Responses of a sensor from the centres and widths of its bands, sampled every nanometre."""
    reach = 1.5 * sensor.width_nm
    first = np.floor((sensor.centre_nm - reach).min())
    last = np.ceil((sensor.centre_nm + reach).max())
    wavelength = np.arange(first, last + _STEP_NM, _STEP_NM)
    curves = [super_gaussian(wavelength, band.centre_nm, band.width_nm, _EXPONENT) for band in sensor.bands]
    return Response(tuple(sensor.band_names), wavelength, np.array(curves))


def read_response(path: str | Path) -> Response:
    """Read responses from a CSV: a header, wavelengths in nm first, then one column for each band.

    Raises:
        SpectralError: the file cannot be read as such a table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
        table = np.array([[float(value) for value in row] for row in rows[1:]])
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise SpectralError(
            f"The response file '{path}' could not be read ({error}); it needs a header line, then "
            "wavelengths in nm and one column of numbers for each band."
        ) from error
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[1] != len(rows[0]):
        raise SpectralError(
            f"The response file '{path}' needs wavelengths in nm and at least one band, "
            "with a header for each."
        )
    return Response(
        tuple(name.strip() for name in rows[0][1:]), table[:, 0], np.clip(table[:, 1:].T, 0.0, None)
    )


def hat_matrix(centres_nm: FloatArray, at_nm: FloatArray) -> FloatArray:
    """Weights of piecewise linear interpolation, shape ``(len(at_nm), C)``; constant beyond the ends.

    ``centres_nm`` (C,) may be in any order; ``hat @ spectrum`` is the spectrum at ``at_nm``.
    """
    order = np.argsort(centres_nm, kind="stable")
    unit = np.eye(len(centres_nm))
    columns = [np.interp(at_nm, centres_nm[order], unit[rank]) for rank in range(len(order))]
    hat = np.empty((len(at_nm), len(order)))
    hat[:, order] = np.array(columns).T
    return hat


def response_matrix(
    response: Response, grid: Grid, minimum_support: float = 0.8
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Integrate responses over a grid.

    Args:
        response: ``c`` bands.
        grid: ``C`` channels.
        minimum_support: share of a band's response that must fall on the grid.

    Returns:
        ``R`` of shape ``(c, C)``, non-negative with rows of unit sum, and which bands the grid supports,
        shape ``(c,)``. Rows without support are zero: B1 of Sentinel-2 (443 nm) on ``aviris172``, which
        starts at 463 nm.
    """
    on_grid = grid.covers(response.wavelength_nm)
    weights = np.clip(response.curves, 0.0, None) * np.gradient(response.wavelength_nm)
    supported = (weights * on_grid).sum(axis=1) >= minimum_support * weights.sum(axis=1)
    weights = weights * on_grid * supported[:, None]
    matrix = weights @ hat_matrix(grid.wavelength_nm, response.wavelength_nm)
    sums = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0), supported
