"""The ground of the sample scene: fields, a river with a lake, forest, a village and its roads.

Everything is painted layer over layer on a canvas much finer than the sensor's pixels. Lengths are in
metres; ``place`` gives positions as fractions of the scene's side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Map = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CELL_M = 2.5
_SUN_AZIMUTH_DEG, _SUN_ZENITH_DEG = 150.0, 38.0
_SKYLIGHT = 0.22  # share of the light that reaches shaded ground

# Sparse and dense state of each crop, and how often it is sown.
_CROPS = (
    ("thin wheat", "wheat", 0.24),
    ("young maize", "maize", 0.14),
    ("late cereal", "ripe cereal", 0.15),
    ("mown meadow", "meadow", 0.15),
    ("young beet", "beet", 0.09),
    ("stubble", "loam", 0.07),
    ("loam", "wet loam", 0.12),
    ("chalky soil", "wet chalky soil", 0.07),
)


def _soft(distance: Map, limit: float | Map, softness: float = 1.5) -> Map:
    """Cover that falls from 1 to 0 where ``distance`` passes ``limit``, over ``softness`` metres."""
    return np.clip(0.5 + (limit - distance) / softness, 0.0, 1.0).astype(np.float32)


class Land:
    """Ground of ``extent`` metres along each side.

    Attributes:
        reflectance: ``(bands, cells, cells)``.
        height: of trees and houses above the ground, in metres, ``(cells, cells)``.
    """

    def __init__(self, extent: float, spectra: Mapping[str, Map], seed: int) -> None:
        self.extent = extent
        self.spectra = spectra
        self.rng = np.random.default_rng(seed)
        cells = round(extent / CELL_M)
        self.y, self.x = (np.mgrid[0:cells, 0:cells].astype(np.float32) + 0.5) * CELL_M
        bands = len(next(iter(spectra.values())))
        self.reflectance = np.zeros((bands, cells, cells), np.float32)
        self.height = np.zeros((cells, cells), np.float32)

    def noise(self, length: float) -> Map:
        """Smooth noise of unit variance whose features are ``length`` metres wide."""
        white = self.rng.standard_normal(self.height.shape).astype(np.float32)
        smooth = ndimage.gaussian_filter(white, length / CELL_M / 2.0, mode="wrap")
        return (smooth - smooth.mean()) / smooth.std()

    def place(self, fraction: float) -> float:
        """Position in metres of a fraction of the side."""
        return fraction * self.extent

    def distance_to_path(self, path: npt.NDArray[np.float64]) -> Map:
        """Distance in metres of every cell to a path of ``(x, y)`` points, shape ``(points, 2)``."""
        steps = np.arange(len(path))
        fine = np.linspace(0, len(path) - 1, 20 * int(self.extent / CELL_M))
        column, row = (np.interp(fine, steps, path[:, axis]) / CELL_M for axis in (0, 1))
        inside = (column >= 0) & (column < len(self.x)) & (row >= 0) & (row < len(self.x))
        off = np.ones(self.height.shape, bool)
        off[row[inside].astype(int), column[inside].astype(int)] = False
        return (ndimage.distance_transform_edt(off) * CELL_M).astype(np.float32)

    def paint(self, cover: Map, spectrum: Map, height: float | Map = 0.0) -> None:
        """Lay ``spectrum`` (bands,) or (bands, cells, cells) over the ground where ``cover`` (0..1) is."""
        layer = spectrum[:, None, None] if spectrum.ndim == 1 else spectrum
        self.reflectance += cover * (layer - self.reflectance)
        self.height += (cover > 0.5) * (height - self.height)

    def mixed(self, low: str, high: str, share: Map) -> Map:
        """Linear mixture of two surfaces, ``share`` of the second, shape (bands, cells, cells)."""
        first, second = self.spectra[low][:, None, None], self.spectra[high][:, None, None]
        return first + np.clip(share, 0.0, 1.0) * (second - first)

    def illuminate(self, terrain: Map) -> None:
        """Darken slopes that face away from the sun and ground in the shadow of trees and houses."""
        azimuth, zenith = np.deg2rad(_SUN_AZIMUTH_DEG), np.deg2rad(_SUN_ZENITH_DEG)
        towards = np.array([-np.cos(azimuth), np.sin(azimuth)])  # rows, columns
        slope = np.gradient(terrain, CELL_M)
        facing = -(slope[0] * towards[0] + slope[1] * towards[1])
        light = np.clip(1.0 + np.tan(zenith) * facing, 0.6, 1.4)
        shaded = np.zeros(self.height.shape, np.float32)
        for step in range(1, 9):
            caster = ndimage.shift(self.height, -towards * step, order=1, mode="nearest")
            over = caster - step * CELL_M / np.tan(zenith) - self.height
            shaded = np.maximum(shaded, np.clip(over / 3.0, 0.0, 1.0))
        self.reflectance *= (light * (1.0 - (1.0 - _SKYLIGHT) * shaded)).astype(np.float32)


def _split(
    u: Map, v: Map, members: npt.NDArray[np.intp], area: float, rng: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.intp], Map]]:
    """Cut cells into fields along ``u`` and ``v``; yields a field's cells and its axis across the rows."""
    spans = [float(np.ptp(axis[members])) for axis in (u, v)]
    along, across = (u, v) if spans[0] > spans[1] else (v, u)
    if len(members) * CELL_M**2 < area * rng.uniform(0.6, 2.0):
        yield members, across
        return
    position = along[members]
    cut = position.min() + np.ptp(position) * rng.uniform(0.36, 0.64)
    for side in (members[position < cut], members[position >= cut]):
        if len(side):
            yield from _split(u, v, side, area, rng)


