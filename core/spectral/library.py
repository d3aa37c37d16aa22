"""Spectral libraries: named spectra, read from and written to ENVI libraries (.sli) and tables (.csv)."""

from __future__ import annotations

import csv
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import SpectralError
from .grids import FloatArray, Grid
from .resampling import resample

_SAME_NM = 0.1
_MICROMETRES_BELOW = 100.0
_FILE_TYPE = "ENVI Spectral Library"
_CHANNEL = "channel"  # header of the first column of a table without wavelengths
_ENVI_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_DELETED = -1e30  # the USGS libraries mark missing channels with -1.23e34
_ENTRY = re.compile(r"^[ \t]*([^=\n;{}]+?)[ \t]*=[ \t]*(\{[^}]*\}|[^\n]*)", re.MULTILINE)


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

    def on(self, wavelength_nm: npt.ArrayLike, fwhm_nm: npt.ArrayLike | None = None) -> SpectralLibrary:
        """This library on other channels, by :func:`.resample`.

        Spectra whose channels lie within 0.1 nm of those asked for stay as they are, and so do those without
        wavelengths if their number is the same. Widths that are unknown are taken to be the distances to the
        nearest channels.

        Args:
            wavelength_nm: centres that are asked for in nm, shape ``(B,)``.
            fwhm_nm: their full widths at half maximum in nm, shape ``(B,)``, None where they are unknown.

        Raises:
            SpectralError: the library does not cover the wavelengths, or has none and another number of
                channels.
        """
        asked = np.asarray(wavelength_nm, dtype=np.float64)
        widths = None if fwhm_nm is None else np.asarray(fwhm_nm, dtype=np.float64)
        centres, channels = self.wavelength_nm, self.spectra.shape[1]
        if centres is None and channels != len(asked):
            raise SpectralError(
                f"The library has no wavelengths and {channels} channels, {len(asked)} are asked for; choose a "
                "library with wavelengths."
            )
        if centres is None or (channels == len(asked) and np.abs(asked - centres).max() < _SAME_NM):
            return replace(self, wavelength_nm=asked, fwhm_nm=self.fwhm_nm if widths is None else widths)
        target = Grid("image", asked, _spacing(asked) if widths is None else widths)
        return SpectralLibrary(self.names, self._resampled(centres, target), asked, widths)

    def _resampled(self, centres: FloatArray, target: Grid) -> FloatArray:
        """Spectra ``(n, B)``, each from the channels that it has."""
        result = np.full((len(self), len(target)), np.nan)
        patterns, members = np.unique(np.isfinite(self.spectra), axis=0, return_inverse=True)
        for number, known in enumerate(patterns):
            rows = np.flatnonzero(members.ravel() == number)
            if known.any():
                widths = _spacing(centres[known]) if self.fwhm_nm is None else self.fwhm_nm[known]
                spectra = self.spectra[np.ix_(rows, np.flatnonzero(known))]
                result[rows] = resample(spectra, Grid("library", centres[known], widths), target)
            missing = target.wavelength_nm[np.isnan(result[rows[0]])]
            if len(missing):
                raise SpectralError(_uncovered(self.names[rows[0]], missing))
        return result


