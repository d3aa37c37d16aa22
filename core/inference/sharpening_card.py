"""The card of a model that sharpens, and such a model ready to run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..networks.sizes import UAFL_MULTIPLE
from ..raster.blocks import PixelArray
from .graph_session import GraphSession
from .models import SHARPENING, find_model, read_card_as

_AGAIN = "export the model again with this version of HyperLift"
INPUTS, OUTPUT = ("abundances", "reference"), "residual"
_KINDS: dict[str, type] = {"str": str, "int": int, "Mapping[str, Any]": dict}


@dataclass(frozen=True)
class SharpeningCard:
    """A model card, the metadata entry ``card`` of a model file.

    Attributes:
        name: short name, e.g. ``uafl``.
        task: always ``sharpening``.
        title: name for people.
        architecture: the network.
        version: of the model.
        licence: of the weights.
        maps: of abundances, and of the reference in their terms.
        patch: side in pixels of the squares that the network sees, as in its training.
        overlap: of neighbouring squares, in pixels.
        training: how it was trained.
        accuracy: held-out accuracy.
        digest: ``sha256:`` and the SHA-256 of the model file with these 64 digits as zeros.
    """

    name: str
    task: str
    title: str
    architecture: str
    version: str
    licence: str
    maps: int
    patch: int
    overlap: int
    training: Mapping[str, Any]
    accuracy: Mapping[str, Any]
    digest: str

    @classmethod
    def from_json(cls, text: str) -> SharpeningCard:
        """Parse and check a card.

        Raises:
            ModelError: it is no card, a word of it is missing or wrong, or it is of a model for another task.
        """
        try:
            entries = json.loads(text)
        except ValueError as error:
            raise ModelError(f"The model's card is not valid JSON ({error}); {_AGAIN}.") from error
        if not isinstance(entries, dict) or entries.get("task") != SHARPENING:
            raise ModelError(
                "The model was not made to sharpen hyperspectral images with a photograph; choose uafl."
            )
        for field in dataclasses.fields(cls):
            if not isinstance(entries.get(field.name), _KINDS[str(field.type)]):
                raise ModelError(f"The model's card should give '{field.name}'; {_AGAIN}.")
        card = cls(**{field.name: entries[field.name] for field in dataclasses.fields(cls)})
        if card.maps < 1 or card.overlap < 0 or card.patch <= 2 * card.overlap or card.patch % UAFL_MULTIPLE:
            raise ModelError(f"The model's card gives an impossible size of patches; {_AGAIN}.")
        return card


class SharpeningSession(GraphSession[SharpeningCard]):
    """A loaded network that sharpens."""

    @classmethod
    def open(cls, model: str | Path = "uafl", device: str = "auto") -> SharpeningSession:
        """Load a bundled model by its name, or a model file.

        Raises:
            ModelError: no such model or device; the file is damaged, no model or for another task.
            RuntimeMissingError: onnxruntime is not installed.
        """
        path = find_model(model, SHARPENING)
        return cls.load(path, read_card_as(SharpeningCard.from_json, path), device)

    def run(self, abundances: PixelArray, reference: PixelArray) -> PixelArray:
        """Residual abundances, all (K, H, W) with H and W multiples of :data:`UAFL_MULTIPLE`.

        Raises:
            OutOfMemoryError: the device has not enough memory for this size.
            DeviceError: the network fails on a graphics card for another reason.
            ModelError: the network fails, or gives another size than it took.
            CancelledError: :meth:`interrupt` was called.
        """
        residual: PixelArray = self.run_graph(dict(zip(INPUTS, (abundances, reference))), OUTPUT)[0]
        if residual.shape != abundances.shape:
            raise ModelError(
                f"The network in '{self.path}' gave an array of {residual.shape} for one of "
                f"{abundances.shape}; export the model again."
            )
        return residual

    def _check_graph(self) -> None:
        inputs, outputs = self._names()
        if list(inputs) != list(INPUTS) or outputs != [OUTPUT]:
            raise self._refuse(inputs, outputs, f"{' and '.join(INPUTS)}, and {OUTPUT}")
