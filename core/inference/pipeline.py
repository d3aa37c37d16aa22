"""How every scene goes through a network: a thread reads ahead, another writes behind, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from ..errors import CancelledError, HyperLiftError, RasterError
from ..raster.blocks import Sink
from .feeding import ahead, one_thread
from .report import Monitor

_BEHIND = 2  # blocks computed and not yet written
_WATCH_SECONDS = 0.2

Item = TypeVar("Item")
Feed = TypeVar("Feed")
Result = TypeVar("Result")


def stream(
    items: Iterable[Item],
    read: Callable[[Item], Feed],
    compute: Callable[[Feed], Result],
    write: Callable[[Feed, Result], None],
    size: Callable[[Feed], int],
    total: int,
    monitor: Monitor,
    interrupt: Callable[[], None],
) -> None:
    """Take items through reading (on a thread), computing (here) and writing (on a thread).

    Args:
        items: e.g. tiles.
        read: runs on the reading thread.
        compute: runs on the calling thread.
        write: runs on the writing thread, in order.
        size: of a feed, e.g. in pixels.
        total: of all sizes.
        monitor: is told of progress and asked whether to stop.
        interrupt: makes ``compute`` stop early; called from another thread.

    Raises:
        CancelledError: the monitor asked to stop.
    """
    done = 0
    with ExitStack() as stack:
        watch(stack, monitor, interrupt)
        readers, writers = one_thread(stack), one_thread(stack)
        written: deque[Future[None]] = deque()
        for feed in ahead(readers, read, items):
            check_cancelled(monitor)
            written.append(writers.submit(write, feed, compute(feed)))
            while len(written) > _BEHIND:
                written.popleft().result()
            done += size(feed)
            monitor.progress(done / total)
        for block in written:
            block.result()
        check_cancelled(monitor)


def check_cancelled(monitor: Monitor) -> None:
    """Stop if the monitor says so.

    Raises:
        CancelledError: it does.
    """
    if monitor.cancelled():
        raise CancelledError("Cancelled; nothing was written.")


def watch(stack: ExitStack, monitor: Monitor, interrupt: Callable[[], None]) -> None:
    """Interrupt the network when the user cancels: a tile can take many seconds."""
    finished = threading.Event()

    def look() -> None:
        """Runs on a thread of its own."""
        while not finished.wait(_WATCH_SECONDS):
            if monitor.cancelled():
                interrupt()

    one_thread(stack).submit(look)
    stack.callback(finished.set)


def commit_all(sinks: Iterable[Sink]) -> None:
    """Give all files their names; none gets it before all are finished, so that a full disk leaves none."""
    sinks = list(sinks)
    for sink in sinks:
        sink.finish()
    for sink in sinks:
        sink.commit()


def discard(
    sink: Sink, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None:
    """Remove what was written after an error; where that fails too, the user hears of both."""
    try:
        sink.discard()
    except RasterError as second:
        if isinstance(error, HyperLiftError):
            raise type(error)(f"{error} {second}") from error
        raise
