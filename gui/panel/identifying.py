"""Comparing a spectrum with several libraries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.errors import SpectralError
from ...core.spectral.library import SpectralLibrary
from ...core.spectral.matching import ANGLE, Match, Matcher
from .spectra import Spectrum, spectra_of

Found = tuple[str, Match, Spectrum]
_ROUNDED = 1e-6  # share by which values differ that went through a file of float32


def closest_in(
    libraries: Sequence[tuple[str, SpectralLibrary]], spectrum: Spectrum, method: str, count: int
) -> list[Found]:
    """The ``count`` spectra of all libraries that a spectrum is most like, with the titles of the libraries.

    Raises:
        SpectralError: none of the libraries can be compared with it; the reason is that of the first.
    """
    spectrum = spectrum.located
    found: list[Found] = []
    problems = []
    for title, library in libraries:
        try:
            matches = Matcher(library, *spectrum.lines).closest(spectrum.compared, count, method)
        except SpectralError as error:
            problems.append(error)
            continue
        spectra = spectra_of(library)
        found += [(title, match, spectra[match.number]) for match in matches]
    if not found:
        raise (
            problems[0]
            if problems
            else SpectralError("The spectrum has no values to compare; choose another place.")
        )
    return sorted(found, key=lambda one: _score(one[1], method))[:count]


def is_itself(found: Found, spectrum: Spectrum) -> bool:
    """Whether what was found is the very spectrum that was asked about, as an exported pin is."""
    values, other = spectrum.located.values, found[2].values
    return values.shape == other.shape and np.allclose(values, other, rtol=_ROUNDED, atol=0, equal_nan=True)


def _score(match: Match, method: str) -> float:
    """Small for a close match; unknown correlations come last."""
    if method == ANGLE:
        return match.angle_deg
    return 2.0 if match.correlation != match.correlation else -match.correlation
