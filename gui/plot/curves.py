"""Curves to plot, and the ways to look at them: as they are, without continuum, as derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np
import numpy.typing as npt

from ...core.spectral.transforms import continuum, derivative, pieces

VALUES, CONTINUUM, DERIVATIVE = "values", "continuum", "derivative"
VIEWS = (VALUES, CONTINUUM, DERIVATIVE)
MOST_BROAD_BANDS = 30  # an image of more is hyperspectral
_NEAR_NM = 250.0  # broad bands further apart are not joined: nothing was measured between them

Array = npt.NDArray[np.float64]
Maybe = Optional[Array]


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum to plot.

    Attributes:
        name: for legend and readout.
        colour: like ``#1f77b4``; it is made lighter or darker until it shows on the background.
        values: shape ``(C,)``, NaN where there is no value.
        wavelength_nm: shape ``(C,)``, NaN or None where unknown: the numbers of the bands take their place.
        fwhm_nm: widths of the bands, drawn as bars of broad ones.
        spread: half height of the band around the curve, in the unit of the values.
        good: False for bands that are not to be drawn.
        dashed: drawn in dashes, as the spectra of libraries are.
        thick: drawn thicker, as the spectra under the cursor are.
        group: name that it shares in the legend with the other curves of its pin; empty for one by itself.
    """

    name: str
    colour: str
    values: Array
    wavelength_nm: Maybe = None
    fwhm_nm: Maybe = None
    spread: Maybe = None
    good: npt.NDArray[np.bool_] | None = None
    dashed: bool = False
    thick: bool = False
    group: str = ""

    @property
    def listed_as(self) -> str:
        """Its name in the legend."""
        return self.group or self.name

    @property
    def broad(self) -> bool:
        """Whether these are the few bands of a multispectral image, drawn as points."""
        return len(self.values) <= MOST_BROAD_BANDS

    @property
    def has_wavelengths(self) -> bool:
        """Whether the curve has a place on an axis of wavelengths."""
        return self.wavelength_nm is not None and bool(np.isfinite(self.wavelength_nm).any())

    @property
    def places(self) -> Array:
        """Where the values lie on the axis: nm, or numbers of bands from 1."""
        if self.wavelength_nm is not None and self.has_wavelengths:
            return self.wavelength_nm
        return np.arange(1.0, len(self.values) + 1)

    @property
    def drawn(self) -> Array:
        """The values of good bands, NaN elsewhere."""
        return self.values if self.good is None else np.where(self.good, self.values, np.nan)


@dataclass(frozen=True, eq=False)
class Line:
    """A curve as a view shows it: ``y`` over ``x`` (nm or band), with ``spread`` around it if it has one."""

    curve: Curve
    x: Array
    y: Array
    spread: Maybe

    def stretches(self) -> list[npt.NDArray[np.intp]]:
        """Numbers of bands in the order of ``x`` that are joined by a line: broken at gaps and bad bands."""
        if self.curve.broad:
            whole = np.argsort(self.x, kind="stable")
            whole = whole[np.isfinite(self.x[whole])]
            parts = np.split(whole, np.flatnonzero(np.diff(self.x[whole]) > _NEAR_NM) + 1)
        else:
            parts = pieces(self.x)
        found = []
        for part in parts:
            known = np.isfinite(self.y[part])
            edges = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
            found += [run for run in np.split(part, edges) if len(run) and np.isfinite(self.y[run[0]])]
        return found


def line_of(curve: Curve, view: str) -> Line:
    """A curve as a view shows it; the spread has no meaning for derivatives."""
    places, values, spread = curve.places, curve.drawn, curve.spread
    known = np.isfinite(places)
    if view == VALUES or not known.any():
        return Line(curve, places, values, spread)
    y = np.full_like(values, np.nan)
    if view == DERIVATIVE:
        y[known] = derivative(places[known], values[known])
        return Line(curve, places, y, None)
    hull = np.full_like(values, np.nan)
    hull[known] = continuum(places[known], values[known])
    hull[~(hull > 0.0)] = np.nan
    return Line(curve, places, values / hull, None if spread is None else spread / hull)
