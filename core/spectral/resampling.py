"""Resampling spectra between wavelength grids, taking both grids' widths into account."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError
from .grids import FloatArray, Grid
from .responses import hat_matrix

_FWHM_TO_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))
_QUADRATURE = np.linspace(-4.0, 4.0, 81)  # in standard deviations


def resampling_matrix(source: Grid, target: Grid) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Matrix ``(C_target, C_source)`` that resamples spectra, and which target channels have support.

    Both grids' responses are taken as Gaussians. What a target channel sees beyond the source's own blur is
    a Gaussian of width ``sqrt(max(fwhm_t^2 - fwhm_s^2, 0))``, integrated over the piecewise linear spectrum;
    where the target is the finer one that is plain interpolation. Rows without support are zero.
    """
    order = source.order
    own = np.interp(target.wavelength_nm, source.wavelength_nm[order], source.fwhm_nm[order])
    extra = np.sqrt(np.clip(target.fwhm_nm**2 - own**2, 0.0, None)) * _FWHM_TO_SIGMA
    kernel = np.exp(-(_QUADRATURE**2) / 2.0)
    kernel /= kernel.sum()
    supported = source.covers(target.wavelength_nm)
    at = target.wavelength_nm[:, None] + extra[:, None] * _QUADRATURE
    centres = source.wavelength_nm[order]
    first = np.maximum(np.searchsorted(centres, at[:, 0]) - 1, 0)
    last = np.searchsorted(centres, at[:, -1], side="right") + 1
    matrix = np.zeros((len(target), len(source)))
    for row in np.flatnonzero(supported):
        near = slice(first[row], last[row])
        matrix[row, order[near]] = kernel @ hat_matrix(centres[near], at[row])
    return matrix, supported


def resample(spectra: npt.ArrayLike, source: Grid, target: Grid) -> FloatArray:
    """Resample spectra ``(..., C_source)`` to ``(..., C_target)``; NaN where the source has no support.

    Raises:
        SpectralError: the spectra have another number of channels than the source grid.
    """
    values = np.asarray(spectra, dtype=np.float64)
    if values.shape[-1] != len(source):
        raise SpectralError(
            f"The spectra have {values.shape[-1]} channels, the grid '{source.name}' has {len(source)}."
        )
    matrix, supported = resampling_matrix(source, target)
    result: FloatArray = values @ matrix.T
    result[..., ~supported] = np.nan
    return result
