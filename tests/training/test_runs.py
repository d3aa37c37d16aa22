import lightning
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


class Task(lightning.LightningModule):
    def __init__(self, width):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(width, 1)


class Other(lightning.LightningModule):
    def __init__(self, width):
        super().__init__()
        self.layer = torch.nn.Conv2d(width, 1, 3)


@pytest.fixture
def checkpoint(tmp_path):
    trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False)
    trainer.strategy.connect(Task(3))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_checkpoint_is_opened(checkpoint):
    assert runs.open_task(Task, checkpoint).layer.in_features == 3


def test_what_is_no_checkpoint_of_this_task_is_refused_with_what_to_do(checkpoint, tmp_path):
    with pytest.raises(ValueError, match=r"last.ckpt' is of another network.*layer.weight.*train anew"):
        runs.open_task(Other, checkpoint)
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    (tmp_path / "empty.ckpt").touch()
    (tmp_path / "half.ckpt").write_bytes(checkpoint.read_bytes()[:500])
    torch.save({"weights": 1}, tmp_path / "other.ckpt")
    for name in ("text", "empty", "half", "other"):
        with pytest.raises(ValueError, match=rf"{name}\.ckpt' is no checkpoint that 'train' has written"):
            runs.open_task(Task, tmp_path / f"{name}.ckpt")
    with pytest.raises(FileNotFoundError):
        runs.open_task(Task, tmp_path / "absent.ckpt")


def test_weights_are_kept_with_what_they_were_fitted_by(tmp_path):
    path, weights = tmp_path / "new" / "weights.pt", {"a": torch.rand(3)}
    assert runs.kept_weights(path, ("plan", 1)) is None
    runs.keep_weights(path, ("plan", 1), weights)
    assert torch.equal(runs.kept_weights(path, ("plan", 1))["a"], weights["a"])
    with pytest.raises(ValueError, match=r"weights\.pt' was fitted otherwise.*choose another --output"):
        runs.kept_weights(path, ("plan", 2))


def test_a_card_that_is_wanted_and_not_there_is_missed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [runs.device_of(name).type for name in ("auto", "cpu")] == ["cpu", "cpu"]
    with pytest.raises(ValueError, match="no CUDA graphics card"):
        runs.device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [runs.device_of(name).type for name in ("auto", "cuda", "cpu")] == ["cuda", "cuda", "cpu"]
