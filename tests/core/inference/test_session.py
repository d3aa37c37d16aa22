import sys

import numpy as np
import onnxruntime
import pytest

from hyperlift.core.errors import CancelledError, ModelError, RuntimeMissingError
from hyperlift.core.inference.devices import (
    DEVICES,
    device_name,
    fallback_warning,
    providers_for,
    runtime_problem,
)
from hyperlift.core.inference.graph_session import DeviceError, OutOfMemoryError, or_on_processor
from hyperlift.core.inference.session import Session

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DIRECTML, COREML = "DmlExecutionProvider", "CoreMLExecutionProvider"
HAS_CUDA = CUDA in onnxruntime.get_available_providers()


def test_runs_on_any_size(linear_model, matrix):
    session = Session.open(linear_model)
    for size in ((1, 1), (3, 70)):
        msi = np.random.default_rng(0).random((12, *size), dtype=np.float32)
        hsi = session.run(msi)
        assert hsi.dtype == np.float32
        np.testing.assert_allclose(hsi, np.tensordot(matrix, msi, axes=1), atol=1e-5)


def test_optional_inputs_need_not_be_fed(make_model, linear_model):
    msi = np.full((12, 4, 4), 0.3, np.float32)
    expected = Session.open(linear_model, "cpu").run(msi)
    np.testing.assert_array_equal(Session.open(make_model("optional"), "cpu").run(msi), expected)


def test_device_is_what_the_session_got(linear_model):
    session = Session.open(linear_model, "cpu")
    assert session.device == "CPU"
    assert session.warnings == []


@pytest.mark.skipif(HAS_CUDA, reason="onnxruntime has CUDA here")
def test_cuda_that_is_not_there_is_said_and_the_processor_runs(linear_model):
    session = Session.open(linear_model, "cuda")
    assert session.device == "CPU"
    assert len(session.warnings) == 1
    assert session.warnings[0].startswith("THE GRAPHICS CARD IS NOT USED")
    assert "install onnxruntime-gpu" in session.warnings[0]
    assert session.run(np.zeros((12, 2, 2), np.float32)).shape == (172, 2, 2)


@pytest.mark.parametrize(
    ("device", "available", "expected"),
    [
        ("auto", [CPU], [CPU]),
        ("auto", [CUDA, CPU], [CUDA, CPU]),
        ("auto", [DIRECTML, CPU], [DIRECTML, CPU]),
        ("auto", [COREML, CPU, "AzureExecutionProvider"], [COREML, CPU]),
        ("cuda", [DIRECTML, CUDA, CPU], [CUDA, CPU]),
        ("cuda", [CPU], [CPU]),
        ("cpu", [CUDA, CPU], [CPU]),
    ],
)
def test_providers(device, available, expected):
    assert providers_for(device, available) == expected


@pytest.mark.parametrize(
    ("device", "available", "got", "warns"),
    [
        ("auto", [CPU], [CPU], False),
        ("cpu", [CUDA, CPU], [CPU], False),
        ("auto", [CUDA, CPU], [CUDA, CPU], False),
        ("auto", [CUDA, CPU], [CPU], True),
        ("cuda", [CUDA, CPU], [CPU], True),
        ("cuda", [CPU], [CPU], True),
    ],
)
def test_falling_back_is_never_silent(device, available, got, warns):
    assert bool(fallback_warning(device, available, got)) == warns


def test_device_names():
    assert [device_name(got) for got in ([CUDA, CPU], [DIRECTML, CPU], [COREML, CPU], [CPU])] == [
        "CUDA",
        "DirectML",
        "CoreML",
        "CPU",
    ]
    assert DEVICES == ("auto", "cpu", "cuda")


def test_unknown_device(linear_model):
    with pytest.raises(ModelError, match="There is no device 'tpu'; choose one of auto, cpu, cuda"):
        Session.open(linear_model, "tpu")


