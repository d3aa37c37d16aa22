"""Work that goes on in several processes at once."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from hyperlift.core.cores import core_count

_MOST = 8  # at once: each holds all spectra and images, and takes memory on a graphics card
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_Job, _Result = TypeVar("_Job"), TypeVar("_Result")


def loaders() -> int:
    """Processes that draw scenes while another one trains."""
    return min(max(core_count() - 1, 1), _MOST)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """What is started here computes in one thread: libraries read these variables when they are loaded."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def each_by_itself(
    function: Callable[[_Job], _Result], jobs: Iterable[_Job], processes: int | None = None
) -> Iterator[_Result]:
    """Results of ``function`` for ``jobs``, in their order, each as soon as it and those before are there.

    Processes are spawned: a script that comes here needs ``if __name__ == "__main__":``.

    Args:
        function: at the top level of a module.
        jobs: its arguments.
        processes: that work at once, of one thread each, by default one for each processor, at most eight.
            One works in this process.
    """
    jobs = list(jobs)
    processes = min(processes or min(core_count(), _MOST), len(jobs))
    if processes <= 1:
        yield from map(function, jobs)
        return
    # Forked ones could not use a graphics card that this process uses.
    context = multiprocessing.get_context("spawn")
    with _single_threaded(), ProcessPoolExecutor(processes, context, torch.set_num_threads, (1,)) as pool:
        yield from pool.map(function, jobs)
