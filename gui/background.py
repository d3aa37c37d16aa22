"""Work off the main thread, so that the interface never waits; results come back in the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal

from ..core.errors import HyperLiftError


@dataclass(frozen=True)
class Job:
    """Work to do: ``work()`` elsewhere, then ``then(result)`` or ``failed(sentence)`` in the main thread."""

    work: Callable[[], Any]
    then: Callable[[Any], None]
    failed: Callable[[str], None]
    slot: str = ""


class Background(QObject):
    """One thread that does jobs in their order.

    A job with a ``slot`` takes the place of one that waits under the same slot: while the cursor moves on,
    only its last place is read. A job that has begun is finished.
    """

    _finished = pyqtSignal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._busy = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name="hyperlift-spectra", daemon=True)
        self._thread.start()

    def submit(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        failed: Callable[[str], None],
        slot: str = "",
    ) -> None:
        """Do work as soon as what waits is done."""
        with self._changed:
            if slot:
                self._waiting = [job for job in self._waiting if job.slot != slot]
            self._waiting.append(Job(work, then, failed, slot))
            self._changed.notify()

    def idle(self) -> bool:
        """Whether nothing waits or runs; results may still be on their way."""
        with self._changed:
            return not self._waiting and not self._busy

    def close(self) -> None:
        """Drop what waits, finish what runs, and end the thread."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                job, self._busy = self._waiting.pop(0), True
            result, error = None, None
            try:
                result = job.work()
            except Exception as problem:  # whatever it is, it is raised again in the main thread
                error = problem
            if not self._stopped:
                self._finished.emit(job, result, error)

    def _deliver(self, job: Job, result: object, error: Exception | None) -> None:
        if self._stopped:
            return
        if error is None:
            job.then(result)
        elif isinstance(error, (HyperLiftError, OSError)):
            job.failed(str(error))
        else:
            raise error
