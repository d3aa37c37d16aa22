"""What a run tells: progress and sentences while it goes on, and a report at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Monitor(Protocol):
    """Whoever follows a run: a dialog, a terminal, a test."""

    def progress(self, fraction: float) -> None:
        """How much is done, 0 to 1."""

    def cancelled(self) -> bool:
        """Whether the user wants it to stop; asked from more than one thread."""

    def info(self, text: str) -> None:
        """A sentence for the log."""

    def warning(self, text: str) -> None:
        """A sentence that the user must see."""


class SilentMonitor:
    """Follows nothing."""

    def progress(self, fraction: float) -> None:
        """Ignore progress."""

    def cancelled(self) -> bool:
        """Never."""
        return False

    def info(self, text: str) -> None:
        """Ignore a sentence."""

    def warning(self, text: str) -> None:
        """Ignore a sentence."""


@dataclass(frozen=True)
class PartMonitor:
    """Follows a part of a run, which takes the bar of the ``whole`` from ``start`` to ``stop`` (0 to 1)."""

    whole: Monitor
    start: float
    stop: float

    def progress(self, fraction: float) -> None:
        """How much of the part is done, 0 to 1."""
        self.whole.progress(self.start + (self.stop - self.start) * fraction)

    def cancelled(self) -> bool:
        """Whether the user wants the whole to stop."""
        return self.whole.cancelled()

    def info(self, text: str) -> None:
        """A sentence for the log."""
        self.whole.info(text)

    def warning(self, text: str) -> None:
        """A sentence that the user must see."""
        self.whole.warning(text)


@dataclass(frozen=True)
class SceneReport:
    """What was done to a scene.

    Attributes:
        source: name of the raster, without credentials.
        model: name of the model.
        digest: of the model file.
        device: what ran the network, e.g. ``CPU``, or ``CUDA, then CPU`` when the card failed on the way.
        shape: rows and columns of the result.
        tile: side of a tile in input pixels.
        bands: which bands were used, a sentence.
        calibration: scale and offset, a sentence.
        scale: reflectance per stored number, one for each band that was read.
        offset: reflectance of the stored number zero, likewise.
        pixels: input pixels.
        valid_fraction: share of them that are valid.
        seconds: total time.
        session_seconds: time inside the network.
        consistency: median of ``|Y - R X|`` for each band that the output covers, in reflectance.
        consistency_median: over all these bands, None when none is covered.
        warnings: sentences that the user must see.
    """

    source: str
    model: str
    digest: str
    device: str
    shape: tuple[int, int]
    tile: int
    bands: str
    calibration: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    pixels: int
    valid_fraction: float
    seconds: float
    session_seconds: float
    consistency: Mapping[str, float]
    consistency_median: float | None
    warnings: tuple[str, ...]

    @property
    def pixels_per_second(self) -> float:
        """Input pixels per second of the total time."""
        return self.pixels / self.seconds
