"""Spectral libraries: named spectra, read from and written to ENVI libraries (.sli) and tables (.csv).

Single spectra of spectrometers are read as libraries as well.
"""

from __future__ import annotations

import csv
import math
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError
from .envi import (
    EnviLibrary,
    envi_header,
    header_paths,
    is_library_header,
    read_envi_library,
)
from .field_spectra import read_asd, read_spectrum_text
from .grids import FloatArray, Grid
from .resampling import resample
from .spectra_csv import CHANNEL, read_csv

_SAME_NM = 0.1
_SPECTROMETERS = {".asd": read_asd, ".txt": read_spectrum_text}
_NUMBERED = re.compile(r"\.\d{3}")  # ASD's files in a series
_DELETED = -1e30  # the USGS libraries mark channels that were not measured by -1.23e34


@dataclass(frozen=True, eq=False)
class SpectralLibrary:
    """Spectra of materials or endmembers.

    Attributes:
        names: one for each spectrum.
        spectra: shape ``(n, C)``, as a rule reflectance; NaN where a channel was not measured.
        wavelength_nm: centres of the channels in nm, shape ``(C,)``, None where they are unknown.
        fwhm_nm: full widths at half maximum in nm, shape ``(C,)``, None where they are unknown.
    """

    names: tuple[str, ...]
    spectra: FloatArray
    wavelength_nm: FloatArray | None = None
    fwhm_nm: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = self.spectra.shape
        if len(shape) != 2 or 0 in shape or len(self.names) != shape[0]:
            raise SpectralError(
                f"A spectral library needs one name for each spectrum and at least one channel, not "
                f"{len(self.names)} names for spectra of the shape {shape}."
            )
        for table in (self.wavelength_nm, self.fwhm_nm):
            if table is not None and (
                table.shape != shape[1:] or not (np.isfinite(table) & (table > 0)).all()
            ):
                raise SpectralError(
                    f"A spectral library of {shape[1]} channels needs a positive wavelength and width in nm "
                    "for each of them, or none."
                )

    def __len__(self) -> int:
        return len(self.names)

    def on(
        self, wavelength_nm: npt.ArrayLike, fwhm_nm: npt.ArrayLike | None = None, partial: bool = False
    ) -> SpectralLibrary:
        """This library on other channels, by :func:`.resample`.

        Spectra whose channels lie within 0.1 nm of those asked for stay as they are, and so do those without
        wavelengths if their number is the same. Widths that are unknown are taken to be the distances to the
        nearest channels.

        Args:
            wavelength_nm: centres that are asked for in nm, shape ``(B,)``.
            fwhm_nm: their full widths at half maximum in nm, shape ``(B,)``, None where they are unknown.
            partial: whether spectra may be NaN at wavelengths that they do not cover.

        Raises:
            SpectralError: the library does not cover the wavelengths and ``partial`` is not set, or it has
                none and another number of channels.
        """
        asked = np.asarray(wavelength_nm, dtype=np.float64)
        widths = None if fwhm_nm is None else np.asarray(fwhm_nm, dtype=np.float64)
        centres, channels = self.wavelength_nm, self.spectra.shape[1]
        if centres is None and channels != len(asked):
            raise SpectralError(
                f"The library has no wavelengths and {channels} channels, {len(asked)} are asked for; "
                "choose a library with wavelengths."
            )
        if centres is None or (channels == len(asked) and np.abs(asked - centres).max() < _SAME_NM):
            return replace(self, wavelength_nm=asked, fwhm_nm=self.fwhm_nm if widths is None else widths)
        target = Grid("image", asked, _spacing(asked) if widths is None else widths)
        spectra = self._resampled(centres, target)
        missing = np.isnan(spectra)
        if missing.any() and not partial:
            first = int(missing.any(axis=1).argmax())
            raise SpectralError(_uncovered(self.names[first], asked[missing[first]]))
        return SpectralLibrary(self.names, spectra, asked, widths)

    def _resampled(self, centres: FloatArray, target: Grid) -> FloatArray:
        """Spectra ``(n, B)``, each from the channels that it has, NaN where these do not reach."""
        result = np.full((len(self), len(target)), np.nan)
        patterns, members = np.unique(np.isfinite(self.spectra), axis=0, return_inverse=True)
        for number, known in enumerate(patterns):
            rows = np.flatnonzero(members.ravel() == number)
            if known.any():
                widths = _spacing(centres[known]) if self.fwhm_nm is None else self.fwhm_nm[known]
                spectra = self.spectra[np.ix_(rows, np.flatnonzero(known))]
                result[rows] = resample(spectra, Grid("library", centres[known], widths), target)
        return result


def _uncovered(name: str, missing: FloatArray) -> str:
    return (
        f"The spectrum '{name}' of the library has no values at {len(missing)} of the image's bands, "
        f"{range_of(missing)}; choose a library that covers them."
    )


def range_of(wavelength_nm: FloatArray) -> str:
    """Where wavelengths in nm lie, in words."""
    first, last = (f"{end:.0f}" for end in (wavelength_nm.min(), wavelength_nm.max()))
    return f"at {first} nm" if first == last else f"between {first} and {last} nm"


