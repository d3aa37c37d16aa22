"""The exhaustive coarse search: every shift of every rotation and scale, by Fourier transforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..raster.blocks import PixelArray
from .affine import Affine, FloatArray
from .likeness import mutual_information
from .steps import Step, untold
from .views import Views, block_mean

Spectrum = npt.NDArray[np.complex128]

_ROTATIONS = np.arange(-12.0, 12.1, 2.0)
_SCALES = np.exp(np.arange(-6, 7) * 0.04)
_LEAST_OVERLAP = 0.5
_PEAKS = 2  # of each rotation and scale


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may be right; ``evidence`` is the log-likelihood ratio of it against no relation."""

    transform: Affine
    evidence: float


def candidates(views: Views, reach: float, step: Step = untold) -> list[Candidate]:
    """Likely transforms from places in the image to places in the photograph, most likely first.

    Args:
        views: without slow changes.
        reach: largest shift in pixels of the image.
        step: is told of the progress.
    """
    photo, valid = block_mean(views.photo, views.photo_valid, views.per_pixel)
    side = tuple(int(2 ** np.ceil(np.log2(2 * own + 2 * views.margin))) for own in views.shape)
    spectra = _Spectra(photo * valid, valid.astype(np.float32), side)
    turns = [(degrees, scale) for degrees in _ROTATIONS for scale in _SCALES]
    found: list[Candidate] = []
    for number, (degrees, scale) in enumerate(turns):
        step(number / len(turns))
        found += _best_shifts(views, spectra, float(degrees), float(scale), reach)
    return sorted(found, key=lambda candidate: -candidate.evidence)


class _Spectra:
    """Fourier transforms of an image's channels, their products and its mask."""

    def __init__(self, pixels: PixelArray, mask: PixelArray, side: tuple[int, ...]) -> None:
        count = len(pixels)
        self.pairs = [(i, j) for i in range(count) for j in range(i, count)]
        products = [pixels[i] * pixels[j] for i, j in self.pairs]
        planes = np.stack([mask, *pixels, *products])
        self.count, self.side = count, side
        self.mask, self.means, self.products = np.split(np.fft.rfft2(planes, side), (1, 1 + count))


def _correlate(first: Spectrum, second: Spectrum, side: tuple[int, ...]) -> FloatArray:
    """Sums of products of ``second`` with ``first`` moved by every shift."""
    return np.fft.irfft2(np.conj(first) * second, side)


def _moments(
    own: _Spectra, photo: _Spectra, places: Sequence[npt.NDArray[np.int64]]
) -> tuple[FloatArray, ...]:
    """Overlap and covariances ``(r, c, n, n)`` of own and photo's channels at each shift."""

    def at(first: Spectrum, second: Spectrum) -> FloatArray:
        """Correlations at the shifts."""
        return _correlate(first, second, own.side)[..., places[0][:, None], places[1][None, :]]

    k, c = own.count, photo.count
    overlap = np.maximum(at(own.mask, photo.mask)[0], 1.0)
    sums = np.concatenate([at(own.means, photo.mask), at(own.mask, photo.means)]) / overlap
    second = np.empty((k + c, k + c, *overlap.shape))
    for (i, j), plane in zip(own.pairs, at(own.products, photo.mask)):
        second[i, j] = second[j, i] = plane / overlap
    for (i, j), plane in zip(photo.pairs, at(own.mask, photo.products)):
        second[k + i, k + j] = second[k + j, k + i] = plane / overlap
    for i in range(k):
        cross = at(own.means[i], photo.means) / overlap
        second[i, k:], second[k:, i] = cross, cross
    covariance = second - sums[:, None] * sums[None, :]
    return overlap, covariance.transpose(2, 3, 0, 1)


def _best_shifts(
    views: Views, photo: _Spectra, degrees: float, scale: float, reach: float
) -> Iterator[Candidate]:
    """The best shifts of the image turned by ``degrees`` and scaled."""
    turn = Affine.about(views.centre, degrees, scale)
    image, mask = _turned(views, turn)
    own = _Spectra(image, mask, photo.side)
    steps = np.arange(-int(np.ceil(reach)), int(np.ceil(reach)) + 1)
    places = [(steps + views.margin) % side for side in photo.side]
    overlap, covariance = _moments(own, photo, places)
    evidence = overlap * mutual_information(covariance, own.count)
    evidence[overlap < _LEAST_OVERLAP * mask.sum()] = 0.0
    for _ in range(_PEAKS):
        row, column = np.unravel_index(evidence.argmax(), evidence.shape)
        shift = np.array([steps[column], steps[row]], float)
        yield Candidate(Affine(turn.matrix, turn.shift + shift), float(evidence[row, column]))
        evidence[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 0.0


def _turned(views: Views, turn: Affine) -> tuple[PixelArray, npt.NDArray[np.float32]]:
    """The image and its mask as they lie after ``turn``, on the same pixels."""
    from scipy.ndimage import map_coordinates

    rows, columns = views.shape
    y, x = np.meshgrid(np.arange(rows) + 0.5, np.arange(columns) + 0.5, indexing="ij")
    x, y = turn.inverse()(x, y)
    places = [y - 0.5, x - 0.5]
    mask = map_coordinates(views.valid.astype(np.float32), places, order=1) > 0.99
    planes = [map_coordinates(plane, places, order=1) * mask for plane in views.image]
    return np.stack(planes).astype(np.float32), mask.astype(np.float32)
