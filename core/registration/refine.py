"""Refinement: the affine transform at which the photograph explains the image best, to a part of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .affine import Affine, FloatArray
from .likeness import information_of
from .views import Views

_STEPS = 25
_LEAST_PIXELS = 24
_LEAST_CONTRAST = 1e-5  # of a channel of the image; the strongest has about one
_SMALLEST_STEP = 1e-3  # pixels
_LARGEST_STEP = 0.35  # change of the matrix in a step
_LARGEST_SCALE = 1.5  # of the transform, and its inverse the smallest
# Changes of the six numbers that keep shapes: scaling, rotation, shifts.
_SIMILAR: FloatArray = np.array(
    [[1, 0, 0, 1, 0, 0], [0, -1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]], dtype=float
).T


@dataclass(frozen=True, eq=False)
class Fit:
    """Pixels of the image that the photograph covers, and what both say there.

    Attributes:
        image: ``(n, k)``, of unit variance in the whole image.
        spread: what its channels were divided by, ``(k,)``.
        photo: ``(n, c)``.
        slopes: change of ``photo`` with x and with y, ``(2, n, c)``.
        x, y: places of these pixels in the image, ``(n,)``.
    """

    image: FloatArray
    spread: FloatArray
    photo: FloatArray
    slopes: FloatArray
    x: FloatArray
    y: FloatArray

    @property
    def evidence(self) -> float:
        """Log-likelihood ratio of the relation against none."""
        if len(self.image) < _LEAST_PIXELS:
            return 0.0
        return len(self.image) * information_of(self.image, self.photo)


class Refiner:
    """Improves transforms between two views, which are without slow changes.

    ``similar`` allows shifts, rotations and scalings alone.
    """

    def __init__(self, views: Views, similar: bool) -> None:
        self.views = views
        self._basis: FloatArray = _SIMILAR if similar else np.eye(6)
        self._slopes = [np.stack(np.gradient(plane)) * views.per_pixel for plane in views.photo]
        y, x = np.nonzero(views.valid)
        self._x, self._y = (np.asarray(place + 0.5, np.float64) for place in (x, y))
        pixels = views.image[:, views.valid].T.astype(np.float64)
        self._spread: FloatArray = np.maximum(pixels.std(axis=0), _LEAST_CONTRAST)
        self._image = pixels / self._spread

    def fit(self, transform: Affine) -> Fit:
        """Image and photograph under a transform, at the valid pixels of both."""
        from scipy.ndimage import map_coordinates

        views = self.views
        x, y = transform(self._x, self._y)
        places: FloatArray = np.stack([y, x]) * views.per_pixel + (views.margin * views.per_pixel - 0.5)
        seen = map_coordinates(views.photo_valid.astype(np.float32), places, order=1) > 0.99
        places = places[:, seen]

        def at(plane: FloatArray) -> FloatArray:
            """Values of a plane at the places."""
            values: FloatArray = map_coordinates(plane, places, order=1)
            return values.astype(np.float64)

        photo = np.stack([at(plane) for plane in views.photo], axis=-1)
        slopes = np.stack([[at(pair[axis]) for pair in self._slopes] for axis in (1, 0)]).transpose(0, 2, 1)
        return Fit(self._image[seen], self._spread, photo, slopes, self._x[seen], self._y[seen])

    def refine(self, transform: Affine) -> tuple[Affine, float]:
        """Levenberg-Marquardt steps to a better transform, and its evidence."""
        damping, fit = 1e-2, self.fit(transform)
        best = fit.evidence
        for _ in range(_STEPS):
            if len(fit.image) < _LEAST_PIXELS:
                break
            change = self._step(fit, damping)
            trial = transform.moved(change, self.views.centre)
            possible = 1 / _LARGEST_SCALE < trial.scale < _LARGEST_SCALE
            if not possible or np.abs(change[:4]).max() > _LARGEST_STEP:
                damping *= 8.0
                continue
            found = self.fit(trial)
            if found.evidence > best:
                transform, fit, best, damping = trial, found, found.evidence, damping / 4.0
                if np.abs(change * self._reach()).max() < _SMALLEST_STEP:
                    break
            else:
                damping *= 8.0
                if damping > 1e4:
                    break
        return transform, best

    def _reach(self) -> FloatArray:
        """How far a unit of each parameter moves the border of the image, in pixels."""
        half = np.array(self.views.centre)
        return np.array([half[0], half[1], half[0], half[1], 1.0, 1.0])

    def _step(self, fit: Fit, damping: float) -> FloatArray:
        """A Gauss-Newton step with the regression on the photograph projected out (Golub and Pereyra)."""
        explaining = np.column_stack([fit.photo, np.ones(len(fit.photo))])
        weights = np.linalg.lstsq(explaining, fit.image, rcond=None)[0][:-1]
        basis, _ = np.linalg.qr(explaining)
        residual = fit.image - basis @ (basis.T @ fit.image)
        right, down = (slope @ weights for slope in fit.slopes)
        x, y = fit.x - self.views.centre[0], fit.y - self.views.centre[1]
        columns = [right * x[:, None], right * y[:, None], down * x[:, None], down * y[:, None], right, down]
        normal: FloatArray = np.zeros((6, 6))
        gradient: FloatArray = np.zeros(6)
        for channel in range(residual.shape[1]):
            jacobian = np.stack([column[:, channel] for column in columns], axis=1)
            jacobian = jacobian - basis @ (basis.T @ jacobian)
            scale = 1.0 / max(float(residual[:, channel].var()), 1e-9)
            normal = normal + scale * jacobian.T @ jacobian
            gradient = gradient + scale * jacobian.T @ residual[:, channel]
        reduced: FloatArray = self._basis.T @ normal @ self._basis
        damped = reduced + damping * np.diag(np.diag(reduced)) + 1e-9 * np.eye(len(reduced))
        step: FloatArray = self._basis @ np.linalg.solve(damped, self._basis.T @ gradient)
        return step