def test_missing_runtime_says_what_to_do(linear_model, monkeypatch):
    assert runtime_problem() == ""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "onnxruntime" in runtime_problem()
    with pytest.raises(RuntimeMissingError, match="python3 -m pip install onnxruntime"):
        Session.open(linear_model)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_command_works_where_the_system_guards_its_python(monkeypatch, tmp_path, guarded):
    if guarded:
        (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert ("install onnxruntime scipy --user --break-system-packages'" in runtime_problem()) == guarded


def test_broken_runtime_says_what_to_do(linear_model, monkeypatch, tmp_path):
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('a library is missing')")
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeMissingError, match=r"cannot be loaded .* --force-reinstall onnxruntime"):
        Session.open(linear_model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input__name": "image"}, "takes msi and gives hsi, its card promises image and hsi"),
        ({"output__name": "spectra"}, "its card promises msi and spectra"),
        (
            {
                "input__bands": ["B2"],
                "input__centre_nm": [490],
                "input__width_nm": [65],
                "input__estimators": {},
            },
            "takes 12 bands, its card names 1",
        ),
    ],
)
def test_graph_that_is_not_what_its_card_says(make_model, changes, message):
    with pytest.raises(ModelError, match=message):
        Session.open(make_model("linear", **changes), "cpu")


def test_output_of_another_size_than_promised(make_model):
    session = Session.open(make_model("linear", scale_factor=2), "cpu")
    with pytest.raises(ModelError, match=r"gave an array of \(172, 3, 3\), its card promises \(172, 6, 6\)"):
        session.run(np.zeros((12, 3, 3), np.float32))


def test_failing_network_is_one_sentence(linear_model):
    session = Session.open(linear_model, "cpu")
    with pytest.raises(ModelError, match=r"The network in .* failed: ") as caught:
        session.run(np.zeros((5, 3, 3), np.float32))
    assert "\n" not in str(caught.value)


class Failing:
    """Stands in for a runtime session whose device runs out of memory."""

    def __init__(self, inner, error):
        self.inner, self.error = inner, error

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def run(self, *arguments):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA failure 2: out of memory"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"),
        RuntimeError("Failed to allocate memory for requested buffer of size 536870912"),
    ],
)
def test_out_of_memory_is_told_from_other_failures(linear_model, error):
    session = Session.open(linear_model, "cpu")
    session._session = Failing(session._session, error)
    with pytest.raises(
        OutOfMemoryError, match=r"memory of the device \(CPU\) does not suffice for 3 x 4 pix"
    ):
        session.run(np.zeros((12, 3, 4), np.float32))


class Card(Failing):
    """Stands in for a runtime session on a graphics card."""

    def get_providers(self):
        return [CUDA, CPU]


def test_a_failing_card_is_told_from_a_failing_network_and_can_be_given_up(linear_model, matrix):
    session = Session.open(linear_model, "cpu")
    session._session = Card(session._session, RuntimeError("CUDA failure 700: illegal memory access\nat ..."))
    msi = np.random.default_rng(0).random((12, 3, 4), dtype=np.float32)
    with pytest.raises(DeviceError, match=r"failed: CUDA failure 700: illegal memory access$"):
        session.run(msi)
    assert session.device == "CUDA"
    session.use_processor()
    assert session.device == "CPU"
    np.testing.assert_allclose(session.run(msi), np.tensordot(matrix, msi, axes=1), atol=1e-5)


def test_interrupt_before_a_run_does_not_spoil_it(linear_model):
    session = Session.open(linear_model, "cpu")
    session.interrupt()
    assert session.run(np.zeros((12, 2, 2), np.float32)).shape == (172, 2, 2)


def test_interrupt_stops_a_run(make_model):
    session = Session.open(make_model("hungry"), "cpu")
    fresh = session._fresh_run_options

    def terminated():
        options = fresh()
        options.terminate = True
        return options

    session._fresh_run_options = terminated
    with pytest.raises(CancelledError, match="Cancelled; nothing was written"):
        session.run(np.zeros((12, 64, 64), np.float32))


def test_the_processor_goes_on_when_a_card_fails(linear_model, matrix):
    session = Session.open(linear_model, "cpu")
    session._session = Card(session._session, RuntimeError("CUDA failure 2: out of memory"))
    msi = np.random.default_rng(0).random((12, 3, 4), dtype=np.float32)
    told = []
    lifted = or_on_processor(session, lambda: session.run(msi), told.append)
    np.testing.assert_allclose(lifted, np.tensordot(matrix, msi, axes=1), atol=1e-5)
    assert len(told) == 1
    assert "CUDA failed" in told[0]
    session._session = Failing(session._session, MemoryError())
    with pytest.raises(OutOfMemoryError):
        or_on_processor(session, lambda: session.run(msi), told.append)
    assert len(told) == 1
