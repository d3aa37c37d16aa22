"""What UAFL is compared with: GSA pansharpening, as it is and after alignments by other methods."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates, maximum_filter

from hyperlift.core.fusion.resampling import observe, upsample
from hyperlift.core.fusion.subspace import Subspace
from hyperlift.core.raster.blocks import Window
from hyperlift.core.registration import Affine

_BLUR = 0.42
_INTENSITY = 6  # dimensions of the image that its intensity is made of: more fit noise where pixels are few
_POLAR = 128
_CORNERS = 150
_PATCH = 7
_TRIALS = 2000


def interpolate(coarse: np.ndarray, scale: int) -> np.ndarray:
    """Cubic convolution of ``coarse`` (B, h, w)."""
    shape = coarse.shape[1:]
    whole = Window(0, 0, *shape)
    return upsample(coarse.astype(np.float32), whole, whole, scale, shape)


def gsa(coarse: np.ndarray, photo: np.ndarray, scale: int) -> np.ndarray:
    """Adaptive Gram-Schmidt sharpening (Aiazzi, Baronti and Selva, 2007) with the photograph's mean as pan.

    The intensity is the regression of the degraded pan on the leading abundances of the image. Where the
    photograph is black or blank, and two pixels beside that, the image is interpolated.
    """
    shape, fine = coarse.shape[1:], interpolate(coarse, scale)
    whole, pan = Window(0, 0, *shape), photo.mean(axis=0, keepdims=True).astype(np.float32)
    covered = binary_erosion((photo > 0).any(axis=0), iterations=2, border_value=1)[None]
    seen = observe(pan, whole, whole, scale, shape, _BLUR)
    usable = observe(covered.astype(np.float32), whole, whole, scale, shape, _BLUR).ravel() > 0.99
    table = coarse.reshape(len(coarse), -1).T
    subspace = Subspace.of(table, _INTENSITY, np.ones(len(coarse), bool))
    basis = np.concatenate([subspace.abundances(coarse), np.ones((1, *shape))]).reshape(_INTENSITY + 1, -1).T
    weights = np.linalg.lstsq(basis[usable], seen.ravel()[usable], rcond=None)[0]
    intensity = (basis @ weights).reshape(1, *shape).astype(np.float32)
    centred = table - table.mean(axis=0)
    along = intensity.ravel() - intensity.mean()
    gains = centred.T @ along / max(float(along @ along), 1e-12)
    detail = (pan - interpolate(intensity, scale)) * covered
    return fine + gains[:, None, None].astype(np.float32) * detail


def warped(photo: np.ndarray, place: Affine) -> np.ndarray:
    """``photo`` (3, H, W) at ``place`` of each of its pixels; zero where it has no data."""
    y, x = np.meshgrid(*(np.arange(side) + 0.5 for side in photo.shape[1:]), indexing="ij")
    x, y = place(x, y)
    taken = [map_coordinates(plane, [y - 0.5, x - 0.5], order=3, mode="nearest") for plane in photo]
    lit = map_coordinates((photo > 0).all(axis=0).astype(float), [y - 0.5, x - 0.5], order=1) > 0.99
    return np.stack(taken) * lit


def phase_correlation(image: np.ndarray, photo: np.ndarray) -> Affine:
    """Rotation and scale from log-polar spectra, then the shift, of planes (Reddy and Chatterji, 1996)."""
    best = (-np.inf, Affine.identity())
    middle = (image.shape[1] / 2, image.shape[0] / 2)
    angle, zoom = _turn(_polar(image), _polar(photo), image.shape)
    for degrees in (angle, angle + 180.0):
        turn = Affine.about(middle, degrees, zoom)
        straight = warped(photo[None], turn)[0]
        peak, shift = _shift(_tapered(image), _tapered(straight))
        place = turn.after(Affine(np.eye(2), np.array(shift)))
        best = max(best, (peak, place), key=lambda pair: pair[0])
    return best[1]


def _tapered(plane: np.ndarray) -> np.ndarray:
    """A plane without its mean, fading out at the edges."""
    windows = [np.hanning(side) for side in plane.shape]
    return (plane - plane.mean()) * windows[0][:, None] * windows[1][None, :]


def _polar(plane: np.ndarray) -> np.ndarray:
    """Logarithm of the spectrum's magnitude over angle and logarithm of the frequency."""
    spectrum = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(_tapered(plane)))))
    centre, reach = np.array(plane.shape) // 2, min(plane.shape) / 2
    angles = np.linspace(0.0, np.pi, _POLAR, endpoint=False)[:, None]
    radii = np.exp(np.linspace(np.log(2.0), np.log(reach), _POLAR))[None, :]
    places = [centre[0] + radii * np.sin(angles), centre[1] + radii * np.cos(angles)]
    return map_coordinates(spectrum, places, order=1)