def _fields(land: Land) -> Iterator[tuple[npt.NDArray[np.intp], Map]]:
    """Fields of several districts, each with its own direction and size of parcels."""
    rng, warp = land.rng, (land.noise(260) * 14, land.noise(260) * 14)
    x, y = (land.x + warp[0]).ravel(), (land.y + warp[1]).ravel()
    seeds = rng.uniform(0, land.extent, (max(3, round((land.extent / 800) ** 2)), 2))
    district = np.argmin([(x - a) ** 2 + (y - b) ** 2 for a, b in seeds], axis=0)
    for number in range(len(seeds)):
        angle, area = rng.uniform(0, np.pi), rng.uniform(1.2e4, 4.5e4)
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        yield from _split(u, v, np.flatnonzero(district == number), area, rng)


def paint_fields(land: Land) -> None:
    """A patchwork of fields with rows and variation within, grass margins and some hedges between."""
    rng, shape = land.rng, land.height.shape
    low, high = (np.array([land.spectra[crop[side]] for crop in _CROPS]) for side in (0, 1))
    crop, label = np.zeros(shape, int), np.zeros(shape, int)
    brightness = np.ones(shape, np.float32)
    vigour = 0.16 * land.noise(130) + 0.10 * land.noise(35) + 0.07 * land.noise(8)
    frequency = np.array([share for _, _, share in _CROPS])
    for number, (members, across) in enumerate(_fields(land)):
        label.flat[members] = number
        crop.flat[members] = rng.choice(len(_CROPS), p=frequency / frequency.sum())
        rows = np.cos(2 * np.pi * across[members] / rng.uniform(24, 42) + rng.uniform(0, 6))
        brightness.flat[members] = rng.normal(1.0, 0.07)
        vigour.flat[members] += rng.uniform(0.25, 0.85) + rng.uniform(0.03, 0.13) * rows
    share = np.clip(vigour, 0.0, 1.0)
    for band, layer in enumerate(land.reflectance):
        layer[...] = brightness * (low[crop, band] + share * (high[crop, band] - low[crop, band]))
    edge = ndimage.morphological_gradient(label, size=3) > 0
    distance = (ndimage.distance_transform_edt(~edge) * CELL_M).astype(np.float32)
    land.paint(0.8 * _soft(distance, 2.0), land.mixed("mown meadow", "meadow", 0.5 + 0.3 * land.noise(40)))
    hedge = _soft(distance, 3.0 + 1.5 * land.noise(12)) * (land.noise(300) > 1.0)
    land.paint(hedge, land.spectra["young broadleaf"], 4.0)


