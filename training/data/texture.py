"""Real spatial texture: Sentinel-2 images explained as mixtures of real spectra.

The hyperspectral image of a real scene is not known, but a mixture of real spectra with nearly the same bands
is: put in its place, it gives hyperspectral scenes with the structure of real land, from which exact pairs
follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from hyperlift.core.spectral import grid, sensor

from .sensing import Observer
from .spectra import WORKING_GRID, Collection

_ALL = tuple(sensor("sentinel2a").band_names)
_FINE = sensor("sentinel2a").footprint_m == sensor("sentinel2a").footprint_m.min()
# B1 and B9 are left out: many products lack them, and in top-of-atmosphere images the air dominates them.
_TEN = tuple(name for name in _ALL if name not in ("B1", "B9"))


@dataclass(frozen=True)
class Look:
    """How an image is stored.

    Attributes:
        top_of_atmosphere: whether the air is still in it.
        repeats: pixels along each side that share the values of the bands of 20 m. Averaged, they leave land
            that these bands resolve.
        coarsest_resolved: whether the bands of 60 m resolve it too.
    """

    top_of_atmosphere: bool
    repeats: int
    coarsest_resolved: bool = False


# Sentinel-2 images; those that the evaluation reports on are not among them.
TEXTURES = {
    "S2A_L1C_20150726_T31TDH_12band_10m_TOA.tif": Look(top_of_atmosphere=True, repeats=2),
    "S2A_MSIL1C_20170527_T33UUB_12band_10m_TOA.tif": Look(top_of_atmosphere=True, repeats=2),
    "S2B_MSIL1C_20171022_T49JGM_12band_10m_TOA.tif": Look(top_of_atmosphere=True, repeats=2),
    "S2A_L1C_20180629_T56JMM_N0206_12band_250m_TOA.tif": Look(True, repeats=2, coarsest_resolved=True),
    "S2_L1C_20170729_T19UDP_12band_160m_TOA.tif": Look(True, repeats=1, coarsest_resolved=True),
    "S2_SREF_20160720_T37MEM_10band_20m.tif": Look(top_of_atmosphere=False, repeats=1),
    "S2_SREF_20180804_T37MEM_10band_20m.tif": Look(top_of_atmosphere=False, repeats=1),
    "S2_SREF_20210527_Aberystwyth_10band_10m.tif": Look(top_of_atmosphere=False, repeats=2),
}
_SCALE = np.float32(1e-4)
_LARGEST_SIDE = 180
_ATOMS = 6  # spectra that make up a pixel
_DICTIONARY = 6000  # spectra to choose from
_SWEEPS = 40


@dataclass(frozen=True, eq=False)
class Texture:
    """An image as mixtures.

    Attributes:
        shape: rows and columns.
        spectra: ``(n, 224)`` on the working grid.
        measured: ``(n, 224)``, 1 where the instruments of the spectra measured.
        atoms: ``(H, W, k)`` rows of ``spectra``.
        shares: ``(H, W, k)``, not negative.
    """

    shape: tuple[int, int]
    spectra: np.ndarray
    measured: np.ndarray
    atoms: np.ndarray
    shares: np.ndarray

    def crop(self, row: int, column: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A square piece ``(224, side, side)`` and the channels that were measured in nearly all of it."""
        window = np.s_[row : row + side, column : column + side]
        atoms, shares = self.atoms[window].ravel(), self.shares[window].ravel()
        pixels = np.arange(0, len(atoms) + 1, self.atoms.shape[-1])
        mixing = csr_matrix((shares, atoms, pixels), shape=(side * side, len(self.spectra)))
        total = np.bincount(atoms, shares, minlength=len(self.spectra)).astype(np.float32)
        scene = (mixing @ self.spectra).T.reshape(-1, side, side)
        return scene, total @ self.measured >= 0.98 * total.sum()


