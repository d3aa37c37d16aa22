"""VCA on a million pixels of 172 bands against the textbook's in numpy, which holds copies of the image.

Prints the ratio of the times for one run and for the ten runs that are the default, both over the array and
over blocks that a function copies from it. Wanted: at least 5 for the array.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Callable

import numpy as np

from hyperlift.core.unmixing.endmembers import TRIALS, vca
from hyperlift.core.unmixing.statistics import leading_axes

PIXELS, BANDS, COUNT = 1_000_000, 172, 6
BLOCK = 65_536
ROUNDS = 3


def scene() -> np.ndarray:
    """Noisy mixtures of smooth spectra, float32 ``(PIXELS, BANDS)``, some pixels pure."""
    random = np.random.default_rng(0)
    bends = np.cumsum(np.cumsum(random.standard_normal((COUNT, BANDS)), axis=1), axis=1)
    spectra = 0.05 + 0.5 * (bends - bends.min()) / np.ptp(bends, axis=1, keepdims=True)
    abundances = random.dirichlet(np.ones(COUNT), PIXELS).astype(np.float32)
    abundances[:: PIXELS // 600] = np.eye(COUNT)[random.integers(0, COUNT, len(abundances[:: PIXELS // 600]))]
    pixels = abundances @ spectra.astype(np.float32)
    noise = np.float32(np.sqrt(np.mean(pixels**2) * 1e-4))
    for start in range(0, PIXELS, BLOCK):
        block = pixels[start : start + BLOCK]
        block += noise * random.standard_normal(block.shape, dtype=np.float32)
    return pixels


def textbook_vca(image: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertex component analysis of ``(bands, n)`` as it is commonly written after the authors' code."""
    bands, pixels = image.shape
    random = np.random.default_rng(seed)
    mean = image.mean(axis=1, keepdims=True)
    centred = image - mean
    axes = leading_axes(centred @ centred.T / pixels, count)
    projected = axes.T @ centred
    power = np.sum(image**2) / pixels
    inside = np.sum(projected**2) / pixels + np.sum(mean**2)
    decibels = 10 * np.log10((inside - count / bands * power) / (power - inside))
    if decibels < 15 + 10 * np.log10(count):
        projected = projected[: count - 1]
        level = np.sqrt(np.max(np.sum(projected**2, axis=0)))
        signal = np.vstack([projected, np.full((1, pixels), level, image.dtype)])
    else:
        axes = leading_axes(image @ image.T / pixels, count)
        projected = axes.T @ image
        signal = projected / (projected.mean(axis=1) @ projected)
    denoised = axes[:, : len(projected)] @ projected
    corners = np.zeros((count, count))
    corners[-1, 0] = 1
    indices = np.zeros(count, dtype=np.int64)
    for step in range(count):
        drawn = random.random(count)
        direction = drawn - corners @ (np.linalg.pinv(corners) @ drawn)
        direction /= np.linalg.norm(direction)
        indices[step] = np.abs(direction @ signal).argmax()
        corners[:, step] = signal[:, indices[step]]
    return denoised[:, indices], indices


def seconds(function: Callable[[], object]) -> float:
    """Least wall time of a few calls."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Time all of them."""
    pixels = scene()
    image = np.ascontiguousarray(pixels.T)

    def blocks():
        for start in range(0, PIXELS, BLOCK):
            yield pixels[start : start + BLOCK].copy()

    reference = seconds(partial(textbook_vca, image, COUNT, 0))
    print(f"textbook: {reference:.2f} s")
    for name, source in (("array", pixels), ("blocks", blocks)):
        for trials in (1, TRIALS):
            own = seconds(partial(vca, source, COUNT, trials=trials))
            print(f"{name}, {trials} runs: {own:.2f} s, {reference / own:.1f} times as fast")


if __name__ == "__main__":
    main()
