"""A network ready to run: the model file, its card and the device it really got."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cores import core_count
from ..errors import CancelledError, ModelError
from ..raster.blocks import PixelArray
from .card import ANY_SENSOR, Card
from .devices import (
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
        card: of the model; of one for any camera, its bands are those of the camera in use.
        constants: further inputs of the graph, by name, the same for the whole scene.
        device: what runs it, e.g. ``CPU`` or ``CUDA``.
        warnings: sentences that the user must see.
    """

    def __init__(self, path: Path, card: Card, session: Any, runtime: ModuleType) -> None:
        self.path = path
        self.card = card
        self.constants: dict[str, npt.NDArray[np.float32]] = {}
        self.warnings: list[str] = []
        self._session = session
        self._errors = runtime_errors(runtime)
        self._runtime = runtime
        self._run_options = self._fresh_run_options()
        self._check_graph()

    @classmethod
    def open(cls, model: str | Path, device: str = "auto", constants: bool = False) -> Session:
        """Load a bundled model by its name, or a model file.

        Args:
            model: name or file.
            device: ``auto``, ``cpu`` or ``cuda``.
            constants: whether the caller feeds :attr:`constants`, as models for any camera need it.

        Raises:
            ModelError: no such model or device; the file is damaged, no model or of another sensor.
            RuntimeMissingError: onnxruntime is not installed.
        """
        path = find_model(model)
        card = read_card(path)
        if (card.sensor == ANY_SENSOR) != constants:
            raise ModelError(_wrong_job(card))
        runtime = import_runtime()
        available = runtime.get_available_providers()
        providers = providers_for(device, available)
        if "CUDAExecutionProvider" in providers and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()
        errors = runtime_errors(runtime)
        try:
            inner = start_runtime(runtime, path, providers)
        except errors as error:
            if len(providers) < 2:
                raise _cannot_load(path, error) from error
            try:
                inner = start_runtime(runtime, path, providers[-1:])
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

    def run(self, pixels: PixelArray, output: str | None = None) -> PixelArray:
        """Lift reflectance ``(c, h, w)`` to ``(C, f*h, f*w)``, both float32, ``f`` the card's scale factor.

        ``output`` names another output of the same shape than the card's; only what it needs is computed.

        Raises:
            OutOfMemoryError: the device has not enough memory for this size.
            DeviceError: the network fails on a graphics card for another reason.
            ModelError: the network fails, or gives another size than its card says.
            CancelledError: :meth:`interrupt` was called.
        """
        self._run_options = self._fresh_run_options()
        self._run_options.only_execute_path_to_fetches = output is not None
        feed = {self.card.input.name: np.ascontiguousarray(pixels[None], dtype=np.float32), **self.constants}
        wanted = [output or self.card.output.name]
        try:
            lifted: PixelArray = self._session.run(wanted, feed, self._run_options)[0][0]
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
        factor = self.card.scale_factor
        expected = (len(self.card.output.wavelength_nm), *(factor * side for side in pixels.shape[1:]))
        if lifted.shape != expected:
            raise ModelError(
                f"The network in '{self.path}' gave an array of {lifted.shape}, its card promises "
                f"{expected}; export the model again."
            )
        return lifted

    def use_processor(self) -> None:
        """Give up the graphics card: from now on the processor runs the network.

        Raises:
            ModelError: the network cannot be loaded there.
        """
        try:
            processor = providers_for("cpu", ["CPUExecutionProvider"])
            self._session = start_runtime(self._runtime, self.path, processor)
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
        expected = card.input.name in inputs and (len(inputs) == 1 or card.sensor == ANY_SENSOR)
        if not expected or card.output.name not in outputs:
            raise ModelError(
                f"The network in '{self.path}' takes {', '.join(inputs)} and gives {', '.join(outputs)}, its "
                f"card promises {card.input.name} and {card.output.name}; export the model again."
            )
        bands = inputs[card.input.name][1:2]
        if (
            card.sensor != ANY_SENSOR
            and bands
            and isinstance(bands[0], int)
            and bands[0] != len(card.input.bands)
        ):
            raise ModelError(
                f"The network in '{self.path}' takes {bands[0]} bands, its card names "
                f"{len(card.input.bands)}; export the model again."
            )


def runtime_errors(runtime: ModuleType) -> tuple[type[Exception], ...]:
    """The exceptions of onnxruntime, which have no common base of their own."""
    state = runtime.capi.onnxruntime_pybind11_state
    names = "Fail RuntimeException EPFail EngineError InvalidArgument InvalidGraph InvalidProtobuf NoModel"
    own = [getattr(state, name) for name in (*names.split(), "NotImplemented")]
    return (*own, RuntimeError, ValueError, MemoryError)


def start_runtime(runtime: ModuleType, path: Path, providers: list[str]) -> Any:
    """The runtime's own session for a model file."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = core_count()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leave the cores to the writer
    options.enable_mem_pattern = False  # a pattern would be kept for each shape of tile
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=with_options(providers))
    session.disable_fallback()
    return session


def _wrong_job(card: Card) -> str:
    if card.sensor == ANY_SENSOR:
        return (
            f"The model '{card.name}' is for cameras whose response is unknown; run it with Blind spectral "
            "super-resolution, or choose a model for Sentinel-2."
        )
    return f"The model '{card.name}' is for Sentinel-2 only; choose one for any camera (pgunet)."


def _cannot_load(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The installed onnxruntime cannot load the model file '{path}' ({_first_line(error)}); update "
        "onnxruntime or export the model again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