def _spacing(wavelength_nm: FloatArray) -> FloatArray:
    """Distance of each channel to the nearest other one, in nm; 1 nm for a single channel."""
    distinct, places = np.unique(wavelength_nm, return_inverse=True)
    if len(distinct) < 2:
        return np.ones(len(wavelength_nm))
    gaps = np.concatenate([[np.inf], np.diff(distinct), [np.inf]])
    spacing: FloatArray = np.minimum(gaps[:-1], gaps[1:])[places]
    return spacing


def read_library(path: str | os.PathLike[str]) -> SpectralLibrary:
    """Read a spectral library by its suffix.

    ``.sli`` is an ENVI spectral library with its header beside it (``name.hdr`` or ``name.sli.hdr``), of any
    real data type and byte order; it is divided by the reflectance scale factor of the header. ``.csv`` has a
    header line, then wavelengths in the first column and one column for each spectrum; empty cells are NaN,
    and a first column headed ``channel`` holds no wavelengths; one that does not ascend, or counts 1, 2, 3,
    must be headed as wavelengths. Semicolons may separate the columns. Wavelengths are nm or µm; where no
    unit says which, µm if all are below 100. ``.asd`` (or ``.000`` to ``.999``) is a spectrum of an ASD
    spectrometer, ``.txt`` one of ECOSTRESS or an ASD export.

    Raises:
        SpectralError: the file cannot be read as such a library.
    """
    path = Path(path)
    try:
        parts = _reader(path)(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SpectralError(
            f"The spectral library '{path}' could not be read ({reason}); check that the file is there, and "
            "beside a .sli file its header."
        ) from error
    parts.spectra[parts.spectra < _DELETED] = np.nan
    try:
        return SpectralLibrary(*parts)
    except SpectralError as error:
        raise SpectralError(f"The spectral library '{path}' cannot be used: {error}") from error


def is_library_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file of this name is a spectral library for sure, not a raster."""
    return Path(path).suffix.lower() in (".sli", ".csv", *_SPECTROMETERS)


def write_library(path: str | os.PathLike[str], library: SpectralLibrary) -> None:
    """Write a spectral library by its suffix; its name is given only to the complete file.

    ``.sli`` is an ENVI spectral library of float64 with its header ``name.hdr``, where commas and braces in
    names become semicolons and parentheses. ``.csv`` is the table that :func:`read_library` reads; it holds
    no widths.

    Raises:
        SpectralError: the suffix is another one, ``name.hdr`` belongs to another file, or the disk refuses.
    """
    path = Path(path)
    try:
        if _is_envi(path):
            _write_envi(path, library)
        else:
            _write_csv(path, library)
    except OSError as error:
        raise SpectralError(
            f"The spectral library '{path}' could not be written ({error.strerror or error}); choose a "
            "folder that can be written to and has space."
        ) from error


def _reader(path: Path) -> Callable[[Path], EnviLibrary]:
    """What reads a library of this name."""
    suffix = path.suffix.lower()
    if suffix in _SPECTROMETERS:
        return _SPECTROMETERS[suffix]
    if _NUMBERED.fullmatch(suffix):
        return read_asd
    return read_envi_library if _is_envi(path) else read_csv


def _is_envi(path: Path) -> bool:
    """Whether a library of this name is an ENVI library; the other kind is a table."""
    suffix = path.suffix.lower()
    if suffix not in (".sli", ".csv"):
        raise SpectralError(
            f"The spectral library '{path}' is neither an ENVI library nor a table; choose a name that ends "
            "in .sli or .csv."
        )
    return suffix == ".sli"


def _write_csv(path: Path, library: SpectralLibrary) -> None:
    centres = library.wavelength_nm
    places = range(1, library.spectra.shape[1] + 1) if centres is None else map(float, centres)
    with (
        _renamed_when_complete(path) as (unfinished,),
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([CHANNEL if centres is None else "wavelength_nm", *library.names])
        for place, values in zip(places, library.spectra.T):
            writer.writerow([place, *("" if math.isnan(value) else float(value) for value in values)])


def _write_envi(path: Path, library: SpectralLibrary) -> None:
    header, other = header_paths(path)
    if header.exists() and not is_library_header(header):
        raise SpectralError(
            f"The header '{header}' of the spectral library would replace that of another file; choose "
            "another name."
        )
    parts = EnviLibrary(library.names, library.spectra, library.wavelength_nm, library.fwhm_nm)
    with _renamed_when_complete(path, header) as (numbers, text):
        library.spectra.astype("<f8").tofile(numbers)
        text.write_text(envi_header(parts), encoding="utf-8")
    other.unlink(missing_ok=True)


@contextmanager
def _renamed_when_complete(*paths: Path) -> Iterator[list[Path]]:
    """Temporary names beside ``paths``, which get their own when all is written and vanish after an error."""
    mark = uuid.uuid4().hex[:8]
    unfinished = [path.with_name(f"{path.stem}.{mark}.partial{path.suffix}") for path in paths]
    try:
        yield unfinished
        for written, path in zip(unfinished, paths):
            os.replace(written, path)
    finally:
        for written in unfinished:
            written.unlink(missing_ok=True)
