"""Work off the main thread, so that the interface never waits; results come back in the main thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal

from ..core.errors import HyperLiftError


@dataclass(frozen=True)
class _Answer:
    """What becomes of a result: ``then(result)`` or ``failed(sentence)`` in the main thread."""

    then: Callable[[Any], None]
    failed: Callable[[str], None]


class Background(QObject):
    """One thread that does work in its order.

    Work with a ``slot`` takes the place of what waits under the same slot: while the cursor moves on,
    only its last place is read. What has begun is finished.
    """

    _finished = pyqtSignal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hyperlift-spectra")
        self._last: Future[Any] | None = None
        self._slots: dict[str, Future[Any]] = {}
        self._stopped = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[str], None],
        slot: str = "",
    ) -> None:
        """Do work as soon as what waits is done."""
        if slot in self._slots:
            self._slots[slot].cancel()  # of no effect where it has begun
        self._last = future = self._thread.submit(work)
        if slot:
            self._slots[slot] = future
        future.add_done_callback(lambda done: self._finish(_Answer(then, failed), done))

    def idle(self) -> bool:
        """Whether nothing waits or runs; results may still be on their way."""
        return self._last is None or self._last.done()

    def close(self) -> None:
        """Drop what waits, finish what runs, and end the thread."""
        self._stopped = True
        self._thread.shutdown(cancel_futures=True)

    def _finish(self, answer: _Answer, done: Future[Any]) -> None:
        """Runs on the thread."""
        if not self._stopped and not done.cancelled():
            self._finished.emit(answer, done)

    def _deliver(self, answer: _Answer, done: Future[Any]) -> None:
        if self._stopped:
            return
        error = done.exception()
        if error is None:
            answer.then(done.result())
        elif isinstance(error, (HyperLiftError, OSError)):
            answer.failed(str(error))
        else:
            raise error
