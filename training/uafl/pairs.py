"""Training pairs: a coarse image and a photograph that does not quite line up with it, and the fine truth.

A scene (:mod:`..data.scenes`) is seen by a spectrometer with some of the bands through a wide point spread,
and by a camera from elsewhere: turned, scaled and resampled, with its own tone and light, moved by relief and
by what a registration leaves, with parts hidden.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from hyperlift.core.fusion.injection import photo_detail
from hyperlift.core.fusion.resampling import observe, upsample
from hyperlift.core.fusion.subspace import Subspace
from hyperlift.core.raster.blocks import Window
from hyperlift.core.registration import Affine, Relation, Views, relation
from hyperlift.core.registration.views import toned
from hyperlift.core.spectral import grid

from ..data.patterns import smooth_field
from ..data.scenes import SceneMaker
from ..data.spectra import WORKING_GRID

_WAVELENGTH = grid(WORKING_GRID).wavelength_nm
_COLOURS = ((610.0, 40.0), (545.0, 40.0), (465.0, 35.0))  # centre and deviation in nm


@dataclass(frozen=True)
class PairConfig:
    """Make-up of the pairs.

    Attributes:
        abundances: maps ``K``.
        scales: from which each pair draws one.
        side: of a pair in fine pixels, a multiple of 32.
        margin: fine pixels around it that the coarse image and the photograph have as well.
        degrees: largest rotation of the camera.
        zoom: largest logarithm of its scale, either way.
        closer: largest logarithm of a further magnification, which half of the pairs have.
        shift: largest displacement of the camera in fine pixels along each axis.
        residual: deviation of the shift, in coarse pixels, that registration leaves.
        flow: largest smooth local displacement in fine pixels.
        parallax: largest displacement by relief in fine pixels.
        hidden_share: share of the pairs with something else in a part of the photograph.
        unrelated_share: share of the pairs with a photograph of another place.
    """

    abundances: int = 3
    scales: tuple[int, ...] = (4, 4, 8, 16)
    side: int = 64
    margin: int = 16
    degrees: float = 10.0
    zoom: float = 0.1
    closer: float = 0.5
    shift: float = 4.0
    residual: float = 0.06
    flow: float = 1.5
    parallax: float = 2.0
    hidden_share: float = 0.3
    unrelated_share: float = 0.04


@dataclass(frozen=True, eq=False)
class Pair:
    """What the network sees, ``abundances`` and ``reference`` (K, H, W), and the ``truth`` likewise."""

    abundances: np.ndarray
    reference: np.ndarray
    truth: np.ndarray


class PairMaker:
    """Draws pairs of scenes of a maker."""

    def __init__(self, scenes: SceneMaker, config: PairConfig) -> None:
        self.scenes, self.config = scenes, config

    def pair(self, rng: np.random.Generator) -> Pair:
        """A random pair."""
        config = self.config
        scale = int(rng.choice(config.scales))
        side = config.side + 2 * config.margin
        scene, measured = self.scenes.scene(rng, side)
        photo = camera(rng, scene)
        if rng.random() < config.unrelated_share:
            photo = camera(rng, self.scenes.scene(rng, side)[0])
        elif rng.random() < config.hidden_share:
            photo = hide(rng, photo)
        seen = self._moved(rng, photo, scale)
        image = scene[_bands(rng, measured)]
        return make_pair(rng, image, seen, scale, config)

    def _moved(self, rng: np.random.Generator, photo: np.ndarray, scale: int) -> np.ndarray:
        """The photograph (3, H, W) as the registered camera has it: resampled twice, displaced."""
        config, side = self.config, photo.shape[-1]
        degrees = rng.uniform(-config.degrees, config.degrees)
        zoom = rng.uniform(-config.zoom, config.zoom) + rng.uniform(0.0, config.closer) * rng.integers(2)
        offset = tuple(rng.uniform(-config.shift, config.shift, 2))
        place = Affine.about((side / 2, side / 2), degrees, np.exp(zoom), offset)
        y, x = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5, indexing="ij")
        shift = scale * config.residual * rng.normal(size=2)
        flow = rng.uniform(0.0, config.flow) * np.stack([_bounded(rng, side, side / 4) for _ in range(2)])
        relief = np.maximum(_bounded(rng, side, side / 16), 0.0) * rng.uniform(0.0, config.parallax)
        angle = rng.uniform(0.0, 2.0 * np.pi)
        flow += np.stack([np.cos(angle), np.sin(angle)])[:, None, None] * relief + shift[:, None, None]
        order = int(rng.choice([1, 3]))
        taken = sampled(photo, *place.inverse()(x, y), order)
        return sampled(taken, *place(x + flow[0], y + flow[1]), 3)


def make_pair(
    rng: np.random.Generator, image: np.ndarray, photo: np.ndarray, scale: int, config: PairConfig
) -> Pair:
    """The pair of a fine image (B, H, W) and a photograph (3, H, W) laid on its pixels."""
    cells = image.shape[-1] // scale
    side = cells * scale
    image, photo = image[:, :side, :side], photo[:, :side, :side]
    whole, blur = Window(0, 0, cells, cells), rng.uniform(0.28, 0.55)
    coarse = observe(image, whole, whole, scale, (cells, cells), blur)
    coarse *= 1.0 + rng.uniform(0.0, 0.01) * rng.normal(size=coarse.shape).astype(np.float32)
    subspace = Subspace.of(coarse.reshape(len(coarse), -1).T, config.abundances, np.ones(len(coarse), bool))
    abundances, valid = subspace.abundances(coarse), np.ones((cells, cells), bool)
    found = related(abundances, photo, scale, blur)
    covered = np.ones((side, side), bool)
    detail = photo_detail(
        abundances, valid, toned(photo, found.tone), covered, whole, whole, scale, (cells, cells), blur, found
    ).pixels
    fine = upsample(abundances, whole, whole, scale, (cells, cells))
    start = (side - config.side) // 2
    inner = np.s_[:, start : start + config.side, start : start + config.side]
    truth = subspace.abundances(image)
    return Pair(fine[inner], (fine + detail)[inner], truth[inner])


def related(abundances: np.ndarray, photo: np.ndarray, scale: int, blur: float) -> Relation:
    """How abundances (K, h, w) and a photograph on the fine pixels are related."""
    valid = np.ones(abundances.shape[1:], bool)
    views = Views(abundances, valid, photo, np.ones(photo.shape[1:], bool), scale, 0)
    return relation(views, Affine.identity(), blur, len(abundances))


def sampled(image: np.ndarray, x: np.ndarray, y: np.ndarray, order: int) -> np.ndarray:
    """Values of ``image`` (c, H, W) at places from its corner, by splines of an order; edges are mirrored."""
    places = [y - 0.5, x - 0.5]
    planes = [map_coordinates(plane, places, order=order, mode="mirror") for plane in image]
    return np.stack(planes).astype(np.float32)


def camera(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """A photograph ``(3, H, W)`` of a scene (224, H, W): colours, tone, uneven light and noise of its own."""
    bands = []
    for centre, width in _COLOURS:
        centre, width = centre + rng.normal(0.0, 10.0), width * rng.uniform(0.6, 1.6)
        response = np.exp(-0.5 * ((_WAVELENGTH - centre) / width) ** 2)
        bands.append(np.tensordot(response / response.sum(), scene, axes=1))
    photo = np.stack(bands)
    photo = np.clip(photo / np.percentile(photo, 99.5, axis=(1, 2), keepdims=True), 0.0, 1.0)
    photo = photo ** np.exp(rng.uniform(-0.6, 0.6))
    photo *= np.exp(rng.uniform(0.0, 0.15) * smooth_field(rng, photo.shape[-1], photo.shape[-1] / 2))
    photo += rng.uniform(0.0, 0.02) * rng.normal(size=photo.shape)
    if rng.random() < 0.5:
        photo = np.round(255.0 * photo) / 255.0
    return np.clip(photo, 0.0, 1.2).astype(np.float32)


def hide(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """The photograph with other parts of it in the place of some."""
    side = photo.shape[-1]
    size = int(rng.integers(side // 8, side // 3))
    row, column, other_row, other_column = rng.integers(0, side - size, 4)
    changed = photo.copy()
    changed[:, row : row + size, column : column + size] = photo[
        :, other_row : other_row + size, other_column : other_column + size
    ]
    return changed


def _bounded(rng: np.random.Generator, side: int, length: float) -> np.ndarray:
    """A smooth field of values from -1 to 1."""
    field = gaussian_filter(rng.normal(size=(side, side)), length, mode="wrap")
    return field / max(float(np.abs(field).max()), 1e-9)


def _bands(rng: np.random.Generator, measured: np.ndarray) -> np.ndarray:
    """Channels of one spectrometer or another."""
    kind = rng.integers(4)
    chosen = measured.copy()
    if kind == 1:
        chosen &= _WAVELENGTH < 1000.0
    elif kind == 2:
        chosen &= _WAVELENGTH < 710.0
    elif kind == 3:
        chosen &= rng.random(len(chosen)) < 0.3
    return np.flatnonzero(chosen) if chosen.sum() >= 12 else np.flatnonzero(measured)
