"""A model file loaded by onnxruntime, and the device it really got."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ..cores import core_count
from ..errors import CancelledError, ModelError
from ..raster.blocks import PixelArray
from .devices import (
    device_name,
    failure_warning,
    fallback_warning,
    import_runtime,
    providers_for,
    with_options,
)

FloatArray = npt.NDArray[np.float32]
_NONE: Mapping[str, FloatArray] = {}
_NO_MEMORY = ("allocat", "out of memory", "bad_alloc", "alloc_failed", "outofmemory")


class OutOfMemoryError(ModelError):
    """The device has not enough memory for an array of this size."""


class DeviceError(ModelError):
    """A graphics card fails where the processor may not: :meth:`GraphSession.use_processor` is the way on."""


class AnyCard(Protocol):
    """What every model card has."""

    @property
    def name(self) -> str:
        """Short name of the model."""


AnyCardT = TypeVar("AnyCardT", bound=AnyCard)


class GraphSession(Generic[AnyCardT]):
    """A loaded graph; a subclass knows what goes in and comes out.

    Attributes:
        path: of the model file.
        card: of the model.
        device: what runs it, e.g. ``CPU`` or ``CUDA``.
        warnings: sentences that the user must see.
    """

    def __init__(self, path: Path, card: AnyCardT, session: Any, runtime: ModuleType) -> None:
        self.path = path
        self.card = card
        self.warnings: list[str] = []
        self._session = session
        self._errors = runtime_errors(runtime)
        self._runtime = runtime
        self._run_options = self._fresh_run_options()
        self._check_graph()

    @classmethod
    def load(cls: type[SessionT], path: Path, card: Any, device: str) -> SessionT:
        """Load a model file whose card was read.

        Raises:
            ModelError: no such device, or the file cannot be loaded.
            RuntimeMissingError: onnxruntime is not installed.
        """
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

    def run_graph(
        self, arrays: Mapping[str, PixelArray], output: str, constants: Mapping[str, FloatArray] = _NONE
    ) -> FloatArray:
        """One output of the graph; only what it needs is computed.

        Args:
            arrays: pixels ``(c, h, w)`` by the input's name.
            output: its name.
            constants: further inputs by name, in their own shape.

        Raises:
            OutOfMemoryError: the device has not enough memory for this size.
            DeviceError: the network fails on a graphics card for another reason.
            ModelError: the network fails.
            CancelledError: :meth:`interrupt` was called.
        """
        self._run_options = self._fresh_run_options()
        feed = {name: np.ascontiguousarray(pixels[None], dtype=np.float32) for name, pixels in arrays.items()}
        try:
            result: FloatArray = self._session.run([output], {**feed, **constants}, self._run_options)[0]
        except self._errors as error:
            if self._run_options.terminate:
                raise CancelledError("Cancelled; nothing was written.") from error
            if isinstance(error, MemoryError) or any(word in str(error).lower() for word in _NO_MEMORY):
                _, height, width = next(iter(arrays.values())).shape
                raise OutOfMemoryError(
                    f"The memory of the device ({self.device}) does not suffice for {height} x "
                    f"{width} pixels; close other programs or choose another device."
                ) from error
            kind = ModelError if self.device == "CPU" else DeviceError
            raise kind(f"The network in '{self.path}' failed: {_first_line(error)}") from error
        return result

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
        options.only_execute_path_to_fetches = True
        if self.device == "CPU":
            # Tiles vary in shape: without this the arena keeps what the largest of them needed.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options

    def _check_graph(self) -> None:
        """Check that inputs and outputs are those that the card names."""
        raise NotImplementedError

    def _names(self) -> tuple[dict[str, list[Any]], list[str]]:
        """Shapes of the graph's inputs by name, and names of its outputs."""
        inputs = {node.name: list(node.shape) for node in self._session.get_inputs()}
        return inputs, [node.name for node in self._session.get_outputs()]

    def _refuse(self, inputs: dict[str, list[Any]], outputs: list[str], promised: str) -> ModelError:
        return ModelError(
            f"The network in '{self.path}' takes {', '.join(inputs)} and gives {', '.join(outputs)}, its "
            f"card promises {promised}; export the model again."
        )


SessionT = TypeVar("SessionT", bound=GraphSession[Any])
Result = TypeVar("Result")


def or_on_processor(
    session: GraphSession[Any], compute: Callable[[], Result], warn: Callable[[str], None]
) -> Result:
    """What ``compute`` gives; when a graphics card fails, the user is told and the processor goes on.

    Raises:
        OutOfMemoryError: the memory does not suffice on the processor either.
        ModelError: the network fails there too.
        CancelledError: the session was interrupted.
    """
    try:
        return compute()
    except (DeviceError, OutOfMemoryError) as error:
        if session.device == "CPU":
            raise
        give_up_card(session, error, warn)
        return compute()


def give_up_card(session: GraphSession[Any], error: ModelError, warn: Callable[[str], None]) -> None:
    """Tell the user that a graphics card failed, and go on with the processor."""
    warn(failure_warning(session.device, str(error).rstrip(".")))
    session.use_processor()


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


def _cannot_load(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"The installed onnxruntime cannot load the model file '{path}' ({_first_line(error)}); update "
        "onnxruntime or export the model again."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
