import os

import torch

from hyperlift.training import processes


def half(number):
    return number / 2, torch.get_num_threads(), os.environ["OPENBLAS_NUM_THREADS"], os.getpid()


def test_jobs_are_done_by_processes_of_one_thread_and_come_in_order(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = list(processes.each_by_itself(half, range(3), processes=2))
    assert [one[:3] for one in found] == [(0.0, 1, "1"), (0.5, 1, "1"), (1.0, 1, "1")]
    assert os.getpid() not in {one[3] for one in found}
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"
    assert "MKL_NUM_THREADS" not in os.environ


def test_one_process_works_here():
    seen = []
    assert list(processes.each_by_itself(seen.append, iter("ab"), processes=1)) == [None, None]
    assert seen == ["a", "b"]
    assert list(processes.each_by_itself(half, [])) == []


def test_one_processor_is_left_to_the_training(monkeypatch):
    for count, expected in ((1, 1), (2, 1), (4, 3), (64, 8)):
        monkeypatch.setattr(processes, "core_count", lambda count=count: count)
        assert processes.loaders() == expected