def read_image(path: Path, look: Look) -> np.ndarray:
    """Reflectance ``(12, H, W)`` of an image of twelve or ten bands, at a resolution that its bands have.

    NaN in bands that it lacks or does not resolve, and in pixels without data. Top-of-atmosphere images lose
    the darkest value of each band, which is roughly what the air adds.
    """
    with rasterio.open(path) as raster:
        stored = raster.read().astype(np.float32) * _SCALE
    stored[:, (stored <= 0).all(axis=0)] = np.nan
    size = look.repeats
    height, width = (extent // size for extent in stored.shape[1:])
    whole = stored[:, : height * size, : width * size]
    names = _ALL if len(stored) == len(_ALL) else _TEN
    pixels = np.full((len(_ALL), height, width), np.nan, np.float32)
    for band, values in zip(names, whole.reshape(-1, height, size, width, size).mean(axis=(2, 4))):
        if band in _TEN or look.coarsest_resolved:
            pixels[_ALL.index(band)] = values
    if look.top_of_atmosphere:
        known = np.isfinite(pixels).any(axis=(1, 2))
        darkest = np.nanpercentile(pixels[known], 0.2, axis=(1, 2))[:, None, None]
        pixels[known] -= 0.9 * darkest.astype(np.float32)
    return np.clip(pixels, 1e-4, None)


def read_images(folder: Path) -> list[np.ndarray]:
    """Those of :data:`TEXTURES` that are in ``folder``, see :func:`read_image`."""
    return [read_image(folder / file, look) for file, look in TEXTURES.items() if (folder / file).is_file()]


def read_fine_images(folder: Path) -> list[np.ndarray]:
    """Bands of 10 m of the images whose bands of 20 m are repeated, at full resolution; NaN in the others."""
    images = []
    for file, look in TEXTURES.items():
        if look.repeats > 1 and (folder / file).is_file():
            image = read_image(folder / file, replace(look, repeats=1))
            image[~_FINE] = np.nan
            images.append(image)
    return images


def read_texture(path: Path, look: Look) -> np.ndarray:
    """Reflectance ``(10, H, W)`` of the middle of an image, without B1 and B9."""
    pixels = read_image(path, look)[[_ALL.index(name) for name in _TEN]]
    top, left = (max((extent - _LARGEST_SIDE) // 2, 0) for extent in pixels.shape[1:])
    return np.nan_to_num(pixels[:, top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE], nan=1e-4)


def _shares(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Non-negative least squares by coordinate descent: ``gram`` (n, k, k), ``target`` (n, k) -> (n, k)."""
    shares = np.zeros_like(target)
    for _ in range(_SWEEPS):
        for one in range(target.shape[1]):
            slope = target[:, one] - np.einsum("nk,nk->n", gram[:, one], shares)
            shares[:, one] = np.maximum(shares[:, one] + slope / gram[:, one, one], 0.0)
    return shares


def explain(image: np.ndarray, collections: list[Collection], rng: np.random.Generator) -> Texture:
    """Explain every pixel of ``image`` (10, H, W) by the spectra whose bands are nearest in angle.

    The dictionary takes the same number of spectra from each of ``collections``.
    """
    each = _DICTIONARY // len(collections)
    rows = [rng.choice(len(one.spectra), min(each, len(one.spectra)), replace=False) for one in collections]
    spectra = np.concatenate([one.spectra[chosen] for one, chosen in zip(collections, rows)])
    measured = np.repeat([one.measured for one in collections], [len(chosen) for chosen in rows], axis=0)
    seen = spectra @ Observer(sensor("sentinel2a"), grid(WORKING_GRID)).matrix.T
    seen = seen[:, [_ALL.index(band) for band in _TEN]]
    bright = np.linalg.norm(seen, axis=1) > 0.02
    spectra, measured, seen = spectra[bright], measured[bright], seen[bright]
    pixels = image.reshape(len(image), -1).T
    directions = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    _, atoms = cKDTree(directions).query(
        pixels / np.linalg.norm(pixels, axis=1, keepdims=True), _ATOMS, workers=-1
    )
    near = seen[atoms]
    gram = np.einsum("nkb,nlb->nkl", near, near)
    # The ridge spreads the shares over the neighbours instead of cancelling them against each other.
    gram += 1e-3 * np.einsum("nkk->n", gram)[:, None, None] / _ATOMS * np.eye(_ATOMS, dtype=np.float32)
    shares = _shares(gram, np.einsum("nkb,nb->nk", near, pixels))
    shape = image.shape[1:]
    atoms, shares = (table.reshape(*shape, -1) for table in (atoms, shares.astype(np.float32)))
    return Texture(shape, spectra, measured.astype(np.float32), atoms, shares)


def explain_textures(
    folder: Path, collections: list[Collection], variants: int = 4, seed: int = 0
) -> list[Texture]:
    """Images of :data:`TEXTURES` in ``folder``, each explained by ``variants`` halves of the collections."""
    textures = []
    for number, (file, look) in enumerate(TEXTURES.items()):
        path = folder / file
        if not path.is_file():
            continue
        image = read_texture(path, look)
        for variant in range(variants):
            rng = np.random.default_rng([number, variant, seed])
            count = -(-len(collections) // 2)
            half = [collections[index] for index in rng.choice(len(collections), count, replace=False)]
            textures.append(explain(image, half, rng))
    return textures
