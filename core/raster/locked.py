"""A source that several threads read: GDAL's datasets take one call at a time."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from .blocks import Block, Source, Window


class LockedSource:
    """A :class:`Source` over another one, whose pixels one thread at a time reads or releases.

    What is known of the raster is taken in at once, so that asking for it touches no file.
    """

    def __init__(self, source: Source) -> None:
        self._source, self._lock = source, Lock()
        self.name, self.shape, self.block_shape = source.name, source.shape, source.block_shape
        self.dtype, self.bands, self.georeference = source.dtype, source.bands, source.georeference
        self.calibration, self.metadata = source.calibration, source.metadata

    def read(self, window: Window, numbers: Sequence[int] = ()) -> Block:
        """Read a window, as the source does, once no other thread is at it."""
        with self._lock:
            return self._source.read(window, numbers)

    def release(self) -> None:
        """Drop what was cached, once no other thread reads."""
        with self._lock:
            self._source.release()

    def close(self) -> None:
        """Close the source, once no other thread reads."""
        with self._lock:
            self._source.close()
