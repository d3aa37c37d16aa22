"""Tables and pages of identified materials."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np

from ..core.errors import HyperLiftError
from ..core.spectral.library import SpectralLibrary
from ..core.spectral.matching import ANGLE, CORRELATION, Match, Matcher
from ..core.unmixing.identification import MaterialCounts
from . import unmixing_pictures as pictures
from .report_page import rows_of, table_of
from .unmixing_report import report_page

_METHODS = {"angle": "spectral angle", "correlation": "correlation of the continuum-removed spectra"}
_MOST_PICTURES = 12
_SCORES = ("Angle (degrees)", "Correlation")
_POOR_ANGLE, _POOR_CORRELATION = 10.0, 0.8


def closest(spectra: SpectralLibrary, library: SpectralLibrary, method: str, count: int) -> list[list[Match]]:
    """The materials that each spectrum is most like; none where it cannot be compared.

    Raises:
        HyperLiftError: the two libraries cannot be compared at all.
    """
    matcher = Matcher(library, spectra.wavelength_nm, spectra.fwhm_nm)
    found = [matcher.closest(spectrum, count, method) for spectrum in spectra.spectra]
    if not any(found):
        raise HyperLiftError("No spectrum has values that can be compared with the library; choose others.")
    return found


def scores(angle_deg: float, correlation: float, method: str) -> str:
    """Both scores in words, the one that decides first."""
    known = f"{correlation:.3f}" if np.isfinite(correlation) else "unknown"
    words = [f"angle {angle_deg:.2f} degrees", f"correlation {known}"]
    if method == CORRELATION:
        words.reverse()
    return f"{words[0]} ({words[1]})"


def is_poor(angle_deg: float, correlation: float, method: str) -> bool:
    """Whether the score that decides is that of no good match; an unknown correlation is."""
    return angle_deg > _POOR_ANGLE if method == ANGLE else not correlation >= _POOR_CORRELATION


def most_frequent(best: Sequence[Match], method: str) -> str:
    """The material that is closest most often, of several the one with the best mean score; empty of none."""
    merits: dict[str, list[float]] = {}
    for match in best:
        merit = _merit(match.angle_deg, match.correlation, method)
        merits.setdefault(match.name, []).append(merit)
    return max(merits, key=lambda name: (len(merits[name]), np.mean(merits[name])), default="")


def most_frequent_of_pixels(counts: MaterialCounts, method: str) -> str:
    """The material of the most pixels, of several the one with the best mean score; empty of none."""

    def rank(number: int) -> tuple[int, float]:
        merit = _merit(counts.angle_deg[number], counts.correlation[number], method)
        return int(counts.pixels[number]), merit

    return counts.names[max(counts.order, key=rank)] if len(counts.order) else ""


def _merit(angle_deg: float, correlation: float, method: str) -> float:
    """The score that decides, the greater the better."""
    merit = -angle_deg if method == ANGLE else correlation
    return merit if np.isfinite(merit) else -np.inf


def spectra_table(spectra: SpectralLibrary, found: Sequence[Sequence[Match]]) -> str:
    """A line for each match, as comma-separated values."""
    rows = [
        (name, rank, match.name, _score(match.angle_deg), _score(match.correlation))
        for name, matches in zip(spectra.names, found)
        for rank, match in enumerate(matches, start=1)
    ]
    return _csv(("spectrum", "rank", "material", "angle_deg", "correlation"), rows)


def pixels_table(counts: MaterialCounts) -> str:
    """A line for each material that was found, as comma-separated values."""
    total = int(counts.pixels.sum())
    rows = [
        (
            int(number) + 1,
            counts.names[number],
            int(counts.pixels[number]),
            f"{counts.pixels[number] / total:.6f}",
            _score(counts.angle_deg[number]),
            _score(counts.correlation[number]),
        )
        for number in counts.order
    ]
    return _csv(("number", "material", "pixels", "share", "angle_deg", "correlation"), rows)


def pixels_means(counts: MaterialCounts) -> tuple[float, float]:
    """Mean angle and correlation of all pixels with the materials they are closest to; NaN where unknown."""
    weights = counts.pixels / max(int(counts.pixels.sum()), 1)
    order = counts.order
    angle = float(counts.angle_deg[order] @ weights[order]) if len(order) else np.nan
    known = order[np.isfinite(counts.correlation[order])]
    share = weights[known].sum()
    return angle, float(counts.correlation[known] @ weights[known] / share) if share else np.nan


def spectra_page(
    title: str,
    method: str,
    spectra: SpectralLibrary,
    library: SpectralLibrary,
    found: Sequence[Sequence[Match]],
) -> str:
    """The page on the spectra of a library."""
    facts = {"Spectra": f"{title}, {len(spectra)}", "Library": f"{len(library)} materials"}
    body = [table_of({**facts, "Closest by": _METHODS[method]}), *_spectra_pictures(spectra, library, found)]
    rows = [
        (name, str(rank), match.name, f"{match.angle_deg:.2f}", _score(match.correlation, 3))
        for name, matches in zip(spectra.names, found)
        for rank, match in enumerate(matches, start=1)
    ]
    body.append(rows_of(("Spectrum", "Rank", "Material", *_SCORES), rows))
    return report_page("Identified materials", body)


def pixels_page(title: str, method: str, counts: MaterialCounts) -> str:
    """The page on the pixels of an image."""
    total = int(counts.pixels.sum())
    facts = {"Image": title, "Pixels": f"{total:,}", "Closest by": _METHODS[method]}
    if counts.unlike:
        facts["Not comparable"] = f"{counts.unlike:,} pixels"
    rows = [
        (
            counts.names[number],
            f"{counts.pixels[number]:,}",
            f"{counts.pixels[number] / total:.1%}",
            f"{counts.angle_deg[number]:.2f}",
            _score(counts.correlation[number], 3),
        )
        for number in counts.order
    ]
    body = [table_of(facts), rows_of(("Material", "Pixels", "Share", *_SCORES), rows)]
    return report_page("Identified materials", body)


def _spectra_pictures(
    spectra: SpectralLibrary, library: SpectralLibrary, found: Sequence[Sequence[Match]]
) -> Iterable[str]:
    """The first spectra, and beside them the materials they are closest to in the same colours."""
    shown = [row for row, matches in enumerate(found) if matches][:_MOST_PICTURES]
    if not pictures.available():
        return
    numbers = [found[row][0].number for row in shown]
    own = SpectralLibrary(
        tuple(spectra.names[row] for row in shown), spectra.spectra[shown], spectra.wavelength_nm
    )
    known = SpectralLibrary(
        tuple(library.names[number] for number in numbers), library.spectra[numbers], library.wavelength_nm
    )
    colours = range(len(shown))
    yield pictures.spectra(
        [pictures.Lines("Spectra", own, colours), pictures.Lines("Closest materials", known, colours)]
    )


def _score(value: float, decimals: int = 6) -> str:
    """A score, empty where there is none."""
    return f"{value:.{decimals}f}" if np.isfinite(value) else ""


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
