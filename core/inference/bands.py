"""Which band of a raster feeds which band of a network.

Asked in this order: the user's list of band numbers, the names of the bands, their wavelengths. An order is
never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import RasterError
from ..raster.blocks import BandTable, PixelArray
from ..spectral import sensor
from ..spectral.grids import FloatArray
from .card import Card, CardInput

# A name like "B2", "B02", "B8A", "S2_B5", "Band 4" or "B02 (490 nm)".
_NUMBERED = re.compile(r"(?<![a-z0-9])b(?:and)?[ _-]?0?([1-9]|1[0-2])(a?)(?![a-z0-9])", re.IGNORECASE)
# Common words of Sentinel-2 products and catalogues, in lower case without spaces.
_WORDS = {
    "coastal": "B1", "coastalaerosol": "B1", "blue": "B2", "green": "B3", "red": "B4",
    "rededge1": "B5", "rededge2": "B6", "rededge3": "B7", "vegetationrededge1": "B5",
    "vegetationrededge2": "B6", "vegetationrededge3": "B7", "nir": "B8", "nir08": "B8A", "narrownir": "B8A",
    "nirnarrow": "B8A", "watervapour": "B9", "watervapor": "B9", "nir09": "B9", "cirrus": "B10",
    "swir1": "B11", "swir16": "B11", "swir2": "B12", "swir22": "B12",
}  # fmt: skip
_TOLERANCE_NM = 5.0
_WIDTH_RATIO = 4.0
_MOST_BROAD_BANDS = 30  # a raster of more without known widths is hyperspectral
_WATER_VAPOUR_COLUMN = "wvp"  # a map of products of level 2A, not the band B9


@dataclass(frozen=True)
class BandMatch:
    """Where the bands of a network come from.

    Attributes:
        numbers: band numbers of the raster (from 1), one for each band that is not estimated.
        present: places of these bands in the network's order.
        input: the network's input, with its estimators.
        how: one sentence for the log.
    """

    numbers: tuple[int, ...]
    present: tuple[int, ...]
    input: CardInput
    how: str

    @property
    def estimated(self) -> list[str]:
        """Names of the bands that are estimated from the others."""
        return [name for place, name in enumerate(self.input.bands) if place not in self.present]

    @property
    def warnings(self) -> list[str]:
        """What the user must know about missing bands."""
        names = self.estimated
        if not names:
            return []
        return [
            f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} missing in the raster and "
            "estimated from the other bands; results near their wavelengths are less certain."
        ]

    def complete(self, reflectance: PixelArray) -> PixelArray:
        """All bands ``(c, h, w)`` in the network's order, from those present ``(len(numbers), h, w)``."""
        if len(self.present) == len(self.input.bands):
            return reflectance
        pixels = np.empty((len(self.input.bands), *reflectance.shape[1:]), np.float32)
        pixels[list(self.present)] = reflectance
        for name in self.estimated:
            estimator = self.input.estimators[name]
            places = [self.input.bands.index(band) for band in estimator.weights]
            weights = np.array(list(estimator.weights.values()), np.float32)
            estimate = np.tensordot(weights, pixels[places], axes=1) + np.float32(estimator.intercept)
            pixels[self.input.bands.index(name)] = estimate
        return pixels


def match_bands(table: BandTable, card: Card, numbers: Sequence[int] = ()) -> BandMatch:
    """Find the network's bands in a raster.

    Args:
        table: the raster's bands.
        card: of the model.
        numbers: band numbers (from 1) in the network's order, without those that can be estimated or with
            them; empty to recognise the bands.

    Raises:
        RasterError: the numbers are wrong, or the bands are not there or cannot be recognised.
    """
    if numbers:
        return _from_numbers(table, card, numbers)
    named = _by_name(table)
    if _complete(named, card):
        return _match(named, card, "names")
    near = _by_wavelength(table, card)
    if _complete(near, card):
        return _match(near, card, "wavelengths")
    raise RasterError(_unknown(table, card, named, near))


def band_numbers(text: str) -> tuple[int, ...]:
    """Numbers of bands from a text such as ``1, 2, 3``; empty from an empty text.

    Raises:
        RasterError: it is something else.
    """
    if not re.fullmatch(r"[\d\s,;]*", text):
        raise RasterError(
            f"Bands must be numbers separated by commas, such as 1,2,3,4,5,6,7,8,9,10,11,12, not '{text}'."
        )
    return tuple(int(number) for number in re.findall(r"\d+", text))


def band_name(text: str) -> str:
    """The Sentinel-2 band (``B1`` ... ``B12``, ``B8A``) that a description names, or an empty text."""
    found = {f"B{number}{letter.upper()}" for number, letter in _NUMBERED.findall(text)}
    if _WATER_VAPOUR_COLUMN in text.lower():
        return ""
    if found:
        return found.pop() if len(found) == 1 else ""
    word = re.sub(r"\(.*?\)|[^a-z0-9]", "", text.lower())
    return _WORDS.get(word, "")


def sentinel2_lines(names: Sequence[str]) -> tuple[FloatArray, FloatArray] | None:
    """Centres and widths in nm of Sentinel-2's bands by their names, one for each.

    None unless all are that sensor's and one is B8A, which no other sensor has.
    """
    seen, found = sensor("sentinel2a"), [band_name(name) for name in names]
    if "B8A" not in found or not set(found) <= set(seen.band_names):
        return None
    places = [seen.band_names.index(name) for name in found]
    return seen.centre_nm[places], seen.width_nm[places]


