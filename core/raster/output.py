"""What every backend does alike when it writes a GeoTIFF: checks, encoding, and a name only when complete."""

from __future__ import annotations

import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import RasterError
from .blocks import Block, RasterProfile, Window

_SUFFIXES = (".tif", ".tiff")
_SIDECARS = (".aux.xml", ".ovr", ".msk", ".msk.ovr")
_LARGEST_BLOCK = 512
_BLOCK_STEP = 16  # TIFF tiles have sides that are multiples of 16


@dataclass(frozen=True)
class Encoding:
    """How reflectance is stored: ``number * scale``, ``nodata`` where it is not valid."""

    dtype: str
    scale: float
    nodata: float
    predictor: int

    def encode(self, block: Block) -> npt.NDArray[np.generic]:
        """The block as stored, shape ``(bands, height, width)``; numbers out of range are cut at its ends."""
        valid = block.valid & np.isfinite(block.pixels)
        if self.dtype == "float32":
            return np.where(valid, block.pixels, np.float32(self.nodata)).astype(np.float32, copy=False)
        numbers = block.pixels * np.float32(1.0 / self.scale)
        np.rint(numbers, out=numbers)
        np.clip(numbers, self.nodata + 1, np.iinfo(np.int16).max, out=numbers)
        numbers[~valid] = self.nodata
        return numbers.astype(np.int16)


_ENCODINGS = {
    "int16": Encoding("int16", 1e-4, -32768.0, predictor=2),
    "float32": Encoding("float32", 1.0, float("nan"), predictor=3),
}


DATA_TYPES = tuple(_ENCODINGS)


