"""Statistics of a whole image inside a network: computed from the image at hand, or given.

A scene is processed in tiles, and sums over a tile are not sums over the scene. So a network asks for each
statistic here: in a first pass over parts of the scene they are computed and gathered, later they are given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Statistics:
    """The statistics of one pass, in the order in which the network asks for them.

    Args:
        given: ``(N, S)``, all of them in that order, or None. NaN means "compute from this image".
    """

    def __init__(self, given: Tensor | None = None) -> None:
        self._given, self._taken = given, 0
        self._used: list[Tensor] = []

    def take(self, computed: Tensor) -> Tensor:
        """The statistic ``computed (N, ...)`` from this image, or what was given in its place."""
        used = computed
        if self._given is not None:
            # Plain numbers: a statistic's shape does not vary with the image; an exported graph must know.
            shape = [int(extent) for extent in computed.shape]
            size = math.prod(shape[1:])
            given = self._given[:, self._taken : self._taken + size].reshape(shape)
            used = torch.where(torch.isnan(given), computed, given)
            self._taken += size
        self._used.append(used.flatten(1))
        return used

    def gathered(self) -> Tensor:
        """All statistics that were used so far, ``(N, S)``; ``(1, 0)`` where none was."""
        return torch.cat(self._used, dim=1) if self._used else torch.zeros(1, 0)
