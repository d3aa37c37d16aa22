"""What UALNet must beat at half the pixel size: interpolation before or after the best of 10 m.

With them goes what interpolation makes of the true cube at 10 m, the most that it can make of any method's.

Negative reflectance is set to zero, as models do: interpolation overshoots at dark water, where that costs it
a third of a degree in the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from hyperlift.core.networks.ualnet.interpolation import enlarge
from hyperlift.core.spectral import grid

from ..data.fine import halved
from ..data.scenes import SceneMaker
from ..evaluation.baselines import Method, by_tile, ridge, sharpen
from ..evaluation.scores import HeldOutScene, Lift

_BATCHES = 100


def bicubic(image: np.ndarray) -> np.ndarray:
    """Images ``(tiles, bands, H, W)`` at twice the rows and columns, pixel areas aligned."""
    return enlarge(torch.from_numpy(image.astype(np.float32))).numpy()


def interpolated_truth(scene: HeldOutScene) -> np.ndarray:
    """The true cube ``(tiles, C, H, W)`` as means over 10 m, interpolated: no detail inside them."""
    return bicubic(np.stack([halved(tile) for tile in scene.hsi])).clip(min=0.0)


def baselines(maker: SceneMaker, explains2a: Lift) -> tuple[dict[str, Method], dict[str, Method]]:
    """Methods for all channels, and those of ExplainS2A, which gives 172 of them.

    ``maker`` draws the scenes to which ridge regression is fitted; ``explains2a`` lifts at 10 m.
    """
    shaped = maker.with_config(replace(maker.config, sides=(12, 24), pixels=4608)).at_one_resolution()
    regression = ridge(shaped, _BATCHES)

    def enlarged(lift: Lift, prepare: Callable[[np.ndarray], np.ndarray] | None = None) -> Method:
        def method(scene: HeldOutScene) -> np.ndarray:
            msi = scene.msi if prepare is None else prepare(scene.msi)
            return np.stack([lift(tile) for tile in bicubic(msi)]).clip(min=0.0)

        return method

    before = by_tile(explains2a)
    return {
        "bicubic, ridge": enlarged(regression),
        "sharpened, bicubic, ridge": enlarged(regression, sharpen),
        "true cube at 10 m, bicubic": interpolated_truth,
    }, {
        "bicubic, ExplainS2A": enlarged(explains2a),
        "ExplainS2A, bicubic": lambda scene: bicubic(before(scene)).clip(min=0.0),
    }


def on_channels(scene: HeldOutScene, target: str) -> tuple[HeldOutScene, np.ndarray]:
    """A scene on the channels of another grid, all of which it has, and their places."""
    nm = grid(target).wavelength_nm
    places = np.abs(scene.wavelength_nm[None] - nm[:, None]).argmin(axis=1)
    part = {name: getattr(scene, name)[places] for name in ("measured", "wavelength_nm")}
    return replace(scene, hsi=scene.hsi[:, places], **part), places
