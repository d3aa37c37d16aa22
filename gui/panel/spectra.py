"""Spectra with a name, and pins: places whose spectra are kept; as JSON for the project."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.raster.samples import Sample
from ...core.spectral.library import SpectralLibrary
from ...core.spectral.matching import joined
from ..plot.curves import Curve, Maybe

COLOURS = (
    "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#e08214", "#17a2a2", "#8c564b", "#d6499b", "#7f7f7f",
    "#8a9a0f",
)  # fmt: skip
_LAYERS_FIRST = 3
_ARRAYS = ("values", "wavelength_nm", "fwhm_nm", "spread")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A spectrum and where it comes from.

    Attributes:
        name: of the layer or library spectrum.
        values: shape ``(C,)``, NaN where there is none.
        wavelength_nm: likewise, None where unknown.
        fwhm_nm: likewise.
        spread: half height of the band around it, or None.
        good: False for bad bands, None where all are good.
    """

    name: str
    values: npt.NDArray[np.float64]
    wavelength_nm: Maybe = None
    fwhm_nm: Maybe = None
    spread: Maybe = None
    good: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of_sample(cls, name: str, sample: Sample) -> Spectrum:
        """The spectrum of a layer at a place."""
        bands = sample.bands
        good = None if bands.good.all() else bands.good
        return cls(name, sample.values, bands.wavelength_nm, bands.fwhm_nm, sample.deviation, good)

    @property
    def compared(self) -> npt.NDArray[np.float64]:
        """The values to compare with others: NaN in bad bands."""
        return self.values if self.good is None else np.where(self.good, self.values, np.nan)

    @property
    def located(self) -> Spectrum:
        """The bands whose wavelengths are known, where some are and others are not."""
        centres = self.wavelength_nm
        known = np.isfinite(centres) if centres is not None else np.array([], np.bool_)
        if known.all() or not known.any():
            return self
        parts = {key: getattr(self, key) for key in (*_ARRAYS, "good")}
        kept = {key: None if part is None else part[known] for key, part in parts.items()}
        return Spectrum(self.name, **kept)

    @property
    def lines(self) -> tuple[Maybe, Maybe]:
        """Wavelengths and widths, None unless all bands have them."""
        centres, widths = self.wavelength_nm, self.fwhm_nm
        if centres is None or not np.isfinite(centres).all():
            return None, None
        return centres, widths if widths is not None and np.isfinite(widths).all() else None

    def curve(self, name: str, colour: str, **looks: bool | str) -> Curve:
        """The spectrum as a curve."""
        return Curve(
            name, colour, self.values, self.wavelength_nm, self.fwhm_nm, self.spread, self.good, **looks
        )


@dataclass(frozen=True, eq=False)
class Pin:
    """A place that is kept.

    Attributes:
        name: given by the user.
        colour: like ``#1f77b4``.
        x, y: in the CRS ``crs`` (an id such as ``EPSG:32633``, or WKT).
        spectra: of the layers that were checked, in their order.
        shown: whether its curves are drawn.
    """

    name: str
    colour: str
    x: float
    y: float
    crs: str
    spectra: tuple[Spectrum, ...]
    shown: bool = True

    def main(self) -> Spectrum | None:
        """The spectrum with the most bands, which stands for the pin in libraries and comparisons."""
        return max(self.spectra, key=lambda one: len(one.values), default=None)

    def curves(self) -> list[Curve]:
        """Its curves, named after pin and layer; in the legend they are one."""
        alone = len(self.spectra) == 1
        return [
            one.curve(self.name if alone else f"{self.name} · {one.name}", self.colour, group=self.name)
            for one in self.spectra
        ]


def next_colour(pins: Sequence[Pin]) -> str:
    """The colour that the fewest pins have; the first ones are those of the first layers and come last."""
    used = [pin.colour for pin in pins]
    return min([*COLOURS[_LAYERS_FIRST:], *COLOURS[:_LAYERS_FIRST]], key=used.count)


def next_name(pins: Sequence[Pin], pattern: str) -> str:
    """The first name of a pattern such as ``Pin {}`` that no pin has."""
    taken = {pin.name for pin in pins}
    return next(name for number in range(1, len(pins) + 2) if (name := pattern.format(number)) not in taken)


def library_of(pins: Iterable[Pin]) -> SpectralLibrary:
    """The pins' main spectra as a library, on the channels of the first.

    Raises:
        SpectralError: no pin has a spectrum, or they have no common channels.
    """
    mains = [(pin.name, pin.main()) for pin in pins]
    located = [(name, one.located) for name, one in mains if one is not None]
    return joined([(name, one.values, *one.lines) for name, one in located])


def spectra_of(library: SpectralLibrary) -> list[Spectrum]:
    """The spectra of a library one by one."""
    return [
        Spectrum(name, values, library.wavelength_nm, library.fwhm_nm)
        for name, values in zip(library.names, library.spectra)
    ]


def pins_to_json(pins: Sequence[Pin]) -> str:
    """Pins as text for the project; arrays become lists, NaN becomes null."""
    return json.dumps([_pin_to_plain(pin) for pin in pins], allow_nan=False)


def pins_from_json(text: str) -> list[Pin]:
    """Pins from a project's text; those that cannot be understood are left out."""
    try:
        plain = json.loads(text or "[]")
    except ValueError:
        return []
    pins = []
    for entry in plain if isinstance(plain, list) else []:
        try:
            pins.append(_pin_from_plain(entry))
        except (KeyError, TypeError, ValueError):
            continue
    return pins


def _pin_to_plain(pin: Pin) -> dict[str, Any]:
    return {**vars(pin), "spectra": [_to_plain(one) for one in pin.spectra]}


def _pin_from_plain(entry: dict[str, Any]) -> Pin:
    spectra = tuple(_from_plain(one) for one in entry["spectra"])
    x, y = float(entry["x"]), float(entry["y"])
    return replace(
        Pin(entry["name"], entry["colour"], x, y, entry["crs"], spectra), shown=bool(entry["shown"])
    )


def _to_plain(spectrum: Spectrum) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": spectrum.name}
    for key in _ARRAYS:
        values = getattr(spectrum, key)
        if values is not None:
            plain[key] = [float(value) if np.isfinite(value) else None for value in values]
    if spectrum.good is not None:
        plain["good"] = [int(value) for value in spectrum.good]
    return plain


def _from_plain(plain: dict[str, Any]) -> Spectrum:
    arrays = {key: np.array(plain[key], dtype=np.float64) for key in _ARRAYS if key in plain}
    good = np.array(plain["good"], dtype=np.bool_) if "good" in plain else None
    return Spectrum(plain["name"], good=good, **arrays)
