"""What a network must beat: interpolation, regressions and sharpening, and what no linear map can beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from hyperlift.core.spectral import sensor

from ..data.scenes import SceneMaker
from ..regression import Regression, fit_ridge, pixel_table
from .scores import HeldOutScene, Lift

SENSOR = sensor("sentinel2a")
_RIDGE_SEED, _NEIGHBOUR_SEED = 1, 4
# From what is known of a scene, its estimate (tiles, C, H, W); only the oracle looks at the truth.
Method = Callable[[HeldOutScene], np.ndarray]


def by_tile(lift: Lift) -> Method:
    """A method that lifts each tile by itself."""
    return lambda scene: np.stack([lift(msi) for msi in scene.msi])


def sharpened(lift: Lift) -> Method:
    """Sharpen the coarse bands over the whole scene, then lift each tile (see :func:`sharpen`)."""
    return lambda scene: np.stack([lift(msi) for msi in sharpen(scene.msi)])


def spline(wavelength_nm: np.ndarray) -> Lift:
    """Natural cubic spline over the centres of the bands, constant beyond the first and the last."""
    centre = SENSOR.centre_nm
    curves = CubicSpline(centre, np.eye(len(centre)), bc_type="natural")
    return Regression(curves(wavelength_nm.clip(centre[0], centre[-1])), np.zeros(len(wavelength_nm))).predict


def drawn_pixels(maker: SceneMaker, seed: int, batches: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pixel tables ``(n, c)`` and ``(n, C)`` of what a maker draws."""
    for number in range(batches):
        batch = maker.batch(np.random.default_rng([seed, number]))
        yield pixel_table(batch.msi).numpy(), pixel_table(batch.hsi).numpy()


def ridge(maker: SceneMaker, batches: int) -> Lift:
    """Ridge regression on what a maker draws."""
    return fit_ridge(drawn_pixels(maker, _RIDGE_SEED, batches)).predict


class NearestNeighbours:
    """Mean of the spectra whose bands are nearest to a pixel's, weighted by the inverse distance.

    Args:
        maker: what it draws is chosen among.
        batches: drawn.
        neighbours: how many spectra to average.
    """

    def __init__(self, maker: SceneMaker, batches: int, neighbours: int = 16) -> None:
        bands, spectra = zip(*drawn_pixels(maker, _NEIGHBOUR_SEED, batches))
        self.neighbours = neighbours
        self._tree = cKDTree(np.concatenate(bands))
        self._spectra = np.concatenate(spectra)

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Channels ``(C, H, W)`` of an image ``(c, H, W)``."""
        pixels = image.reshape(len(image), -1).T
        distance, place = self._tree.query(pixels, k=list(range(1, self.neighbours + 1)), workers=-1)
        weight = 1.0 / (distance + 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        estimate = np.einsum("nk,nkc->cn", weight, self._spectra[place])
        return estimate.reshape(-1, *image.shape[1:])


def scene_oracle(scene: HeldOutScene) -> np.ndarray:
    """The best linear map from a pixel's bands to its channels in this very scene: none can do better."""
    tables = (cube.swapaxes(0, 1)[:, scene.present].T for cube in (scene.msi, scene.hsi))
    return by_tile(fit_ridge([tuple(tables)], penalty=1e-9).predict)(scene)


def sharpen(msi: np.ndarray) -> np.ndarray:
    """Bands of 20 and 60 m on the 10 m grid, by regression on the bands of 10 m.

    Each coarse band is regressed on the means of the fine bands over its own pixels, in all tiles together;
    the regression is applied to the fine bands, and what it leaves over in the coarse pixels is added,
    interpolated bilinearly between their centres.

    Args:
        msi: ``(tiles, c, H, W)``, coarse pixels replicated, the first of them whole at the upper left.
    """
    factors = np.round(SENSOR.footprint_m / SENSOR.footprint_m.min()).astype(int)
    fine = msi[:, factors == 1]
    result = msi.copy()
    for factor in np.unique(factors[factors > 1]):
        coarse = factors == factor
        below = [_block_means(side, factor) for side in msi.shape[2:]]
        back = [_interpolation(side, factor) for side in msi.shape[2:]]
        inputs, outputs = (_both_ways(below, image) for image in (fine, msi[:, coarse]))
        pairs = [image.swapaxes(0, 1).reshape(image.shape[1], -1).T for image in (inputs, outputs)]
        fit = fit_ridge([tuple(pairs)])
        left = outputs - np.stack([fit.predict(tile) for tile in inputs])
        result[:, coarse] = np.stack([fit.predict(tile) for tile in fine]) + _both_ways(back, left)
    return result


def _both_ways(matrices: list[np.ndarray], image: np.ndarray) -> np.ndarray:
    """Apply one matrix down the rows and one along the columns of ``image`` (..., H, W)."""
    return matrices[0] @ image @ matrices[1].T


def _block_means(side: int, factor: int) -> np.ndarray:
    """Matrix ``(blocks, side)`` that averages runs of ``factor`` pixels; the last may be shorter."""
    member = np.arange(-(-side // factor))[:, None] == np.arange(side) // factor
    return (member / member.sum(axis=1, keepdims=True)).astype(np.float32)


def _interpolation(side: int, factor: int) -> np.ndarray:
    """Matrix ``(side, blocks)``: linear between the centres of the blocks, constant beyond them."""
    means = _block_means(side, factor)
    pixels = np.arange(side)
    return np.array([np.interp(pixels, means @ pixels, unit) for unit in np.eye(len(means))], np.float32).T
