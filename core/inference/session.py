"""A network that lifts images, ready to run."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ModelError
from ..raster.blocks import PixelArray
from .card import ANY_SENSOR, Card
from .graph_session import FloatArray, GraphSession
from .models import find_model, read_card


class Session(GraphSession[Card]):
    """A loaded network that lifts images.

    Attributes:
        card: of the model; of one for any camera, its bands are those of the camera in use.
        constants: further inputs of the graph, by name, the same for the whole scene.
    """

    def __init__(self, path: Path, card: Card, session: Any, runtime: ModuleType) -> None:
        super().__init__(path, card, session, runtime)
        self.constants: dict[str, FloatArray] = {}

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
        return cls.load(path, card, device)

    def run(
        self, pixels: PixelArray, statistics: FloatArray | None = None, output: str | None = None
    ) -> PixelArray:
        """Lift reflectance ``(c, h, w)`` to ``(C, f*h, f*w)``, both float32, ``f`` the card's scale factor.

        Args:
            pixels: reflectance.
            statistics: of the scene, as :meth:`gather` gives them, where the card asks for any; None computes
                them from ``pixels``.
            output: another output of the same shape than the card's.

        Raises:
            OutOfMemoryError: the device has not enough memory for this size.
            DeviceError: the network fails on a graphics card for another reason.
            ModelError: the network fails, or gives another size than its card says.
            CancelledError: :meth:`interrupt` was called.
        """
        asked, further = self.card.statistics, dict(self.constants)
        if statistics is not None and asked is not None:
            further[asked.name] = statistics
        lifted: PixelArray = self._found(output or self.card.output.name, pixels, further)[0]
        factor = self.card.scale_factor
        expected = (len(self.card.output.wavelength_nm), *(factor * side for side in pixels.shape[1:]))
        if lifted.shape != expected:
            raise ModelError(
                f"The network in '{self.path}' gave an array of {lifted.shape}, its card promises "
                f"{expected}; export the model again."
            )
        return lifted

    def gather(self, pixels: PixelArray) -> FloatArray:
        """Statistics ``(1, S)`` of reflectance ``(c, h, w)``, if the card asks for any; errors as in run."""
        asked = self.card.statistics
        if asked is None:
            raise ModelError(f"The model '{self.card.name}' uses no statistics of the scene.")
        return self._found(asked.gathered, pixels, self.constants)

    def _found(self, output: str, pixels: PixelArray, further: dict[str, FloatArray]) -> FloatArray:
        return self.run_graph({self.card.input.name: pixels}, output, further)

    def _check_graph(self) -> None:
        card = self.card
        inputs, outputs = self._names()
        any_sensor = card.sensor == ANY_SENSOR
        expected = card.input.name in inputs and (len(inputs) == 1 or any_sensor)
        if not expected or card.output.name not in outputs:
            raise self._refuse(inputs, outputs, f"{card.input.name} and {card.output.name}")
        asked = card.statistics
        optional = [node.name for node in self._session.get_overridable_initializers()]
        if asked is not None and (asked.name not in optional or asked.gathered not in outputs):
            raise ModelError(
                f"The network in '{self.path}' has no optional input {asked.name} or no output "
                f"{asked.gathered}, which its card promises; export the model again."
            )
        bands = inputs[card.input.name][1:2]
        if not any_sensor and bands and isinstance(bands[0], int) and bands[0] != len(card.input.bands):
            raise ModelError(
                f"The network in '{self.path}' takes {bands[0]} bands, its card names "
                f"{len(card.input.bands)}; export the model again."
            )


def _wrong_job(card: Card) -> str:
    if card.sensor == ANY_SENSOR:
        return (
            f"The model '{card.name}' is for cameras whose response is unknown; run it with Blind spectral "
            "super-resolution, or choose a model for Sentinel-2."
        )
    return f"The model '{card.name}' is for Sentinel-2 only; choose one for any camera (pgunet)."
