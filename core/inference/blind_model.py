"""What goes with a model for any camera: what spectra and responses are like, from its second file.

``pgunet-<grid>-stf.onnx`` beside ``pgunet-<grid>.onnx`` holds the mixture that images start from, the
penalties of all steps, and the proximal networks of the response, ``stf (c, C) -> targets (K, c, C)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ModelError
from ..spectral.grids import FloatArray
from ..spectral.mixture import SpectralMixture
from .devices import import_runtime, providers_for
from .graph_session import runtime_errors, start_runtime
from .models import BLIND, find_model, read_card

TABLES = ("mean", "basis", "rest", "weight", "level", "factor")
PENALTIES = ("alpha", "beta")
TARGETS, RESPONSE = "targets", "stf"


def blind_model(grid_name: str) -> Path:
    """File of the bundled model for a grid.

    Raises:
        ModelError: there is none.
    """
    return find_model(f"pgunet-{grid_name}", BLIND)


def response_file(model: Path) -> Path:
    """The second file of a model."""
    return model.with_name(f"{model.stem}-stf.onnx")


class ResponseModel:
    """The second file, loaded.

    Attributes:
        mixture: what spectra are like.
        alpha: penalties of the X-steps, the last one after all stages, ``(K + 1,)``.
        beta: penalties of the R-steps, ``(K,)``.
    """

    def __init__(self, model: Path) -> None:
        """Load what belongs to the model file ``model``.

        Raises:
            ModelError: the file is missing or damaged, or holds something else.
            RuntimeMissingError: onnxruntime is not installed.
        """
        path = response_file(model)
        if not path.is_file():
            raise ModelError(f"The file '{path}' that belongs to the model is missing; copy it there.")
        read_card(path)
        runtime = import_runtime()
        try:
            providers = providers_for("cpu", ["CPUExecutionProvider"])
            self._session: Any = start_runtime(runtime, path, providers)
            channels = self._session.get_inputs()[0].shape[1]
            names = [*TABLES, *PENALTIES]
            values = self._session.run(names, {RESPONSE: np.ones((1, channels), np.float32)})
        except runtime_errors(runtime) as error:
            raise ModelError(f"The model file '{path}' cannot be used ({error}); export it again.") from error
        tables = {name: np.asarray(value, np.float64) for name, value in zip(names, values)}
        self.alpha, self.beta = (tables.pop(name) for name in PENALTIES)
        self.mixture = SpectralMixture(**tables)

    @property
    def stages(self) -> int:
        """Number of stages, ``K``."""
        return len(self.beta)

    def target(self, stage: int, response: FloatArray) -> FloatArray:
        """``Q`` (c, C) of a stage for a response ``(c, C)`` whose rows are in the order of their centres."""
        targets = self._session.run([TARGETS], {RESPONSE: response.astype(np.float32)})[0]
        target: FloatArray = targets[stage].astype(np.float64)
        return target
