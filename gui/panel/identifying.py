"""Comparing a spectrum with several libraries."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import SpectralError
from ...core.spectral.library import SpectralLibrary
from ...core.spectral.matching import ANGLE, Match, Matcher
from .spectra import Spectrum, spectra_of

Found = tuple[str, Match, Spectrum]


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


def _score(match: Match, method: str) -> float:
    """Small for a close match; unknown correlations come last."""
    if method == ANGLE:
        return match.angle_deg
    return 2.0 if match.correlation != match.correlation else -match.correlation