def paint_forest(land: Land, where: Mask) -> None:
    """Broadleaved and coniferous stands with crowns of light and shade."""
    crowns = land.noise(7)
    conifers = land.noise(170) + 0.4 * land.noise(40) > 0.35
    broadleaf = land.mixed("broadleaf", "young broadleaf", 0.5 + 0.5 * land.noise(60))
    height = np.clip(16.0 + 3.5 * crowns, 6.0, 24.0)
    land.paint(
        (where & ~conifers).astype(np.float32), broadleaf * np.clip(0.78 + 0.11 * crowns, 0.4, 1.2), height
    )
    conifer = land.spectra["conifer"][:, None, None] * np.clip(0.95 + 0.2 * crowns, 0.5, 1.4)
    land.paint((where & conifers).astype(np.float32), conifer, height)
    clearing = where & (land.noise(70) > 2.0)
    land.paint(clearing.astype(np.float32), land.mixed("mown meadow", "meadow", 0.5 + 0.4 * crowns), 0.5)


def river_path(land: Land) -> npt.NDArray[np.float64]:
    """A meandering course from the west to the east edge, ``(points, 2)`` in metres."""
    t = np.linspace(-0.1, 1.1, 400)
    phase = land.rng.uniform(0, 2 * np.pi, 3)
    swing = 0.055 * np.sin(2 * np.pi * 2.3 * t + phase[0]) + 0.022 * np.sin(2 * np.pi * 5.1 * t + phase[1])
    x = land.place(1) * (t + 0.018 * np.sin(2 * np.pi * 4.6 * t + phase[0] + 1.2))
    return np.stack([x, land.place(1) * (0.70 - 0.16 * t + swing)], axis=1)


def paint_water(land: Land, distance: Map) -> None:
    """The river (its course at ``distance``) with riverside trees and sand, and a lake with a reed belt."""
    meadow = land.mixed("mown meadow", "meadow", 0.7 + 0.25 * land.noise(40))
    land.paint(_soft(distance, 55 + 18 * land.noise(120), 6.0), meadow)
    trees = (distance < 34 + 10 * land.noise(60)) & (land.noise(28) > 0.1)
    land.paint(trees.astype(np.float32), land.spectra["young broadleaf"], 11.0 + 2.0 * land.noise(7))
    width = 15.0 + 3.0 * land.noise(200)
    bar = (distance < width + 11) & (land.noise(45) > 1.0)
    land.paint(bar.astype(np.float32), land.mixed("gravel", "sand", 0.3 + 0.3 * land.noise(30)))
    river = land.mixed("turbid water", "clear water", 0.3 + 0.12 * land.noise(80))
    land.paint(_soft(distance, width), river)

    centre_x, centre_y, radius = land.place(0.24), land.place(0.24), land.place(0.085)
    across, down = (land.x - centre_x) * 0.72, (land.y - centre_y) * 1.15 + (land.x - centre_x) * 0.35
    depth = radius - np.hypot(across, down) + land.place(0.020) * land.noise(0.085 * land.extent)
    land.paint(_soft(-depth, 26 + 9 * land.noise(60), 4.0), meadow)
    reed = (depth > -16) & (land.noise(60) > 0.2)
    land.paint(reed.astype(np.float32), land.spectra["reed"], 1.5)
    land.paint(_soft(-depth, 0.0), land.mixed("turbid water", "clear water", 0.2 + depth / 90.0))


