"""How much two images with several channels say of each other: mutual information of Gaussian variables.

It sees neither a linear change of the tones of one of them, an inverted contrast included, nor mixtures of
its channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_ROUNDING = 1e-9


def mutual_information(moments: FloatArray, first: int) -> FloatArray:
    """Mutual information in nats of the first variables with the rest.

    ``-1/2 sum log(1 - rho_i^2)`` over canonical correlations, from determinants (Kullback, 1959).

    Args:
        moments: covariances of all variables, ``(..., n, n)``.
        first: how many of them belong to the first image.
    """
    scale = np.sqrt(np.maximum(np.diagonal(moments, axis1=-2, axis2=-1), 1e-30))
    correlation = moments / (scale[..., :, None] * scale[..., None, :])
    correlation = correlation + _ROUNDING * np.eye(moments.shape[-1])
    parts = (correlation[..., :first, :first], correlation[..., first:, first:], correlation)
    own, other, joint = (np.linalg.slogdet(part)[1] for part in parts)
    information: FloatArray = np.maximum(0.5 * (own + other - joint), 0.0)
    return information


def information_of(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Mutual information of two tables of the same pixels, ``(n, k)`` and ``(n, c)``."""
    joint = np.concatenate([first, second], axis=1).astype(np.float64)
    joint -= joint.mean(axis=0)
    return float(mutual_information(joint.T @ joint / len(joint), first.shape[1]))
