"""One progress bar for work that goes through an image several times."""

from __future__ import annotations

from ..core.inference.report import Monitor


class Stages:
    """A monitor of work in stages, whose bar never moves backwards.

    How often a stage goes through the image need not be known: every pass gets a share of what is left of the
    stage's part of the bar.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.begin(0.0, 1.0)

    def begin(self, start: float, stop: float, share: float = 0.5) -> None:
        """Go on with a stage between two fractions of the whole; a single pass has a ``share`` of 1."""
        self._start, self._stop, self._share = start, stop, share
        self._last, self._reached = 0.0, start

    def part(self, start: float, stop: float) -> Stages:
        """A monitor for one piece of work, which tells by itself how far it is."""
        part = Stages(self._monitor)
        part.begin(start, stop, share=1.0)
        return part

    def progress(self, fraction: float) -> None:
        """Take in the progress of a pass, 0 to 1."""
        if fraction < self._last:
            self._start = self._reached
        self._last = fraction
        self._reached = self._start + (self._stop - self._start) * self._share * fraction
        self._monitor.progress(self._reached)

    def end(self) -> None:
        """Fill the bar: on a command line what is said after it begins a line of its own."""
        self._monitor.progress(1.0)

    def cancelled(self) -> bool:
        """Whether the user wants it to stop."""
        return self._monitor.cancelled()

    def info(self, text: str) -> None:
        """A sentence for the log."""
        self._monitor.info(text)

    def warning(self, text: str) -> None:
        """A sentence that the user must see."""
        self._monitor.warning(text)
