"""Which spectra of a library a spectrum is most like: spectral angle and continuum-removed correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError
from .grids import FloatArray
from .library import SpectralLibrary
from .transforms import continuum_removed

ANGLE, CORRELATION = "angle", "correlation"
METHODS = (ANGLE, CORRELATION)
_CONSTANT = 1e-6  # deviation from its mean, relative to its length, that rounding gives a constant spectrum
# A spectrum that shares fewer channels would be close by chance.
_LEAST_SHARE = 0.5
_LEAST_CHANNELS = 3


@dataclass(frozen=True)
class Match:
    """A spectrum of a library beside the one that was asked about.

    Attributes:
        number: of the library's spectrum, from 0.
        name: of it.
        angle_deg: spectral angle in degrees, from 0 (same shape) to 180.
        correlation: of the two spectra without their continua, from -1 to 1 (same absorptions); NaN where one
            of them has none.
    """

    number: int
    name: str
    angle_deg: float
    correlation: float


def spectral_angle(spectra: npt.ArrayLike, others: npt.ArrayLike) -> FloatArray:
    """Angles in degrees ``(n, m)`` between spectra ``(n, C)`` and ``(m, C)``; NaN for one that is zero.

    Source: F. A. Kruse and others, The Spectral Image Processing System, RSE 44, 1993.
    """
    one, other = np.asarray(spectra, dtype=np.float64), np.asarray(others, dtype=np.float64)
    return _angles(_scaled(one) @ _scaled(other).T)


def correlation(spectra: npt.ArrayLike, others: npt.ArrayLike) -> FloatArray:
    """Pearson's correlations ``(n, m)`` of spectra ``(n, C)`` and ``(m, C)``; NaN for constant ones."""
    return _centred(np.asarray(spectra, np.float64)) @ _centred(np.asarray(others, np.float64)).T


