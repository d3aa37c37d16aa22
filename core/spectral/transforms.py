"""Spectra seen differently: without their continuum, and as first derivatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grids import FloatArray

_HOLE_IN_SPACINGS = 3.0


def pieces(wavelength_nm: npt.ArrayLike) -> list[npt.NDArray[np.intp]]:
    """Channel numbers in the order of ascending wavelength, broken where channels are missing.

    Args:
        wavelength_nm: centres in nm, shape ``(C,)``, in any order; channels without one are left out.

    Returns:
        One array for each piece. A hole is a distance of more than three median spacings, such as the
        water-vapour bands that a sensor's product lacks.
    """
    centres = np.asarray(wavelength_nm, dtype=np.float64)
    order = np.argsort(centres, kind="stable")
    order = order[np.isfinite(centres[order])]
    gaps = np.diff(centres[order])
    if len(gaps) < 2:
        return [order] if len(order) else []
    holes = np.flatnonzero(gaps > _HOLE_IN_SPACINGS * np.median(gaps)) + 1
    return list(np.split(order, holes))


def continuum(wavelength_nm: npt.ArrayLike, spectra: npt.ArrayLike) -> FloatArray:
    """The upper convex hull of each spectrum over wavelength, ``(n, C)`` or ``(C,)`` like the spectra.

    NaN where a spectrum is NaN. Source: R. N. Clark, T. L. Roush, Reflectance spectroscopy, JGR 89, 1984.

    Args:
        wavelength_nm: centres in nm, shape ``(C,)``, finite, in any order.
        spectra: shape ``(n, C)`` or ``(C,)``.
    """
    table = np.asarray(spectra, dtype=np.float64)
    order = np.argsort(np.asarray(wavelength_nm, dtype=np.float64), kind="stable")
    centres = np.asarray(wavelength_nm, dtype=np.float64)[order]
    hull = np.full_like(table, np.nan)
    hull[..., order] = _hull(centres, np.atleast_2d(table)[:, order]).reshape(table.shape)
    return hull


def continuum_removed(wavelength_nm: npt.ArrayLike, spectra: npt.ArrayLike) -> FloatArray:
    """Spectra over their continuum: 1 on the hull, less inside an absorption; NaN where that is not positive.

    Args:
        wavelength_nm: centres in nm, shape ``(C,)``, finite, in any order.
        spectra: shape ``(n, C)`` or ``(C,)``.
    """
    hull = continuum(wavelength_nm, spectra)
    hull[~(hull > 0.0)] = np.nan
    removed: FloatArray = np.asarray(spectra, dtype=np.float64) / hull
    return removed


def derivative(wavelength_nm: npt.ArrayLike, spectra: npt.ArrayLike) -> FloatArray:
    """First derivative of spectra ``(n, C)`` or ``(C,)`` by wavelength, in their unit per nm.

    By second-order differences within each of the :func:`pieces`; NaN where a spectrum or a neighbour is NaN,
    in pieces of one channel and where two channels share a wavelength.

    Args:
        wavelength_nm: centres in nm, shape ``(C,)``, in any order.
        spectra: shape ``(n, C)`` or ``(C,)``.
    """
    centres, table = np.asarray(wavelength_nm, dtype=np.float64), np.asarray(spectra, dtype=np.float64)
    slopes = np.full_like(table, np.nan)
    for piece in pieces(centres):
        if len(piece) > 1:
            with np.errstate(divide="ignore", invalid="ignore"):
                slopes[..., piece] = np.gradient(table[..., piece], centres[piece], axis=-1)
    slopes[~np.isfinite(slopes) | np.isnan(table)] = np.nan
    return slopes


def _hull(centres: FloatArray, spectra: FloatArray) -> FloatArray:
    """Hulls of spectra ``(n, C)`` over ascending centres: from each corner on along the steepest line."""
    known = np.isfinite(spectra)
    corners = np.zeros(spectra.shape, np.bool_)
    rows = np.flatnonzero(known.any(axis=1))
    at = known[rows].argmax(axis=1)
    last = spectra.shape[1] - 1 - known[rows, ::-1].argmax(axis=1)
    corners[rows, at], corners[rows, last] = True, True
    while len(rows):
        going = centres[at] < centres[last]
        rows, at, last = rows[going], at[going], last[going]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (spectra[rows] - spectra[rows, at][:, None]) / (centres - centres[at][:, None])
        slope[~known[rows] | (centres <= centres[at][:, None])] = -np.inf
        at = slope.shape[1] - 1 - slope[:, ::-1].argmax(axis=1)
        corners[rows, at] = True
    hull = _between(centres, spectra, corners)
    hull[~known] = np.nan
    return hull


def _between(centres: FloatArray, spectra: FloatArray, corners: npt.NDArray[np.bool_]) -> FloatArray:
    """Lines from corner to corner of each spectrum; what lies outside them has no meaning."""
    channels = np.arange(len(centres))
    left = np.maximum.accumulate(np.where(corners, channels, 0), axis=1)
    right = np.minimum.accumulate(np.where(corners, channels, len(centres) - 1)[:, ::-1], axis=1)[:, ::-1]
    start = np.take_along_axis(spectra, left, axis=1)
    rise = np.take_along_axis(spectra, right, axis=1) - start
    width = centres[right] - centres[left]
    share = np.divide(centres - centres[left], width, out=np.zeros_like(spectra), where=width > 0)
    line: FloatArray = start + share * rise
    return line
