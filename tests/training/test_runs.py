import pytest
import torch

from hyperlift.training import runs


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"avx2": True, "avx512_bf16": True, "amx_bf16": False}, "bf16-mixed"),
        ({}, "32-true"),
    ],
)
def test_processors_train_in_bfloat16_where_they_compute_in_it(monkeypatch, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert runs.fast_precision("cpu") == expected


def test_older_torch_trains_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert runs.fast_precision("cpu") == "32-true"


@pytest.mark.parametrize(("computes", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_cards_train_in_bfloat16_where_they_compute_in_it(monkeypatch, computes, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: computes)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": not computes}, raising=False)
    assert runs.fast_precision("auto") == expected
    assert runs.fast_precision("cpu") != expected