class Matcher:
    """A library that is ready to be compared with spectra on given channels.

    Attributes:
        library: on these channels, NaN where it has no values.
        compared: numbers (from 0) of its spectra that cover enough of the channels.
    """

    def __init__(
        self,
        library: SpectralLibrary,
        wavelength_nm: npt.ArrayLike | None,
        fwhm_nm: npt.ArrayLike | None = None,
    ) -> None:
        """Put a library on channels.

        Args:
            library: of named materials.
            wavelength_nm: centres of the channels in nm, shape ``(C,)``; None where they are unknown, and the
                library must then have as many channels as the spectra.
            fwhm_nm: their widths in nm, None where they are unknown.

        Raises:
            SpectralError: no spectrum of the library covers at least half of the channels.
        """
        self.library = library
        if wavelength_nm is not None:
            self.library = library.on(wavelength_nm, fwhm_nm, partial=True)
        known = np.isfinite(self.library.spectra)
        channels = known.shape[1]
        self._places = np.arange(1.0, channels + 1) if wavelength_nm is None else np.asarray(wavelength_nm)
        self.compared = np.flatnonzero(known.sum(axis=1) >= _least(channels))
        if not len(self.compared):
            raise SpectralError(
                f"None of the library's {len(library)} spectra covers at least half of the {channels} "
                "channels to compare; choose a library for these wavelengths."
            )
        patterns, members = np.unique(known[self.compared], axis=0, return_inverse=True)
        self._groups = [
            (pattern, self.compared[members.ravel() == number]) for number, pattern in enumerate(patterns)
        ]

    def scores(self, spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Angles in degrees and continuum-removed correlations with every spectrum of the library.

        Args:
            spectra: shape ``(n, C)``; channels where one of them is NaN are not compared.

        Returns:
            Two arrays ``(n, m)``; NaN where fewer than half of the channels are common to both.

        Raises:
            SpectralError: the spectra have another number of channels than the library was put on.
        """
        if spectra.shape[1] != len(self._places):
            raise SpectralError(
                f"The spectra have {spectra.shape[1]} channels and the library {len(self._places)}; without "
                "wavelengths both must have as many."
            )
        usable = np.isfinite(spectra).all(axis=0)
        angles = np.full((len(spectra), len(self.library)), np.nan)
        correlations = angles.copy()
        for pattern, numbers in self._groups:
            channels = np.flatnonzero(pattern & usable)
            if len(channels) < _least(usable.sum()):
                continue
            own, other = spectra[:, channels], self.library.spectra[np.ix_(numbers, channels)]
            angles[:, numbers] = spectral_angle(own, other)
            places = np.asarray(self._places[channels], np.float64)
            correlations[:, numbers] = correlation(
                _without_continuum(places, own), _without_continuum(places, other)
            )
        return angles, correlations

    def closest(self, spectrum: FloatArray, count: int, method: str = ANGLE) -> list[Match]:
        """The ``count`` spectra of the library that a spectrum ``(C,)`` is most like, the closest first.

        Args:
            spectrum: NaN where it is not to be compared.
            count: how many; fewer come where fewer can be compared.
            method: ``angle`` or ``correlation``: what decides; the other is given as well.

        Raises:
            SpectralError: see :meth:`scores`.
        """
        angles, correlations = (scores[0] for scores in self.scores(spectrum[None, :]))
        deciding = angles if method == ANGLE else correlations
        return [
            Match(int(number), self.library.names[number], float(angles[number]), float(correlations[number]))
            for number in rank(angles, correlations, method)[:count]
            if np.isfinite(deciding[number])
        ]


def rank(angles: FloatArray, correlations: FloatArray, method: str) -> npt.NDArray[np.intp]:
    """Numbers of library spectra ``(..., m)`` by ``angle`` or ``correlation``, closest first; NaN last."""
    scores = angles if method == ANGLE else -correlations
    order: npt.NDArray[np.intp] = np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")
    return order


def joined(
    parts: Sequence[tuple[str, FloatArray, FloatArray | None, FloatArray | None]],
) -> SpectralLibrary:
    """One library of spectra that may lie on different channels: on those of the first.

    Args:
        parts: name, values ``(C,)``, wavelengths in nm and widths in nm (None where unknown) of each. Those
            on the channels of the first stay as they are; others are resampled, NaN where they have none.

    Raises:
        SpectralError: there is none, or one without wavelengths has another number of channels.
    """
    if not parts:
        raise SpectralError("There are no spectra to put into a library; collect some first.")
    name, values, wavelength, fwhm = parts[0]
    rows = [values]
    for other, own, centres, widths in parts[1:]:
        single = SpectralLibrary((other,), own[None, :], centres, widths)
        if wavelength is None or centres is None:
            if len(own) != len(values):
                raise SpectralError(
                    f"The spectra '{name}' and '{other}' have no common wavelengths and another number of "
                    "channels; put them into separate libraries."
                )
            rows.append(own)
        else:
            rows.append(single.on(wavelength, fwhm, partial=True).spectra[0])
    return SpectralLibrary(tuple(part[0] for part in parts), np.stack(rows), wavelength, fwhm)


def _least(channels: int) -> float:
    return max(_LEAST_CHANNELS, _LEAST_SHARE * channels)


def _scaled(spectra: FloatArray) -> FloatArray:
    """Spectra of unit length; NaN for one of length zero."""
    length = np.linalg.norm(spectra, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: FloatArray = np.where(length > 0, spectra / length, np.nan)
    return unit


def _centred(spectra: FloatArray) -> FloatArray:
    """Deviations of spectra from their means, of unit length; NaN for constant ones."""
    away = spectra - spectra.mean(axis=1, keepdims=True)
    rounding = _CONSTANT * np.linalg.norm(spectra, axis=1, keepdims=True)
    even = np.linalg.norm(away, axis=1, keepdims=True) <= rounding
    return _scaled(np.where(even, 0.0, away))


def _angles(cosines: FloatArray) -> FloatArray:
    angles: FloatArray = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return angles


def _without_continuum(places: FloatArray, spectra: FloatArray) -> FloatArray:
    """Continuum-removed spectra, 1 where the continuum is not positive."""
    removed = continuum_removed(places, spectra)
    return np.where(np.isfinite(removed), removed, 1.0)
