"""ENVI spectral libraries: a file of numbers (.sli) and the header beside it that says what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import SpectralError
from .grids import FloatArray

MICROMETRES_BELOW = 100.0
_FILE_TYPE = "ENVI Spectral Library"
_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
_FLOAT64 = 5
_ENTRY = re.compile(r"^[ \t]*([^=\n;{}]+?)[ \t]*=[ \t]*(\{[^}]*\}?|[^\n]*)", re.MULTILINE)
_NO_UNITS = ("", "unknown")
_INDEX = "index"


class EnviLibrary(NamedTuple):
    """What a library holds.

    Attributes:
        names: of the spectra, ``n`` of them.
        spectra: shape ``(n, C)``, in reflectance where the header has the scale factor; NaN where ignored.
        wavelength_nm: centres in nm, None where there are none.
        fwhm_nm: full widths at half maximum in nm, likewise.
    """

    names: tuple[str, ...]
    spectra: FloatArray
    wavelength_nm: FloatArray | None
    fwhm_nm: FloatArray | None


def header_paths(path: Path) -> tuple[Path, Path]:
    """Where the header of the library at ``path`` can be, the usual place first."""
    return path.with_suffix(".hdr"), path.with_name(path.name + ".hdr")


def is_library_header(header: Path) -> bool:
    """Whether the header at ``header`` is that of a spectral library, not of an image."""
    return header_items(header).get("file type", "").lower() == _FILE_TYPE.lower()


def read_envi_library(path: Path) -> EnviLibrary:
    """Read the library at ``path`` with its header.

    Raises:
        SpectralError: the header is that of something else, damaged, or does not fit the file.
        OSError: a file is missing or cannot be read.
    """
    header = next((name for name in header_paths(path) if name.exists()), path.with_suffix(".hdr"))
    if not is_library_header(header):
        raise SpectralError(
            f"The file '{header}' is no header of a spectral library; choose a .sli file with its own header."
        )
    items = header_items(header)
    try:
        spectra = _spectra(path, items)
        centres, widths = (_numbers(items, key) for key in ("wavelength", "fwhm"))
        factor = _nm_per_unit(items.get("wavelength units", ""), centres)
    except (KeyError, ValueError, OverflowError) as error:
        raise SpectralError(
            f"The header '{header}' is damaged or not that of '{path.name}' ({error}); export the library "
            "again or convert it to a .csv table."
        ) from error
    if centres is None or factor is None:
        return EnviLibrary(_names(items, len(spectra)), spectra, None, None)
    widths = None if widths is None or not (widths > 0).all() else widths * factor
    return EnviLibrary(_names(items, len(spectra)), spectra, centres * factor, widths)


def envi_header(library: EnviLibrary) -> str:
    """The header of a library whose numbers are written as little-endian float64, spectrum after spectrum."""
    count, channels = library.spectra.shape
    entries: dict[str, object] = {
        "samples": channels,
        "lines": count,
        "bands": 1,
        "header offset": 0,
        "file type": _FILE_TYPE,
        "data type": _FLOAT64,
        "interleave": "bsq",
        "byte order": 0,
        "reflectance scale factor": 1.0,
        "spectra names": _list(map(_plain, library.names)),
    }
    if library.wavelength_nm is not None:
        entries["wavelength units"] = "Nanometers"
        entries["wavelength"] = _list(map(float, library.wavelength_nm))
        if library.fwhm_nm is not None:
            entries["fwhm"] = _list(map(float, library.fwhm_nm))
    return "ENVI\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())


def header_items(header: Path) -> dict[str, str]:
    """Entries of a header by their keys in lower case; a list comes without its braces."""
    text = "\n".join(header.read_text(encoding="utf-8", errors="replace").splitlines())
    return {key.lower(): value.strip(" \t\n{}") for key, value in _ENTRY.findall(text)}


def _spectra(path: Path, items: Mapping[str, str]) -> FloatArray:
    """The numbers ``(n, C)``, NaN where they are to be ignored, divided by the scale factor of the header.

    Raises:
        KeyError: a header entry is missing.
        ValueError: a header entry does not fit the others or the file.
    """
    channels, count, kind = (int(items[key]) for key in ("samples", "lines", "data type"))
    start, bands = int(items.get("header offset", 0)), int(items.get("bands", 1))
    if kind not in _TYPES:
        raise ValueError(f"numbers of the data type {kind}")
    if bands != 1 or min(channels, count) < 1 or start < 0:
        raise ValueError(f"{channels} samples, {count} lines, {bands} bands, header offset {start}")
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if int(items.get("byte order", 0)) else "<")
    needed, size = start + channels * count * dtype.itemsize, path.stat().st_size
    if size < needed:
        raise ValueError(f"{needed} bytes expected, {size} found")
    spectra: FloatArray = np.fromfile(path, dtype, channels * count, offset=start).astype(np.float64)
    if "data ignore value" in items:
        ignored = float(items["data ignore value"])
        spectra[np.isclose(spectra, ignored, rtol=1e-6, atol=0.0)] = np.nan
    scale = float(items.get("reflectance scale factor", 1.0))
    spectra /= scale if scale > 0 else 1.0
    return spectra.reshape(count, channels)


def _numbers(items: Mapping[str, str], key: str) -> FloatArray | None:
    """A list of numbers, None where there is none."""
    text = items.get(key, "").rstrip(", \t\n")
    return np.array([float(entry) for entry in text.split(",")]) if text else None


def _names(items: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Names of the spectra; numbers where there are not as many names (some hold a comma)."""
    names = tuple(" ".join(name.split()) for name in items.get("spectra names", "").split(","))
    return names if len(names) == count else tuple(f"spectrum {number}" for number in range(1, count + 1))


def _nm_per_unit(unit: str, wavelength: FloatArray | None) -> float | None:
    """Factor from a unit to nm, by the numbers where it is not given; None where they are no wavelengths.

    Raises:
        ValueError: the unit is no length.
    """
    name = unit.lower().replace("µ", "u").replace("μ", "u")
    if wavelength is None or name == _INDEX:
        return None
    if name in _NO_UNITS:
        return 1e3 if wavelength.max() < MICROMETRES_BELOW else 1.0
    if name.startswith(("nm", "nano")):
        return 1.0
    if name.startswith(("um", "micro")):
        return 1e3
    raise ValueError(f"wavelengths in {unit}, neither nm nor µm")


def _list(values: Iterable[object]) -> str:
    return "{" + ", ".join(str(value) for value in values) + "}"


def _plain(name: str) -> str:
    """A name without the marks that end it in a list."""
    return " ".join(name.translate(str.maketrans(",{}", ";()")).split())
