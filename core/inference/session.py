"""A network ready to run: the model file, its card and the device it really got."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import CancelledError, ModelError
from ..raster.blocks import PixelArray
from .card import Card
from .devices import (
    core_count,
    device_name,
    fallback_warning,
    import_runtime,
    providers_for,
    with_options,
)
from .models import find_model, read_card

_NO_MEMORY = ("allocat", "out of memory", "bad_alloc", "alloc_failed", "outofmemory")


class OutOfMemoryError(ModelError):
    """The device has not enough memory for an array of this size."""


class DeviceError(ModelError):
    """A graphics card fails where the processor may not: :meth:`Session.use_processor` is the way on."""


class Session:
    """A loaded network.

    Attributes:
        path: of the model file.
        card: of the model.
        device: what runs it, e.g. ``CPU`` or ``CUDA``.
        warnings: sentences that the user must see.
    """

    def __init__(self, path: Path, card: Card, session: Any, runtime: ModuleType) -> None:
        self.path = path
        self.card = card
        self.warnings: list[str] = []
        self._session = session
        self._errors = _runtime_errors(runtime)
        self._runtime = runtime
        self._run_options = self._fresh_run_options()
        self._check_graph()

    @classmethod
    def open(cls, model: str | Path, device: str = "auto") -> Session:
        """Load a bundled model by its name, or a model file.

        Raises:
            ModelError: no such model or device; the file is damaged, no model or of another sensor.
            RuntimeMissingError: onnxruntime is not installed.
        """
        path = find_model(model)
        card = read_card(path)
        runtime = import_runtime()
        available = runtime.get_available_providers()
        providers = providers_for(device, available)
        if "CUDAExecutionProvider" in providers and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        errors = _runtime_errors(runtime)
        try:
            inner = _start(runtime, path, providers)
        except errors as error:
            if len(providers) < 2:
                raise _cannot_load(path, error) from error
            try:
                inner = _start(runtime, path, providers[-1:])
            except errors as second:
                raise _cannot_load(path, second) from second
        session = cls(path, card, inner, runtime)
        warning = fallback_warning(device, available, inner.get_providers())
        session.warnings += [warning] if warning else []
        return session

    @property
    def device(self) -> str:
        """What runs the network, as the runtime says it."""
        return device_name(self._session.get_providers())

    def run(self, pixels: PixelArray, statistics: PixelArray | None = None) -> PixelArray:
        """Lift reflectance ``(c, h, w)`` to ``(C, f*h, f*w)``, both float32, ``f`` the card's scale factor.

        ``statistics`` are those of the scene, as :meth:`gather` gives them, where the card asks for any; None
        computes them from ``pixels``.

        Raises:
            OutOfMemoryError: the device has not enough memory for this size.
            DeviceError: the network fails on a graphics card for another reason.
            ModelError: the network fails, or gives another size than its card says.
            CancelledError: :meth:`interrupt` was called.
        """
        lifted: PixelArray = self._output(self.card.output.name, pixels, statistics)[0]
        factor = self.card.scale_factor
        expected = (len(self.card.output.wavelength_nm), *(factor * side for side in pixels.shape[1:]))
        if lifted.shape != expected:
            raise ModelError(
                f"The network in '{self.path}' gave an array of {lifted.shape}, its card promises "
                f"{expected}; export the model again."
            )
        return lifted

    def gather(self, pixels: PixelArray) -> PixelArray:
        """Statistics ``(1, S)`` of reflectance ``(c, h, w)``, if the card asks for any; errors as in run."""
        asked = self.card.statistics
        if asked is None:
            raise ModelError(f"The model '{self.card.name}' uses no statistics of the scene.")
        return self._output(asked.gathered, pixels, None)

    def _output(self, name: str, pixels: PixelArray, statistics: PixelArray | None) -> PixelArray:
        """One output of the graph."""
        self._run_options = self._fresh_run_options()
        feed = {self.card.input.name: np.ascontiguousarray(pixels[None], dtype=np.float32)}
        if statistics is not None and self.card.statistics is not None:
            feed[self.card.statistics.name] = statistics
        try:
            found: PixelArray = self._session.run([name], feed, self._run_options)[0]
        except self._errors as error:
            if self._run_options.terminate:
                raise CancelledError("Cancelled; nothing was written.") from error
            if isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY):
                raise OutOfMemoryError(
                    f"The memory of the device ({self.device}) does not suffice for {pixels.shape[1]} x "
                    f"{pixels.shape[2]} pixels; close other programs or choose another device."
                ) from error
            kind = ModelError if self.device == "CPU" else DeviceError
            raise kind(f"The network in '{self.path}' failed: {_first_line(error)}") from error
        return found

    def use_processor(self) -> None:
        """Give up the graphics card: from now on the processor runs the network.

        Raises:
            ModelError: the network cannot be loaded there.
        """
        try:
            self._session = _start(self._runtime, self.path, providers_for("cpu", ["CPUExecutionProvider"]))
        except self._errors as error:
            raise _cannot_load(self.path, error) from error

    def interrupt(self) -> None:
        """Make a :meth:`run` that another thread is in stop at the next layer."""
        self._run_options.terminate = True

    def _fresh_run_options(self) -> Any:
        options = self._runtime.RunOptions()
        options.log_severity_level = 4  # what fails is raised
        if self.device == "CPU":
            # Tiles vary in shape: without this the arena keeps what the largest of them needed.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options

    def _check_graph(self) -> None:
        card = self.card
        inputs = {node.name: node.shape for node in self._session.get_inputs()}
        outputs = [node.name for node in self._session.get_outputs()]
        if list(inputs) != [card.input.name] or card.output.name not in outputs:
            raise ModelError(
                f"The network in '{self.path}' takes {', '.join(inputs)} and gives {', '.join(outputs)}, its "
                f"card promises {card.input.name} and {card.output.name}; export the model again."
            )
        asked = card.statistics
        optional = [node.name for node in self._session.get_overridable_initializers()]
        if asked is not None and (asked.name not in optional or asked.gathered not in outputs):
            raise ModelError(
                f"The network in '{self.path}' has no optional input {asked.name} or no output "
                f"{asked.gathered}, which its card promises; export the model again."
            )
        bands = inputs[card.input.name][1:2]
        if bands and isinstance(bands[0], int) and bands[0] != len(card.input.bands):
            raise ModelError(
                f"The network in '{self.path}' takes {bands[0]} bands, its card names "
                f"{len(card.input.bands)}; export the model again."
            )


def _runtime_errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """The exceptions of onnxruntime, which have no common base of their own."""
    state = runtime.capi.onnxruntime_pybind11_state
    names = "Fail RuntimeException EPFail EngineError InvalidArgument InvalidGraph InvalidProtobuf NoModel"
    own = [getattr(state, name) for name in (*names.split(), "NotImplemented")]
    return (*own, RuntimeError, ValueError, MemoryError)


def _start(runtime: ModuleType, path: Path, providers: list[str]) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = core_count()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the writer
    options.enable_mem_pattern = False  # a pattern would be kept for each shape of tile
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=with_options(providers))
    session.disable_fallback()
    return session


def _cannot_load(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The installed onnxruntime cannot load the model file '{path}' ({_first_line(error)}); update "
        "onnxruntime or export the model again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
