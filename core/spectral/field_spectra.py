"""Spectra as field and laboratory spectrometers save them: ASD's binary files, ASD and ECOSTRESS text."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from ..errors import SpectralError
from .envi import MICROMETRES_BELOW, EnviLibrary
from .grids import FloatArray

# ASD file format, revisions 1 to 8: numbers at these bytes of the header, little-endian.
_ASD_MARKS = (b"ASD", b"as2", b"as3", b"as4", b"as5", b"as6", b"as7", b"as8")
_ASD_HEADER = 484
_ASD_TYPE, _ASD_FIRST, _ASD_STEP, _ASD_FORMAT, _ASD_CHANNELS = 186, 191, 195, 199, 204
_ASD_FORMATS = {0: "<f4", 1: "<i4", 2: "<f8"}
_ASD_RAW = 0
_ASD_RADIANCE = {2: "radiance", 4: "irradiance"}
_BEFORE_DESCRIPTION = 18  # the reference's flag (2 bytes) and two times of 8

_NUMBER = r"[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?"
_ROW = re.compile(rf"\s*{_NUMBER}(?:(?:\s+|\s*[;\t]\s*){_NUMBER})+\s*")
_ITEM = re.compile(r"\s*([A-Za-z][\w .]*?)\s*:\s*(.*?)\s*")


def read_asd(path: Path) -> EnviLibrary:
    """Read the spectrum of an ASD file, revisions 1 to 8: reflectance where the file holds a reference.

    Raises:
        SpectralError: it is no such file, is cut short, or holds counts or radiance without a reference.
        OSError: the file is missing or cannot be read.
    """
    data = path.read_bytes()
    if data[:3] not in _ASD_MARKS or len(data) < _ASD_HEADER:
        raise SpectralError(f"The file '{path}' is no ASD spectrum (revisions 1 to 8); choose another.")
    kind, form = data[_ASD_TYPE], data[_ASD_FORMAT]
    first, step = struct.unpack_from("<ff", data, _ASD_FIRST)
    (channels,) = struct.unpack_from("<H", data, _ASD_CHANNELS)
    try:
        dtype = np.dtype(_ASD_FORMATS[form])
        values = np.frombuffer(data, dtype, channels, _ASD_HEADER).astype(np.float64)
        reference = _asd_reference(data, dtype, channels)
    except (KeyError, ValueError, struct.error) as error:
        raise SpectralError(
            f"The ASD spectrum '{path}' is damaged or cut short ({error}); copy it again."
        ) from error
    if reference is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(reference != 0.0, values / reference, np.nan)
    elif kind == _ASD_RAW or kind in _ASD_RADIANCE:
        raise SpectralError(
            f"The ASD spectrum '{path}' holds {_ASD_RADIANCE.get(kind, 'raw counts')} without a white "
            "reference; convert it to reflectance first."
        )
    centres = first + step * np.arange(channels, dtype=np.float64)
    return EnviLibrary((path.stem,), values[None, :], centres, None)


def _asd_reference(data: bytes, dtype: np.dtype[np.generic], channels: int) -> FloatArray | None:
    """The white reference, None where the file has none."""
    start = _ASD_HEADER + channels * dtype.itemsize
    if data[:3] == b"ASD" or len(data) < start + _BEFORE_DESCRIPTION + 2:
        return None
    (flag,) = struct.unpack_from("<H", data, start)
    (length,) = struct.unpack_from("<H", data, start + _BEFORE_DESCRIPTION)
    start += _BEFORE_DESCRIPTION + 2 + length
    if not flag:
        return None
    reference: FloatArray = np.frombuffer(data, dtype, channels, start).astype(np.float64)
    return reference if reference.any() else None


def read_spectrum_text(path: Path) -> EnviLibrary:
    """Read columns of numbers under a header: ECOSTRESS and ASTER texts, ASD's ASCII exports.

    The first column holds wavelengths in nm or µm, by the header's ``X Units`` or, where it has none, µm if
    all are below 100; the others hold a spectrum each. Percentages (``Y Units``) become fractions.
    Wavelengths come out ascending.

    Raises:
        SpectralError: there are no such columns.
        OSError: the file is missing or cannot be read.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [number for number, line in enumerate(lines) if _ROW.fullmatch(line)]
    head = lines[: rows[0]] if rows else lines
    cells = [lines[number].replace(",", ".").replace(";", " ").split() for number in rows]
    if len(cells) < 2 or len({len(row) for row in cells}) != 1:
        raise SpectralError(
            f"The text '{path}' is no spectrum; it needs columns of numbers under a header, "
            "wavelengths first."
        )
    table = np.array([[float(cell) for cell in row] for row in cells])
    table = table[np.argsort(table[:, 0], kind="stable")]
    items = {match[1].lower(): match[2] for match in map(_ITEM.fullmatch, head) if match}
    spectra = table[:, 1:].T.copy()
    if "percent" in items.get("y units", "").lower():
        spectra /= 100.0
    centres = table[:, 0] * _nm_per_x(items.get("x units", ""), table[:, 0])
    return EnviLibrary(_column_names(path, items, head, len(spectra)), spectra, centres, None)


def _nm_per_x(units: str, places: FloatArray) -> float:
    words = units.lower()
    if "micro" in words or "um" in words.split():
        return 1e3
    if "nano" in words or "nm" in words.split():
        return 1.0
    return 1e3 if places.max() < MICROMETRES_BELOW else 1.0


def _column_names(path: Path, items: dict[str, str], head: list[str], count: int) -> tuple[str, ...]:
    """The name of the header's item, those above the columns, or the file's."""
    if items.get("name") and count == 1:
        return (items["name"],)
    titles = [cell.strip() for cell in re.split(r"[\t;,]", head[-1])] if head else []
    if len(titles) == count + 1 and all(titles[1:]):
        return tuple(titles[1:])
    return (path.stem,) if count == 1 else tuple(f"{path.stem} {number}" for number in range(1, count + 1))