def _uncovered(name: str, missing: FloatArray) -> str:
    return (
        f"The spectrum '{name}' of the library has no values at {len(missing)} of the image's bands, between "
        f"{missing.min():.0f} and {missing.max():.0f} nm; choose a library that covers them or leave these "
        "bands out."
    )


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
    real data type and byte order; its reflectance scale factor is applied. ``.csv`` has a header line, then
    wavelengths in the first column and one column for each spectrum; empty cells are NaN. A first column headed
    ``channel`` holds no wavelengths. Wavelengths are nm or µm; where no unit says so, those below 100 are µm.

    Raises:
        SpectralError: the file cannot be read as such a library.
    """
    path = Path(path)
    try:
        return _read_envi(path) if _is_envi(path) else _read_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpectralError(
            f"The spectral library '{path}' could not be read ({getattr(error, 'strerror', None) or error}); "
            "check that it is there, with its header where it is a .sli file, and not damaged."
        ) from error


def write_library(path: str | os.PathLike[str], library: SpectralLibrary) -> None:
    """Write a spectral library by its suffix, in place of one of that name once it is complete.

    ``.sli`` is an ENVI spectral library of float64 with its header ``name.hdr``. ``.csv`` is the table that
    :func:`read_library` reads; it holds no widths.

    Raises:
        SpectralError: the suffix is another one, the header's name is taken by another file, or the files cannot
            be written.
    """
    path = Path(path)
    write = _write_envi if _is_envi(path) else _write_csv
    try:
        write(path, library)
    except OSError as error:
        raise SpectralError(
            f"The spectral library '{path}' could not be written ({error.strerror or error}); check the folder "
            "and the space on the disk."
        ) from error


def _is_envi(path: Path) -> bool:
    """Whether a library of this name is an ENVI library; the other kind is a table."""
    suffix = path.suffix.lower()
    if suffix not in (".sli", ".csv"):
        raise SpectralError(
            f"The spectral library '{path}' must be an ENVI library or a table; give a name that ends in .sli "
            "or .csv."
        )
    return suffix == ".sli"


def _read_csv(path: Path) -> SpectralLibrary:
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row) and row[0][:1] != "#"]
    try:
        table = np.array([[float(cell.strip() or "nan") for cell in row] for row in rows[1:]])
    except ValueError as error:
        raise _no_table(path, str(error)) from error
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[1] != len(rows[0]):
        raise _no_table(path, "not every line has the same two or more cells")
    header = [cell.strip() for cell in rows[0]]
    centres = None if header[0].lower() == _CHANNEL else table[:, 0] * _nm_per_unit("", table[:, 0])
    return _library(path, header[1:], table[:, 1:].T, centres)


def _no_table(path: Path, reason: str) -> SpectralError:
    return SpectralError(
        f"The spectral library '{path}' is no such table ({reason}); it needs a header line, then wavelengths and "
        "one column of numbers for each spectrum, separated by commas."
    )


def _write_csv(path: Path, library: SpectralLibrary) -> None:
    channels = len(library.spectra[0])
    known = library.wavelength_nm is not None
    first = range(1, channels + 1) if library.wavelength_nm is None else library.wavelength_nm.tolist()
    with _renamed_when_complete(path) as (temporary,):
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["wavelength_nm" if known else _CHANNEL, *library.names])
            for place, values in zip(first, library.spectra.T.tolist()):
                writer.writerow([place, *("" if value != value else value for value in values)])


def _library(
    path: Path,
    names: Sequence[str],
    spectra: npt.NDArray[np.generic],
    wavelength_nm: FloatArray | None,
    fwhm_nm: FloatArray | None = None,
) -> SpectralLibrary:
    """What was read from ``path``; an error says that it was this file."""
    values = spectra.astype(np.float64)
    values[values < _DELETED] = np.nan
    try:
        return SpectralLibrary(tuple(names), values, wavelength_nm, fwhm_nm)
    except SpectralError as error:
        raise SpectralError(f"The spectral library '{path}' cannot be used. {error}") from error


def _nm_per_unit(unit: str, values: FloatArray) -> float:
    """Factor to nm; a unit that is not given is told from the largest wavelength. NaN for any other unit."""
    name = unit.strip().lower().replace("µ", "u").replace("μ", "u")
    if name in ("", "unknown"):
        return 1e3 if values.max() < _MICROMETRES_BELOW else 1.0
    if name.startswith(("micro", "um")):
        return 1e3
    return 1.0 if name.startswith("nano") or name == "nm" else np.nan


def _header_paths(path: Path) -> tuple[Path, Path]:
    """Where the header of an ENVI library can be, that which GDAL looks for first."""
    return path.with_suffix(".hdr"), path.with_name(path.name + ".hdr")


def _read_envi(path: Path) -> SpectralLibrary:
    header = next((name for name in _header_paths(path) if name.exists()), path.with_suffix(".hdr"))
    items = _header_items(header)
    if items.get("file type", "").lower() != _FILE_TYPE.lower():
        raise SpectralError(
            f"The file '{header}' is no header of an ENVI spectral library; choose a .sli file with its own header."
        )
    try:
        spectra = _envi_spectra(path, items)
        centres, widths = (_envi_numbers(items, key) for key in ("wavelength", "fwhm"))
        unit = items.get("wavelength units", "")
    except (KeyError, ValueError) as error:
        raise SpectralError(
            f"The header '{header}' of the spectral library is incomplete or damaged ({error}); write the library "
            "again."
        ) from error
    if centres is not None and unit.strip().lower() == "index":
        centres, widths = None, None
    if centres is not None:
        factor = _nm_per_unit(unit, centres)
        if factor != factor:
            raise SpectralError(
                f"The wavelengths of the spectral library '{path}' are in '{unit}'; convert them to nm or µm."
            )
        centres, widths = centres * factor, widths * factor if widths is not None else None
    names = [name.strip() for name in items.get("spectra names", "").strip("{} \n").split(",")]
    if len(names) != len(spectra):
        names = [f"spectrum {number}" for number in range(1, len(spectra) + 1)]
    return _library(path, names, spectra, centres, widths)


def _header_items(header: Path) -> dict[str, str]:
    """Entries of an ENVI header by their keys in lower case."""
    text = header.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return {key.lower(): value.strip() for key, value in _ENTRY.findall(text)}


def _envi_numbers(items: Mapping[str, str], key: str) -> FloatArray | None:
    """An ENVI list of numbers, None where there is none."""
    text = items.get(key, "").strip("{} \n")
    return np.array([float(entry) for entry in text.split(",")]) if text else None


def _envi_spectra(path: Path, items: Mapping[str, str]) -> FloatArray:
    """Spectra ``(n, C)`` in reflectance.

    Raises:
        KeyError: a header entry is missing.
        ValueError: a header entry does not fit the others or the file.
    """
    channels, count = int(items["samples"]), int(items["lines"])
    start, kind = int(items.get("header offset", 0)), int(items["data type"])
    if int(items.get("bands", 1)) != 1 or channels < 1 or count < 1 or start < 0:
        raise ValueError(f"{channels} samples, {count} lines and {items.get('bands')} bands")
    if kind not in _ENVI_TYPES:
        raise ValueError(f"data type {kind}")
    dtype = np.dtype(_ENVI_TYPES[kind]).newbyteorder("<>"[int(items.get("byte order", 0)) != 0])
    size = path.stat().st_size
    if size < start + channels * count * dtype.itemsize:
        raise ValueError(f"{count} spectra of {channels} channels do not fit in {size} bytes")
    stored = np.fromfile(path, dtype, channels * count, offset=start).reshape(count, channels)
    spectra: FloatArray = stored.astype(np.float64)
    if "data ignore value" in items:
        spectra[stored == dtype.type(float(items["data ignore value"]))] = np.nan
    spectra /= float(items.get("reflectance scale factor", 1.0)) or 1.0
    return spectra


def _write_envi(path: Path, library: SpectralLibrary) -> None:
    header, other = _header_paths(path)
    if header.exists() and _header_items(header).get("file type", "").lower() != _FILE_TYPE.lower():
        raise SpectralError(
            f"The spectral library '{path}' needs the header '{header}', which belongs to another file; choose "
            "another name."
        )
    with _renamed_when_complete(path, header) as (binary, text):
        library.spectra.astype("<f8").tofile(binary)
        text.write_text(_envi_header(library), encoding="utf-8", newline="\n")
    other.unlink(missing_ok=True)


def _envi_header(library: SpectralLibrary) -> str:
    count, channels = library.spectra.shape
    lists: dict[str, Sequence[object]] = {"spectra names": [_plain(name) for name in library.names]}
    if library.wavelength_nm is not None:
        lists["wavelength"] = library.wavelength_nm.tolist()
        if library.fwhm_nm is not None:
            lists["fwhm"] = library.fwhm_nm.tolist()
    entries: dict[str, object] = {
        "samples": channels,
        "lines": count,
        "bands": 1,
        "header offset": 0,
        "file type": _FILE_TYPE,
        "data type": 5,
        "interleave": "bsq",
        "byte order": 0,
        "reflectance scale factor": "1.0",
        "wavelength units": "Unknown" if library.wavelength_nm is None else "Nanometers",
    }
    texts = {key: "{" + ", ".join(map(str, values)) + "}" for key, values in lists.items()}
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in {**entries, **texts}.items())


def _plain(name: str) -> str:
    """A name without the marks that end it in an ENVI list."""
    return " ".join(name.translate(str.maketrans(",{}", ";()")).split())


@contextmanager
def _renamed_when_complete(*paths: Path) -> Iterator[list[Path]]:
    """Temporary names beside ``paths``, which get their own when all is written and vanish after an error."""
    mark = uuid.uuid4().hex[:8]
    temporary = [path.with_name(f"{path.stem}.{mark}.partial{path.suffix}") for path in paths]
    try:
        yield temporary
        for written, path in zip(temporary, paths):
            os.replace(written, path)
    finally:
        for written in temporary:
            written.unlink(missing_ok=True)
