import pytest

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


def test_both_precisions_are_timed():
    assert runs._seconds("32-true") > 0.0
    assert runs._seconds("bf16-mixed") > 0.0


def test_cards_train_in_bfloat16(monkeypatch):
    monkeypatch.setattr(runs.torch.cuda, "is_available", lambda: True)
    assert runs.fastest_precision("auto") == "bf16-mixed"