def own_names(table: BandTable, numbers: Sequence[int]) -> tuple[str, ...]:
    """Names of a raster's bands of these numbers (from 1); ``band 3`` for one without, or where two agree."""
    plain = tuple(f"band {number}" for number in numbers)
    names = tuple(table.names[number - 1] or word for number, word in zip(numbers, plain))
    return names if len(set(names)) == len(names) else plain


def check_numbers(numbers: Sequence[int], table: BandTable) -> None:
    """Check that a raster has bands of these numbers.

    Raises:
        RasterError: a band is named twice, or is not there.
    """
    if len(set(numbers)) != len(numbers):
        raise RasterError("The list of band numbers names a band of the raster twice; give each band once.")
    if not all(1 <= number <= len(table) for number in numbers):
        raise RasterError(
            "The list of band numbers names a band that is not there; the raster has bands 1 to "
            f"{len(table)}."
        )


def _from_numbers(table: BandTable, card: Card, numbers: Sequence[int]) -> BandMatch:
    bands, optional = card.input.bands, card.input.estimators
    without = [name for name in bands if name not in optional]
    names = {len(without): without, len(bands): list(bands)}.get(len(numbers))
    if names is None:
        raise RasterError(
            f"{len(numbers)} band numbers are given; {_needs(card)}, one number for each, in this order."
        )
    check_numbers(numbers, table)
    match = _match(dict(zip(names, numbers)), card, "the numbers given")
    every = tuple(range(1, len(table) + 1))
    if match.numbers == every and bands == own_names(table, every):
        return replace(match, how=f"All {len(table)} bands are used, in their order.")
    return match


def _by_name(table: BandTable) -> dict[str, int]:
    """Band numbers by Sentinel-2 name, as far as the descriptions name them."""
    found: dict[str, int] = {}
    for number, text in enumerate(table.names, start=1):
        name = band_name(text)
        if name in found:
            raise RasterError(
                f"Bands {found[name]} and {number} are both named {name}; give the band numbers to say which."
            )
        if name:
            found[name] = number
    return found


def _by_wavelength(table: BandTable, card: Card) -> dict[str, int]:
    """Band numbers by name: the nearest centre within half a width, narrow bands first, each band once."""
    if _many_without_widths(table):
        return {}
    centres, widths = np.array(table.wavelength_nm), np.array(table.fwhm_nm)
    found: dict[str, int] = {}
    bands = zip(card.input.bands, card.input.centre_nm, card.input.width_nm)
    for name, centre, width in sorted(bands, key=lambda band: band[2]):
        distance = np.abs(centres - centre)
        distance[[number - 1 for number in found.values()]] = np.nan
        ratio = np.maximum(widths / width, width / widths)
        distance[(distance > width / 2 + _TOLERANCE_NM) | (ratio > _WIDTH_RATIO)] = np.nan
        if not np.isnan(distance).all():
            found[name] = int(np.nanargmin(distance)) + 1
    return found


def _many_without_widths(table: BandTable) -> bool:
    """Whether wavelengths alone say nothing: some channel of a spectrometer is near every band."""
    known = np.isfinite(table.wavelength_nm).sum()
    return bool(known > _MOST_BROAD_BANDS and np.isnan(table.fwhm_nm).all())


def _complete(found: dict[str, int], card: Card) -> bool:
    return all(name in found or name in card.input.estimators for name in card.input.bands)


def _match(found: dict[str, int], card: Card, source: str) -> BandMatch:
    present = [place for place, name in enumerate(card.input.bands) if name in found]
    pairs = [(card.input.bands[place], found[card.input.bands[place]]) for place in present]
    listed = ", ".join(f"{name}={number}" for name, number in pairs)
    how = f"Bands taken from {source}: {listed}."
    return BandMatch(tuple(number for _, number in pairs), tuple(present), card.input, how)


def _needs(card: Card) -> str:
    bands, optional = card.input.bands, list(card.input.estimators)
    text = f"the model needs {len(bands)} bands ({' '.join(bands)})"
    if optional:
        text += f", or {len(bands) - len(optional)} without {' and '.join(optional)}"
    return text


def _unknown(table: BandTable, card: Card, named: dict[str, int], near: dict[str, int]) -> str:
    least = len(card.input.bands) - len(card.input.estimators)
    if len(table) < least:
        return f"The raster has {len(table)} band{'s' * (len(table) != 1)}; {_needs(card)}."
    if _many_without_widths(table):
        return (
            f"The raster has {len(table)} bands of unknown width and looks hyperspectral already, not like "
            f"Sentinel-2; if it holds Sentinel-2's bands all the same, set the bands to the numbers of "
            f"{', '.join(card.input.bands)}, in this order."
        )
    if not named and not near:
        fits = len(table) in (least, len(card.input.bands))
        count = "" if fits else f", and there are {len(table)} of them while {_needs(card)}"
        return (
            f"The bands of the raster have neither Sentinel-2 names nor wavelengths{count}; set the bands "
            f"to the numbers of {', '.join(card.input.bands)}, in this order."
        )
    best, source = max((named, "names"), (near, "wavelengths"), key=lambda found: len(found[0]))
    missing = [name for name in card.input.bands if name not in best and name not in card.input.estimators]
    return (
        f"By their {source} the bands of the raster lack {', '.join(missing)}; set the bands to the "
        f"numbers of {', '.join(card.input.bands)}, in this order."
    )
