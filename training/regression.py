"""Ridge regression from bands to channels: the starting point of the networks, and the baseline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, eq=False)
class Regression:
    """``x = weight @ y + bias``: ``weight`` (C, c), ``bias`` (C,)."""

    weight: np.ndarray
    bias: np.ndarray

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Channels ``(C, H, W)`` of an image ``(c, H, W)``."""
        return np.tensordot(self.weight, image, axes=1) + self.bias[:, None, None]


def pixel_table(images: torch.Tensor) -> torch.Tensor:
    """Pixels ``(n, bands)`` of images ``(N, bands, H, W)``."""
    return images.permute(0, 2, 3, 1).flatten(0, 2)


def fit_ridge(pairs: Iterable[tuple[np.ndarray, np.ndarray]], penalty: float = 1e-6) -> Regression:
    """Ridge regression over pairs of pixel tables ``(n, c)`` and ``(n, C)``, accumulated in float64.

    ``penalty`` is relative to the mean square of the bands; the intercept is not penalised.
    """
    gram, cross, count = 0.0, 0.0, 0
    for inputs, outputs in pairs:
        design = np.column_stack([inputs, np.ones(len(inputs))]).astype(np.float64)
        gram = gram + design.T @ design
        cross = cross + design.T @ outputs.astype(np.float64)
        count += len(inputs)
    bands = gram.shape[0] - 1
    ridge = penalty * np.trace(gram[:bands, :bands]) / bands
    solution = np.linalg.solve(gram + np.diag([ridge] * bands + [0.0]), cross)
    return Regression(solution[:bands].T, solution[bands])
