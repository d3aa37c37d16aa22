"""Pictures of lifted scenes, with spectra of a few pixels and the input on them."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import rasterio
from scipy.ndimage import uniform_filter

from hyperlift.core.spectral import sensor

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SENSOR = sensor("sentinel2a")
NATURAL_NM = (650.0, 560.0, 490.0)
FALSE_NM = (2200.0, 860.0, 660.0)
SHOULDERS_NM, LEAF_WATER_NM = (1110.0, 1270.0), 1200.0
# Index above which a scene has a kind of ground.
_LEAST = {"water": 0.0, "vegetation": 0.3, "soil": -0.9, "built-up": -0.9}
COLOURS = {"water": "#2a6fbb", "vegetation": "#2e8b3d", "soil": "#a5672a", "built-up": "#c0392b"}


def read_input(path: Path, offset: float = 0.0) -> np.ndarray:
    """Reflectance ``(12, H, W)`` of a Sentinel-2 image in digital numbers of 1e-4, plus ``offset``."""
    with rasterio.open(path) as file:
        return file.read().astype(np.float32) / 10_000 + offset


def read_output(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in nm ``(C,)``, increasing, and reflectance ``(C, H, W)`` with NaN for nodata."""
    with rasterio.open(path) as file:
        wavelength = np.array([float(file.tags(band)["wavelength"]) for band in file.indexes])
        stored = file.read(masked=True).astype(np.float32)
        scale, offset = (np.array(table, np.float32)[:, None, None] for table in (file.scales, file.offsets))
    order = np.argsort(wavelength)
    return wavelength[order], (stored * scale + offset).filled(np.nan)[order]


def composite(
    pixels: np.ndarray, at_nm: np.ndarray, colours_nm: tuple[float, ...], gamma: float
) -> np.ndarray:
    """Colour picture ``(H, W, 3)`` of the bands nearest to three wavelengths, stretched together."""
    picture = np.stack([pixels[np.abs(at_nm - colour).argmin()] for colour in colours_nm], axis=-1)
    return np.nan_to_num(np.clip(picture / np.nanpercentile(picture, 99), 0, 1)) ** gamma


def leaf_water_depth(pixels: np.ndarray, at_nm: np.ndarray) -> np.ndarray:
    """Depth ``(H, W)`` of the absorption at 1200 nm below the line between its shoulders."""
    near = [pixels[np.abs(at_nm - nm).argmin()] for nm in (*SHOULDERS_NM, LEAF_WATER_NM)]
    share = (LEAF_WATER_NM - SHOULDERS_NM[0]) / (SHOULDERS_NM[1] - SHOULDERS_NM[0])
    line = (1 - share) * near[0] + share * near[1]
    # On darker ground, such as water, the depth is a ratio of noise.
    return np.where(line > 0.05, 1.0 - near[2] / np.maximum(line, 0.05), np.nan)


def choose_pixels(msi: np.ndarray) -> dict[str, tuple[int, int]]:
    """Row and column of one typical pixel of each kind of ground there is, by index over 3 x 3 pixels."""
    band = dict(zip(SENSOR.band_names, msi.clip(min=0.0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        ndvi = (band["B8"] - band["B4"]) / (band["B8"] + band["B4"])
        ndwi = (band["B3"] - band["B8"]) / (band["B3"] + band["B8"])
        red, blue = band["B11"] + band["B4"], band["B8"] + band["B2"]
        dry = (ndvi < 0.25) & (ndwi < 0.0)
        indices = {
            "water": ndwi,
            "vegetation": ndvi,
            "soil": np.where(dry, (red - blue) / (red + blue), -1.0),
            "built-up": np.where(dry, (band["B2"] - band["B11"]) / (band["B2"] + band["B11"]), -1.0),
        }
    smooth = {kind: uniform_filter(np.nan_to_num(index, nan=-1.0), 3) for kind, index in indices.items()}
    return {
        kind: divmod(int(index.argmax()), msi.shape[2])
        for kind, index in smooth.items()
        if index.max() > _LEAST[kind]
    }


def draw_curve(axes: plt.Axes, at_nm: np.ndarray, values: np.ndarray, **style: object) -> None:
    """A curve of ``values`` (C,) over increasing wavelengths, broken where bands are left out."""
    spacing = np.diff(at_nm)
    holes = np.flatnonzero(spacing > 3 * np.median(spacing)) + 1
    axes.plot(np.insert(at_nm, holes, np.nan), np.insert(values, holes, np.nan), **style)


def draw_spectrum(axes: plt.Axes, kind: str, msi: np.ndarray, hsi: np.ndarray, at_nm: np.ndarray) -> None:
    """Curve of one pixel ``hsi`` (C,) and its input ``msi`` (12,)."""
    draw_curve(axes, at_nm, hsi, color=COLOURS[kind], lw=1.4)
    bars = {"xerr": SENSOR.width_nm / 2, "fmt": "o", "ms": 4, "color": "black", "elinewidth": 1}
    axes.errorbar(SENSOR.centre_nm, msi, **bars, label="Sentinel-2 bands")
    axes.set(title=kind, xlabel="wavelength (nm)", xlim=(400, 2500))
    axes.set_ylim(0, 1.15 * max(np.nanmax(hsi), msi.max(), 0.02))
    axes.grid(alpha=0.3)


def draw_scene(scene: Path, lifted: Path, target: Path, offset: float = 0.0) -> None:
    """Write the picture of a scene (see :func:`read_input`) and its lifted image to ``target``."""
    msi, (at_nm, hsi) = read_input(scene, offset), read_output(lifted)
    finer = hsi.shape[1] // msi.shape[1]
    figure = plt.figure(figsize=(16, 8.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    maps = upper.subplots(1, 4)
    pictures = {
        f"Input: {len(msi)} bands, natural colour": composite(msi, SENSOR.centre_nm, NATURAL_NM, 0.7),
        f"Output: {len(hsi)} bands, natural colour": composite(hsi, at_nm, NATURAL_NM, 0.7),
        "Output: 2200, 860, 660 nm": composite(hsi, at_nm, FALSE_NM, 0.8),
    }
    for axes, (title, picture) in zip(maps, pictures.items()):
        axes.imshow(picture)
        axes.set(title=title, xticks=[], yticks=[])
    maps[3].set_facecolor("0.85")
    depth = maps[3].imshow(leaf_water_depth(hsi, at_nm), cmap="viridis", vmin=0, vmax=0.2)
    maps[3].set(title="Output: leaf water, depth at 1200 nm", xticks=[], yticks=[])
    upper.colorbar(depth, ax=maps[3], shrink=0.7)
    spectra = lower.subplots(1, 4)
    chosen = choose_pixels(msi)
    for axes in spectra[len(chosen) :]:
        axes.set_axis_off()
    for axes, (kind, (row, column)) in zip(spectra, chosen.items()):
        cell = hsi[:, finer * row : finer * (row + 1), finer * column : finer * (column + 1)]
        draw_spectrum(axes, kind, msi[:, row, column], cell.mean(axis=(1, 2)), at_nm)
        maps[0].plot(column, row, "o", mfc="none", mec="white", ms=11, mew=3)
        maps[0].plot(column, row, "o", mfc="none", mec=COLOURS[kind], ms=11, mew=1.6)
    spectra[0].set_ylabel("reflectance")
    if chosen:
        spectra[0].legend(loc="upper right")
    figure.savefig(target, dpi=100)
    plt.close(figure)