def _turn(first: np.ndarray, second: np.ndarray, shape: tuple[int, ...]) -> tuple[float, float]:
    """Degrees and scale from one polar spectrum to the other."""
    _, (across, down) = _shift(first - first.mean(), second - second.mean())
    step = np.log(min(shape) / 4) / _POLAR
    return down * 180.0 / _POLAR, float(np.exp(-across * step))


def _shift(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Height of the peak of the phase correlation and the shift (x, y) from ``first`` to ``second``."""
    cross = np.conj(np.fft.fft2(first)) * np.fft.fft2(second)
    surface = np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-12)).real
    row, column = np.unravel_index(surface.argmax(), surface.shape)
    rows, columns = surface.shape
    signed = ((column + columns // 2) % columns - columns // 2, (row + rows // 2) % rows - rows // 2)
    return float(surface.max()), (float(signed[0]), float(signed[1]))


def matched_features(image: np.ndarray, photo: np.ndarray, scale: int, seed: int = 0) -> Affine:
    """Affine transform of corners matched by correlated patches, by RANSAC; identity where too few agree.

    Both planes (H, W) are brought to the image's resolution.
    """
    image, photo = (gaussian_filter(plane, _BLUR * scale) for plane in (image, photo))
    corners = [_corners(plane, scale) for plane in (image, photo)]
    patches = [_patches(plane, at, scale) for plane, at in zip((image, photo), corners)]
    likeness = np.abs(patches[0] @ patches[1].T)  # contrast may be inverted
    partner = likeness.argmax(axis=1)
    mutual = likeness.argmax(axis=0)[partner] == np.arange(len(partner))
    here, there = corners[0][mutual], corners[1][partner[mutual]]
    return _agreed(here, there, 1.0 * scale, np.random.default_rng(seed))


def _corners(plane: np.ndarray, scale: int) -> np.ndarray:
    """Places (x, y) of the strongest corners (Harris and Stephens, 1988)."""
    down, right = np.gradient(plane)
    a, b, c = (gaussian_filter(product, scale) for product in (right * right, down * down, right * down))
    strength = a * b - c * c - 0.05 * (a + b) ** 2
    strength[strength < maximum_filter(strength, 2 * scale + 1)] = -np.inf
    order = np.argsort(strength.ravel())[::-1][:_CORNERS]
    row, column = np.unravel_index(order[np.isfinite(strength.ravel()[order])], plane.shape)
    return np.column_stack([column, row]).astype(float)


def _patches(plane: np.ndarray, at: np.ndarray, scale: int) -> np.ndarray:
    """Normalised patches about corners, a row for each."""
    steps = scale * (np.arange(_PATCH) - _PATCH // 2)
    y = at[:, 1, None, None] + steps[None, :, None]
    x = at[:, 0, None, None] + steps[None, None, :]
    y, x = np.broadcast_arrays(y, x)
    values = map_coordinates(plane, [y, x], order=1, mode="nearest").reshape(len(at), -1)
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def _agreed(here: np.ndarray, there: np.ndarray, limit: float, rng: np.random.Generator) -> Affine:
    """The affine transform that most pairs of points agree on (Fischler and Bolles, 1981)."""
    if len(here) < 4:
        return Affine.identity()
    basis, best = np.column_stack([here, np.ones(len(here))]), np.zeros(len(here), bool)
    for _ in range(_TRIALS):
        chosen = rng.choice(len(here), 3, replace=False)
        solution = np.linalg.lstsq(basis[chosen], there[chosen], rcond=None)[0]
        if np.abs(solution[:2].T - np.eye(2)).max() > 0.4:
            continue
        close = np.hypot(*(basis @ solution - there).T) < limit
        best = max(best, close, key=np.count_nonzero)
    if best.sum() < 4:
        return Affine.identity()
    solution = np.linalg.lstsq(basis[best], there[best], rcond=None)[0]
    return Affine(solution[:2].T, solution[2])
