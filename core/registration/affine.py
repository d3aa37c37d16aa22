"""Affine transforms of the plane; x before y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Affine:
    """``p -> matrix @ p + shift``, with ``matrix`` (2, 2) and ``shift`` (2,)."""

    matrix: FloatArray
    shift: FloatArray

    @classmethod
    def identity(cls) -> Affine:
        """Every point stays."""
        return cls(np.eye(2), np.zeros(2))

    @classmethod
    def about(
        cls,
        centre: tuple[float, float],
        degrees: float = 0.0,
        scale: float = 1.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Affine:
        """Rotation and scaling about ``centre`` (x, y), then ``shift`` (x, y)."""
        angle = np.deg2rad(degrees)
        matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array(centre)
        return cls(matrix, middle - matrix @ middle + np.array(shift))

    def __call__(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where points go; ``x`` and ``y`` of any one shape."""
        (a, b), (c, d) = self.matrix
        return a * x + b * y + self.shift[0], c * x + d * y + self.shift[1]

    def after(self, first: Affine) -> Affine:
        """``self(first(p))``."""
        return Affine(self.matrix @ first.matrix, self.matrix @ first.shift + self.shift)

    def inverse(self) -> Affine:
        """The transform back."""
        matrix = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return Affine(matrix, -matrix @ self.shift)

    def in_units(self, length: float) -> Affine:
        """The same transform of points measured in units ``length`` times as long."""
        return Affine(self.matrix, np.asarray(self.shift / length, np.float64))

    def moved(self, change: FloatArray, centre: tuple[float, float]) -> Affine:
        """A small ``change`` (6,) to matrix (by row) and shift, with the matrix acting about ``centre``."""
        extra = change[:4].reshape(2, 2)
        return Affine(self.matrix + extra, self.shift + change[4:] - extra @ np.array(centre))

    @property
    def rotation(self) -> float:
        """Degrees by which the transform turns, from x towards y."""
        (a, b), (c, d) = self.matrix
        return float(np.rad2deg(np.arctan2(c - b, a + d)))

    @property
    def scale(self) -> float:
        """Square root of the factor by which areas grow."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def displacement(self, shape: tuple[int, int]) -> FloatArray:
        """How far nine points of an area of ``shape`` (rows, columns) move, ``(9,)``."""
        y, x = np.meshgrid(*(np.array([0.1, 0.5, 0.9]) * side for side in shape), indexing="ij")
        there = self(x.ravel(), y.ravel())
        moved: FloatArray = np.hypot(there[0] - x.ravel(), there[1] - y.ravel())
        return moved
