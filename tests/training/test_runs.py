import pytest
import torch

from hyperlift.training import runs


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"32-true": 1.0, "bf16-mixed": 0.4}, "bf16-mixed"),
        ({"32-true": 1.0, "bf16-mixed": 7.0}, "32-true"),
    ],
)
def test_processors_train_in_what_they_are_faster_in(monkeypatch, times, expected):
    monkeypatch.setattr(runs, "_seconds", times.__getitem__)
    assert runs.fastest_precision("cpu") == expected


def test_timing_leaves_random_numbers_alone():
    state = torch.random.get_rng_state()
    assert runs.fastest_precision("cpu") in ("32-true", "bf16-mixed")
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("computes", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_cards_train_in_bfloat16_where_they_compute_in_it(monkeypatch, computes, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: computes)
    monkeypatch.setattr(runs, "_seconds", {"32-true": 2.0, "bf16-mixed": 1.0}.__getitem__)
    assert runs.fastest_precision("auto") == expected
    assert runs.fastest_precision("cpu") == "bf16-mixed"