class TiffSink(ABC):
    """A tiled GeoTIFF under a temporary name in its folder; a backend fills in how bytes get there."""

    def __init__(self, path: str | os.PathLike[str], profile: RasterProfile) -> None:
        """Check what can be checked before the first block, and create the file.

        Raises:
            RasterError: the profile, the name, the folder or the free space do not allow the file.
        """
        self.path = Path(path)
        self.profile = profile
        self._finished = False
        _check_profile(profile)
        self.encoding = _encoding(profile)
        self._block = block_side(profile)
        with self._disk():
            _check_name(self.path)
            _check_space(self.path.parent, profile, self.encoding)
        self._temporary = _reserve(self.path)
        with ExitStack() as undo:
            undo.callback(self.discard)
            with self._disk():
                self._create(self._temporary)
            undo.pop_all()

    def write(self, block: Block) -> None:
        """Write a block of reflectance; pixels that are not valid become nodata.

        Raises:
            RasterError: the block cannot be written, for instance because the disk is full.
        """
        with self._disk():
            self._store(block.window, self.encoding.encode(block))

    def finish(self) -> None:
        """Finish the file under its temporary name; :meth:`commit` does so where nobody has.

        Raises:
            RasterError: it cannot be finished; :meth:`discard` removes it.
        """
        if not self._finished:
            with self._disk():
                self._finish()
            self._finished = True

    def commit(self) -> None:
        """Finish the file and give it its name, in place of a file that has it already.

        Raises:
            RasterError: the file cannot be finished or renamed; :meth:`discard` removes it.
        """
        self.finish()
        try:
            os.replace(self._temporary, self.path)
            _remove_sidecars(self.path)
        except OSError as error:
            raise RasterError(
                f"The result could not be given the name '{self.path}' ({error.strerror}); close other "
                "programs that have that file open, or choose another name."
            ) from error

    def discard(self) -> None:
        """Remove everything written so far; after :meth:`commit` there is nothing to remove.

        Raises:
            RasterError: the unfinished file cannot be removed.
        """
        try:
            self._abandon()
            self._temporary.unlink(missing_ok=True)
            _remove_sidecars(self._temporary)
        except OSError as error:
            raise RasterError(
                f"The unfinished file '{self._temporary}' could not be removed ({error.strerror or error}); "
                "remove it by hand."
            ) from error

    def creation_options(self, compression: str) -> dict[str, str]:
        """Options of GDAL's GTiff driver, with ``ZSTD`` or ``DEFLATE``."""
        return {
            "TILED": "YES",
            "BLOCKXSIZE": str(self._block),
            "BLOCKYSIZE": str(self._block),
            "INTERLEAVE": "BAND",
            "COMPRESS": compression,
            "ZSTD_LEVEL" if compression == "ZSTD" else "ZLEVEL": "1",
            "PREDICTOR": str(self.encoding.predictor),
            "BIGTIFF": "IF_SAFER",
            "PHOTOMETRIC": "MINISBLACK",
        }

    def unwritable(self, reason: object) -> RasterError:
        """The error for bytes that do not get onto the disk."""
        return RasterError(
            f"The output '{self.path}' could not be written ({reason}); check that the disk is not full and "
            "the folder can be written to."
        )

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Turn what the system says of the disk into the error for the user."""
        try:
            yield
        except OSError as error:
            raise self.unwritable(error.strerror or error) from error

    def unknown_crs(self) -> RasterError:
        """The error for a coordinate reference system that GDAL cannot parse."""
        return RasterError(
            f"The coordinate reference system '{self.profile.georeference.crs_wkt}' is not understood; "
            "assign a valid one to the input."
        )

    def _check_blocks(self, item: Callable[[int, str], str | None]) -> None:
        """Look for every block of the closed file: on a full disk GDAL can close it without an error.

        Args:
            item: the metadata item of a band, by its number and name, in the domain ``TIFF``.
        """
        size = self._temporary.stat().st_size
        rows, columns = (-(-length // self._block) for length in self.profile.shape)
        for band, row, column in product(range(1, len(self.profile.bands) + 1), range(rows), range(columns)):
            start = int(item(band, f"BLOCK_OFFSET_{column}_{row}") or 0)
            if not start or start + int(item(band, f"BLOCK_SIZE_{column}_{row}") or 0) > size:
                raise self.unwritable(f"band {band} is incomplete")

    @abstractmethod
    def _create(self, path: Path) -> None:
        """Create the file with all its metadata, open for writing."""

    @abstractmethod
    def _store(self, window: Window, numbers: npt.NDArray[np.generic]) -> None:
        """Write encoded numbers, shape ``(bands, height, width)``, and leave none of them cached."""

    @abstractmethod
    def _finish(self) -> None:
        """Close the file, sure that all of it is on the disk."""

    @abstractmethod
    def _abandon(self) -> None:
        """Close the file if it is open, whatever becomes of its contents."""


def block_side(profile: RasterProfile) -> int:
    """Side of the file's own tiles: the largest multiple of 16 up to 512 that divides ``profile.tile``.

    Blocks then cover whole tiles of the file, so that each is compressed and written once. A raster that is
    smaller gets one tile that just holds it.

    Raises:
        RasterError: ``profile.tile`` is not a multiple of 16.
    """
    if profile.tile <= 0 or profile.tile % _BLOCK_STEP:
        raise RasterError(f"The tile size must be a multiple of {_BLOCK_STEP} pixels, not {profile.tile}.")
    sides = range(_BLOCK_STEP, _LARGEST_BLOCK + 1, _BLOCK_STEP)
    largest = max(side for side in sides if profile.tile % side == 0)
    return min(largest, -(-max(profile.shape) // _BLOCK_STEP) * _BLOCK_STEP)


def colour_roles(profile: RasterProfile) -> list[str]:
    """``red``, ``green`` and ``blue`` on the natural-colour bands, ``undefined`` on the others."""
    roles = ["undefined"] * len(profile.bands)
    for band, role in zip(profile.natural_colour or (), ("red", "green", "blue")):
        roles[band - 1] = role
    return roles


def require_distinct(output: str | os.PathLike[str], inputs: Iterable[str]) -> None:
    """Refuse to write over a file that is read.

    Args:
        output: path of the output.
        inputs: files that the input consists of; other names (database connections) are passed over.

    Raises:
        RasterError: the output is one of the inputs.
    """
    if any(
        os.path.exists(name) and os.path.exists(output) and os.path.samefile(output, name) for name in inputs
    ):
        raise RasterError(f"The output '{output}' is a file of the input as well; choose another name.")


def _encoding(profile: RasterProfile) -> Encoding:
    if profile.data_type not in _ENCODINGS:
        raise RasterError(
            f"The output cannot be stored as '{profile.data_type}'; choose one of {', '.join(_ENCODINGS)}."
        )
    return _ENCODINGS[profile.data_type]


def _check_profile(profile: RasterProfile) -> None:
    rows, columns = profile.shape
    if not len(profile.bands) or rows <= 0 or columns <= 0:
        raise RasterError(
            f"An output of {len(profile.bands)} bands, {rows} rows and {columns} columns has no pixels."
        )
    if any(not 1 <= band <= len(profile.bands) for band in profile.natural_colour or ()):
        raise RasterError(
            f"The natural-colour bands {profile.natural_colour} are not among the {len(profile.bands)} bands."
        )


def _check_name(path: Path) -> None:
    if path.suffix.lower() not in _SUFFIXES:
        raise RasterError(
            f"The output '{path}' must be a GeoTIFF; give it a name that ends in .tif or .tiff."
        )
    if path.is_dir():
        raise RasterError(f"The output '{path}' is a folder; choose the name of a file.")
    if not path.parent.is_dir():
        raise RasterError(
            f"The output folder '{path.parent}' does not exist; create it or choose another one."
        )


def _check_space(folder: Path, profile: RasterProfile, encoding: Encoding) -> None:
    rows, columns = profile.shape
    needed = rows * columns * len(profile.bands) * np.dtype(encoding.dtype).itemsize
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise RasterError(
            f"The output can take up to {_readable(needed)} and only {_readable(free)} are free in "
            f"'{folder}'; free some space, choose another folder or a smaller extent."
        )


def _readable(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _reserve(path: Path) -> Path:
    """An empty file beside ``path``: the one sure test that the folder can be written to."""
    temporary = path.with_name(f"{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise RasterError(
            f"The output folder '{path.parent}' cannot be written to ({error.strerror}); choose another one."
        ) from error
    return temporary


def _remove_sidecars(path: Path) -> None:
    """Statistics, overviews and masks that GDAL would take for those of the file at ``path``."""
    for suffix in _SIDECARS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.with_suffix(".tfw").unlink(missing_ok=True)
