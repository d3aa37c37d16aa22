"""Background work: in order, stale requests dropped, results and errors in the main thread."""

from __future__ import annotations

import threading

import pytest

from hyperlift.core.errors import RasterError
from hyperlift.gui.background import Background


@pytest.fixture
def background(application):
    made = Background()
    yield made
    made.close()


def test_work_is_done_elsewhere_and_answered_here(background, wait):
    threads = []
    background.submit(
        threading.current_thread, lambda worker: threads.extend([worker, threading.current_thread()]), print
    )
    wait(lambda: threads)
    assert threads[0] is not threading.main_thread()
    assert threads[1] is threading.main_thread()


def test_only_the_last_of_those_that_wait_under_a_slot_is_done(background, wait):
    release, done, answered = threading.Event(), [], []
    background.submit(lambda: release.wait(5), lambda _: None, print)
    for number in range(20):
        background.submit(lambda number=number: done.append(number), answered.append, print, slot="follow")
    background.submit(lambda: done.append("click"), answered.append, print)
    release.set()
    wait(lambda: len(answered) == 2)
    assert done == [19, "click"]
    assert background.idle()


def test_one_that_has_begun_is_finished_and_answered(background, wait):
    begun, release, answered = threading.Event(), threading.Event(), []

    def first():
        begun.set()
        release.wait(5)
        return 1

    background.submit(first, answered.append, print, slot="follow")
    assert begun.wait(5)
    assert not background.idle()
    background.submit(lambda: 2, answered.append, print, slot="follow")
    release.set()
    wait(lambda: answered == [1, 2])


def test_errors_meant_for_the_user_become_sentences(background, wait):
    heard = []

    def fail():
        raise RasterError("The raster is gone; choose another.")

    background.submit(fail, heard.append, lambda text: heard.append(("failed", text)))
    wait(lambda: heard)
    assert heard == [("failed", "The raster is gone; choose another.")]


def test_close_drops_what_waits_and_answers_no_more(application):
    background, answered = Background(), []
    begun, release = threading.Event(), threading.Event()
    background.submit(lambda: (begun.set(), release.wait(5)), answered.append, print)
    background.submit(lambda: answered.append("late"), answered.append, print)
    assert begun.wait(5)
    threading.Timer(0.1, release.set).start()
    background.close()
    application.processEvents()
    assert answered == []
