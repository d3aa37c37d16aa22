"""Which device runs a network, and whether the runtime is there at all."""

from __future__ import annotations

import importlib.util
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Union

from ..errors import ModelError, RuntimeMissingError

DEVICES = ("auto", "cpu", "cuda")

_PACKAGES = ("onnxruntime", "scipy")
_NAMES = {
    "CUDAExecutionProvider": "CUDA",
    "DmlExecutionProvider": "DirectML",
    "CoreMLExecutionProvider": "CoreML",
    "CPUExecutionProvider": "CPU",
}
_CPU = "CPUExecutionProvider"
# Tiles at the edges have other shapes: an exhaustive search for the fastest convolution would be repeated for
# each, and an arena that doubles would fragment.
_OPTIONS = {
    "CUDAExecutionProvider": {
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
    }
}

Provider = Union[str, tuple[str, dict[str, Any]]]


def runtime_problem() -> str:
    """Why networks cannot run and what to do, or an empty text; cheap, nothing is imported."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"Python packages are missing ({', '.join(missing)}): {_how_to_install(missing)}."


def import_runtime() -> ModuleType:
    """The module onnxruntime.

    Raises:
        RuntimeMissingError: it is not installed or cannot be loaded.
    """
    problem = runtime_problem()
    if problem:
        raise RuntimeMissingError(problem)
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(
            f"The Python package onnxruntime cannot be loaded ({error}): "
            f"{_how_to_install(['--force-reinstall', 'onnxruntime'])}."
        ) from error
    runtime: ModuleType = onnxruntime
    return runtime


def _how_to_install(words: Sequence[str]) -> str:
    # Debian and others guard the Python that QGIS uses; pip then asks for both words.
    guarded = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").exists()
    command = ["python3 -m pip install", *words, *(["--user", "--break-system-packages"] if guarded else [])]
    return (
        "install them for the Python of QGIS (on Windows in the OSGeo4W shell, elsewhere in a terminal) with "
        f"'{' '.join(command)}' and start QGIS again"
    )


def providers_for(device: str, available: Sequence[str]) -> list[str]:
    """onnxruntime's execution providers to ask for, the best first.

    Args:
        device: ``auto`` (the graphics card where the runtime has it), ``cpu`` or ``cuda``.
        available: providers that the runtime was built with.

    Raises:
        ModelError: there is no such device.
    """
    wanted = {"auto": list(_NAMES), "cuda": ["CUDAExecutionProvider", _CPU], "cpu": [_CPU]}
    if device not in wanted:
        raise ModelError(f"There is no device '{device}'; choose one of {', '.join(DEVICES)}.")
    return [name for name in wanted[device] if name in available]


def with_options(providers: Sequence[str]) -> list[Provider]:
    """Providers with the options that suit tiles of varying shape."""
    return [(name, _OPTIONS[name]) if name in _OPTIONS else name for name in providers]


def device_name(providers: Sequence[str]) -> str:
    """What to call the device of a session that got these providers, e.g. ``CPU`` or ``CUDA``."""
    return next((_NAMES[name] for name in providers if name in _NAMES), "CPU")


def fallback_warning(device: str, available: Sequence[str], got: Sequence[str]) -> str:
    """The warning that a graphics card was expected and the processor runs, or an empty text."""
    best = providers_for(device, available)[0]
    if device_name(got) != "CPU" or (device != "cuda" and best == _CPU):
        return ""
    why = (
        "the installed onnxruntime has no CUDA; install onnxruntime-gpu instead of it"
        if best == _CPU
        else "onnxruntime could not start it; check the driver, CUDA and cuDNN"
    )
    return f"THE GRAPHICS CARD IS NOT USED: the processor (CPU) runs, many times slower; {why}."


def failure_warning(device: str, reason: object) -> str:
    """The warning that a graphics card failed during a run and the processor goes on."""
    return (
        f"THE GRAPHICS CARD IS NO LONGER USED: {device} failed ({reason}) and the processor (CPU) goes on, "
        "many times slower; close other programs that use the card, and check the driver, CUDA and cuDNN."
    )
