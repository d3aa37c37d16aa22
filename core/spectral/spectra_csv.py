"""Tables of spectra (.csv) as they come from spreadsheets: wavelengths and a column for each spectrum."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from ..errors import SpectralError
from .envi import MICROMETRES_BELOW, EnviLibrary
from .grids import FloatArray

CHANNEL = "channel"  # heads the first column of a table without wavelengths
# Heads a column of wavelengths for sure; those of overlapping detectors do not ascend.
_WAVELENGTH = re.compile(r"wave|lambda|λ|micro|nano|(?<![a-z])(nm|um|µm|μm)(?![a-z])", re.IGNORECASE)


def read_csv(path: Path) -> EnviLibrary:
    """Names, spectra and wavelengths of a table.

    Raises:
        SpectralError: it is none, or its first column tells no wavelengths.
        OSError: the file cannot be read.
        UnicodeDecodeError: it is no text.
        csv.Error: it is no table.
    """
    rows = _csv_rows(path)
    try:
        table = np.array([[float(cell.strip() or "nan") for cell in row] for row in rows[1:]])
    except ValueError as error:
        raise _no_table(path, error) from error
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[1] != len(rows[0]):
        raise _no_table(path, "its shape is another")
    first, *names = (cell.strip() for cell in rows[0])
    centres = table[:, 0] * (1e3 if table[:, 0].max() < MICROMETRES_BELOW else 1.0)
    known = first.lower() != CHANNEL
    if known and not _WAVELENGTH.search(first):
        _require_wavelengths(path, first, table[:, 0])
    return EnviLibrary(tuple(names), table[:, 1:].T.copy(), centres if known else None, None)


def _csv_rows(path: Path) -> list[list[str]]:
    """Cells of the lines that are neither empty nor remarks; numbers tell commas and semicolons apart."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        text = file.read()
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    delimiter = ";" if ";" in "".join(lines[-1:]) else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [row for row in rows if "".join(row).strip() and not row[0].startswith("#")]


def _require_wavelengths(path: Path, head: str, column: FloatArray) -> None:
    """Check that a first column without a telling head looks like wavelengths."""
    headed = f"The first column of the spectral library '{path}', headed '{head}',"
    if not (np.diff(column) > 0).all():
        raise SpectralError(
            f"{headed} does not ascend and must hold the wavelengths in nm or µm; put such a column before "
            f"the spectra (or one headed '{CHANNEL}' with the numbers of the channels), or head this one "
            "'wavelength' if it is that."
        )
    counts = np.array_equal(column - column[0], np.arange(len(column)))
    if counts and column[0] in (0.0, 1.0) and len(column) > 2:
        raise SpectralError(
            f"{headed} counts {column[0]:.0f} to {column[-1]:.0f} and tells no wavelengths; put those in nm "
            f"or µm in its place, or head it '{CHANNEL}' if they are unknown, 'wavelength' if it is that."
        )


def _no_table(path: Path, reason: object) -> SpectralError:
    return SpectralError(
        f"The spectral library '{path}' is no table of spectra ({reason}); it needs a header line, then "
        "wavelengths and a column of numbers with decimal points for each spectrum, separated by commas or "
        "semicolons."
    )
