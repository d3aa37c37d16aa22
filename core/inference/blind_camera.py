"""A camera as the scene runner takes it, and what must be right before its response can be estimated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import RasterError
from ..raster.blocks import Source
from ..spectral.grids import FloatArray, Grid
from .bands import check_numbers
from .card import Card, CardInput

FEWEST, MOST = 3, 12  # bands
_CONSTANT = 1e-6  # reflectance that a band must vary by
_LARGEST_IN_MICROMETRES = 10.0  # no band has a centre of so few nm


def camera_card(
    card: Card,
    names: tuple[str, ...],
    centre_nm: FloatArray | None = None,
    width_nm: FloatArray | None = None,
) -> Card:
    """The card of a model for any camera with the bands of one; centres and widths as far as known."""
    unknown = np.full(len(names), np.nan)
    centre, width = (unknown if one is None else one for one in (centre_nm, width_nm))
    bands = CardInput(card.input.name, names, tuple(centre), tuple(width), card.input.scale)
    return replace(card, input=bands)


def chosen_bands(source: Source, numbers: Sequence[int]) -> tuple[int, ...]:
    """The bands to use (from 1): those given, or all.

    Raises:
        RasterError: there are fewer than 3 or more than 12, one of them twice, or one that is not there.
    """
    chosen = tuple(numbers) or tuple(range(1, len(source.bands) + 1))
    if not FEWEST <= len(chosen) <= MOST:
        what = "are given" if numbers else f"are in '{source.name}'"
        raise RasterError(
            f"{len(chosen)} bands {what}; blind spectral super-resolution takes {FEWEST} to {MOST}. "
            "Choose some by their numbers."
        )
    check_numbers(chosen, source.bands)
    return chosen


def centres_in(text: str) -> tuple[float, ...]:
    """Centres in nm from a text such as ``450, 560, 650``; empty from an empty text.

    Raises:
        RasterError: it is something else, or looks like micrometres.
    """
    try:
        centres = tuple(float(word) for word in re.split(r"[\s,;]+", text) if word)
    except ValueError as error:
        raise _no_centres(text) from error
    if not np.isfinite(centres).all():
        raise _no_centres(text)
    if centres and all(0.0 < centre < _LARGEST_IN_MICROMETRES for centre in centres):
        raise RasterError(
            f"The nominal centres '{text}' look like micrometres; give them in nm: "
            f"{', '.join(f'{1000 * centre:g}' for centre in centres)}."
        )
    return centres


def _no_centres(text: str) -> RasterError:
    return RasterError(
        f"Nominal centres must be wavelengths in nm separated by commas, such as 450, 560, 650, not '{text}'."
    )


def nominal_centres(
    source: Source, numbers: Sequence[int], centres: Sequence[float], grid: Grid
) -> FloatArray | None:
    """Nominal centres ``(c,)`` in nm of the bands in use: those given, else those that the raster states.

    Raises:
        RasterError: their number is wrong, or one lies where the grid has no channels.
    """
    if not centres:
        stated = np.array([source.bands.wavelength_nm[number - 1] for number in numbers])
        return stated if np.isfinite(stated).all() and grid.covers(stated).all() else None
    if len(centres) != len(numbers):
        raise RasterError(
            f"{len(centres)} nominal centres are given for {len(numbers)} bands; give one for each, "
            "in the order of the bands, or none."
        )
    asked = np.array(centres, np.float64)
    outside = np.flatnonzero(~grid.covers(asked))
    if len(outside):
        first = int(outside[0])
        raise RasterError(
            f"The nominal centre of band {numbers[first]}, {asked[first]:g} nm, is not on the wavelengths "
            f"of the result ({grid.wavelength_nm.min():.0f} to {grid.wavelength_nm.max():.0f} nm, without "
            "what water vapour blocks); leave the band out by the band numbers, or choose another grid."
        )
    return asked


def check_pixels(pixels: FloatArray, names: Sequence[str]) -> None:
    """Refuse bands that say nothing: pixels ``(n, c)``.

    Raises:
        RasterError: a band is constant, or two are the same.
    """
    for band, name in enumerate(names):
        if np.ptp(pixels[:, band]) < _CONSTANT:
            raise RasterError(
                f"The band '{name}' has the same value everywhere ({pixels[0, band]:g}); leave it out by the "
                "band numbers."
            )
        for other in range(band):
            if np.abs(pixels[:, band] - pixels[:, other]).max() < _CONSTANT:
                raise RasterError(
                    f"The bands '{names[other]}' and '{name}' are identical; leave one of them out by the "
                    "band numbers."
                )