def _houses(land: Land, u: Map, v: Map, density: Map) -> Iterator[tuple[Mask, str]]:
    """Houses, one in a plot of 24 x 30 m at most, and the surface of their roofs."""
    plots = int(land.extent / 24) + 2
    roofs = np.array(["roof tile", "roof tile", "roof tile", "slate", "concrete"])
    column, row = (np.floor(axis / side).astype(int) % plots for axis, side in ((u, 24.0), (v, 30.0)))
    chance, kind = land.rng.uniform(0, 1, (plots, plots)), land.rng.integers(0, len(roofs), (plots, plots))
    length, width = land.rng.uniform(5, 8.5, (plots, plots)), land.rng.uniform(4, 6, (plots, plots))
    built = (np.abs(u % 24 - 12) < width[column, row]) & (np.abs(v % 30 - 17) < length[column, row])
    built &= chance[column, row] < density
    for number, name in enumerate(roofs):
        yield built & (kind[column, row] == number), str(name)


def paint_village(land: Land, roads: Map) -> None:
    """Gardens, lanes, houses of several roofs and a farm estate with large halls, beside the ``roads``."""
    x, y, angle = land.x - land.place(0.60), land.y - land.place(0.37), 0.42
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    reach = np.hypot(u / 1.5, v) / land.place(0.105) + 0.22 * land.noise(0.06 * land.extent)
    density = np.clip(1.25 - reach, 0.0, 0.8)
    inside = reach < 1.15
    garden = land.mixed("mown meadow", "meadow", 0.5 + 0.5 * land.noise(12))
    land.paint(0.9 * inside, garden)
    trees = inside & (land.noise(9) > 1.0)
    land.paint(trees.astype(np.float32), land.spectra["broadleaf"], 8.0)
    lane = np.minimum(np.abs(u % 144 - 72), np.abs(v % 60))
    land.paint(_soft(lane, 3.0) * (reach < 1.1), land.spectra["asphalt"])
    for roof, name in _houses(land, u, v, density * (roads > 12)):
        land.paint(roof.astype(np.float32), land.spectra[name], 7.0)

    estate = (np.abs(u - land.place(0.205)) < 95) & (np.abs(v - 20) < 75)
    land.paint(estate.astype(np.float32), land.mixed("asphalt", "gravel", 0.45 + 0.3 * land.noise(30)))
    halls = estate & (np.abs((u - land.place(0.205)) % 64 - 32) < 23) & (np.abs(v % 50 - 25) < 15)
    material = np.where((u - land.place(0.205)) % 128 < 64, 1.0, 0.0) * np.ones_like(u)
    land.paint(halls.astype(np.float32), land.mixed("concrete", "metal roof", material), 9.0)


def road_paths(land: Land) -> list[npt.NDArray[np.float64]]:
    """Two roads that cross in the village, each ``(points, 2)`` in metres."""
    t = np.linspace(-0.05, 1.05, 200)
    west_east = np.stack([t, 0.47 - 0.17 * t + 0.03 * np.sin(5 * t + 0.6)], axis=1)
    north_south = np.stack([0.60 + 0.05 * np.sin(4 * t - 1.5), t], axis=1)
    return [land.extent * west_east, land.extent * north_south]


def paint_land(extent: float, spectra: Mapping[str, Map], seed: int) -> Map:
    """Reflectance ``(bands, cells, cells)`` of a landscape of ``extent`` metres, in cells of ``CELL_M``."""
    land = Land(extent, spectra, seed)
    river = land.distance_to_path(river_path(land))
    relief = 9.0 * land.noise(0.30 * extent) + 2.5 * land.noise(0.09 * extent)
    terrain = relief * np.clip(river / land.place(0.15), 0.1, 1.0) * extent / 2400.0
    paint_fields(land)
    hills = 0.9 * land.noise(0.17 * extent) + 0.22 * land.noise(0.035 * extent)
    south_west = (land.y - land.x * 0.5) / extent - 0.47
    paint_forest(land, hills + 2.6 * south_west > 0.75)
    paint_water(land, river)
    roads = np.min([land.distance_to_path(path) for path in road_paths(land)], axis=0)
    paint_village(land, roads)
    land.paint(_soft(roads, 8.0), land.spectra["mown meadow"])
    land.paint(_soft(roads, 4.5), land.spectra["asphalt"])
    land.illuminate(terrain)
    return land.reflectance
