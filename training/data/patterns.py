"""Generated land patterns: which material lies where in a small scene.

Every pattern gives the cover ``(count, side, side)`` of ``count`` materials, which sums to one. Edges are
drawn on cells finer than the pixels, so that pixels at an edge are mixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

_CELLS = 3  # along each side of a pixel


def smooth_field(rng: np.random.Generator, side: int, length: float) -> np.ndarray:
    """Smooth noise of zero mean and unit variance, ``(side, side)``, with features of ``length`` pixels."""
    field = gaussian_filter(rng.standard_normal((side, side), dtype=np.float32), length, mode="wrap")
    return (field - field.mean()) / (field.std() + 1e-6)


def transitions(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """Materials that give way to each other gradually or sharply, as in open land."""
    length = np.exp(rng.uniform(np.log(0.7), np.log(side / 3)))
    fields = np.array([smooth_field(rng, side, length) for _ in range(count)])
    sharpness = np.exp(rng.uniform(np.log(0.7), np.log(12.0)))
    cover = np.exp(sharpness * (fields - fields.max(axis=0)))
    return cover / cover.sum(axis=0)


def _average_cells(labels: np.ndarray, count: int) -> np.ndarray:
    """Cover ``(count, side, side)`` from the labels of the cells."""
    side = len(labels) // _CELLS
    cells = labels.reshape(side, _CELLS, side, _CELLS)
    return np.array([(cells == label).mean(axis=(1, 3)) for label in range(count)], np.float32)


def _turned_axes(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the cells in pixels along two turned axes."""
    y, x = (np.mgrid[0 : side * _CELLS, 0 : side * _CELLS] + 0.5) / _CELLS - side / 2
    angle = rng.uniform(0, np.pi)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _field_labels(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """Long fields around random centres; the last material lies between them, as roads or hedges."""
    along, across = _turned_axes(rng, side)
    cells = np.column_stack([along.ravel() / rng.uniform(1.0, 3.0), across.ravel()])
    number = int(rng.integers(4, 14) * max(side / 24, 1.0) ** 2)
    centres = rng.uniform(-0.7 * side, 0.7 * side, (number, 2))
    distance, field = cKDTree(centres).query(cells, k=2, p=rng.choice([1, 2]))
    crops = rng.integers(0, max(count - 1, 1), number)
    labels = crops[field[:, 0]]
    labels[distance[:, 1] - distance[:, 0] < rng.choice([0.0, 0.5, 1.0, 2.0])] = count - 1
    return labels.reshape(along.shape)


def fields(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """Fields with roads or hedges between them."""
    return _average_cells(_field_labels(rng, side, count), count)


def settlement(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """Roofs in rows over fields; the last materials are the roofs."""
    labels = _field_labels(rng, side, max(count - 1, 1))
    along, across = _turned_axes(rng, side)
    roofs = range(max(count // 2, 1), count)
    for _ in range(int(rng.integers(side, 4 * side) * side / 60) + 1):
        length, depth = rng.uniform(0.7, 6.0), rng.uniform(0.7, 3.0)
        centre = rng.uniform(-0.7 * side, 0.7 * side, 2)
        inside = (np.abs(along - centre[0]) < length / 2) & (np.abs(across - centre[1]) < depth / 2)
        labels[inside] = rng.choice(roofs) if len(roofs) else count - 1
    return _average_cells(labels, count)


def water(rng: np.random.Generator, side: int, count: int) -> np.ndarray:
    """A river or a shore through fields; the first material is the water."""
    labels = 1 + _field_labels(rng, side, count - 1) if count > 1 else np.zeros((side * _CELLS,) * 2, int)
    along, across = _turned_axes(rng, side)
    bend = rng.uniform(0, side / 5) * np.sin(along / rng.uniform(2, side / 2) + rng.uniform(0, 7))
    bend += smooth_field(rng, side * _CELLS, side / 4) * rng.uniform(0, 1.5)
    offset = across - rng.uniform(-side / 3, side / 3) - bend
    wet = np.abs(offset) < rng.uniform(0.3, side / 6) if rng.random() < 0.5 else offset < 0
    labels[wet] = 0
    return _average_cells(labels, count)


PATTERNS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "transitions": transitions,
    "fields": fields,
    "settlement": settlement,
    "water": water,
}


def cloud_and_shadow(rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of a cloud and depth of its shadow, each ``(side, side)`` from 0 to 1."""
    thickness = smooth_field(rng, side, rng.uniform(side / 8, side / 3)) - rng.uniform(0.3, 1.5)
    opacity = np.clip(thickness * rng.uniform(0.3, 1.5), 0.0, 1.0)
    shift = rng.integers(-side // 2, side // 2 + 1, 2)
    shadow = np.roll(opacity, tuple(shift), axis=(0, 1)) * rng.uniform(0.3, 0.85)
    return opacity, shadow * (1.0 - opacity)
