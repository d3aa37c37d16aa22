"""Accuracy on held-out scenes: real cubes of areas that training never saw; metrics from torchmetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    spectral_angle_mapper,
    structural_similarity_index_measure,
)

from hyperlift.core.spectral import grid, sensor

from .sensing import Observer
from .spectra import WORKING_GRID, Collection

Lift = Callable[[np.ndarray], np.ndarray]
FOOTPRINTS = ("one resolution", "native footprints")
# An EnMAP "scene" is a stack of square tiles; smaller scenes have too few 60 m pixels for native footprints.
_SMALLEST_NATIVE = 32


@dataclass(frozen=True)
class Score:
    """Accuracy of a method on a scene.

    Attributes:
        scene: name of the held-out cube.
        footprints: ``one resolution`` or ``native footprints``.
        method: what made the estimate.
        psnr: mean over bands of the PSNR with each band's peak, dB.
        sam: mean spectral angle, degrees.
        rmse: root mean square error, reflectance.
        ssim: mean over bands, Gaussian 11 x 11 windows.
    """

    scene: str
    footprints: str
    method: str
    psnr: float
    sam: float
    rmse: float
    ssim: float


@dataclass(frozen=True, eq=False)
class HeldOutScene:
    """A held-out cube on the target grid and what Sentinel-2A sees of it.

    Attributes:
        name: of the cube.
        footprints: as in :class:`Score`.
        msi: ``(tiles, 12, H, W)``; tiles do not touch.
        hsi: ``(tiles, C, H, W)``.
        measured: ``(C,)``, where the cube's instrument measured.
    """

    name: str
    footprints: str
    msi: np.ndarray
    hsi: np.ndarray
    measured: np.ndarray


def _tiles(collection: Collection) -> np.ndarray:
    """Image as ``(tiles, 224, H, W)``: a tall stack of square tiles is taken apart."""
    image = collection.image()
    _, height, width = image.shape
    count = height // width if height % width == 0 else 1
    return image.reshape(image.shape[0], count, height // count, width).swapaxes(0, 1)


def held_out_scenes(collections: list[Collection], target: str) -> Iterator[HeldOutScene]:
    """Held-out images on the grid ``target``, seen through Sentinel-2A in both ways, phase (0, 0)."""
    working = grid(WORKING_GRID)
    channels = [int(np.argmin(np.abs(working.wavelength_nm - nm))) for nm in grid(target).wavelength_nm]
    observer = Observer(sensor("sentinel2a"), working)
    for collection in collections:
        if not collection.held_out or collection.shape is None:
            continue
        tiles = _tiles(collection)
        views = (observer.see, observer.see_native)
        for footprints, see in zip(FOOTPRINTS, views):
            if see is observer.see_native and min(tiles.shape[2:]) < _SMALLEST_NATIVE:
                continue
            msi = np.stack([see(tile) for tile in tiles]).astype(np.float32)
            yield HeldOutScene(
                collection.name, footprints, msi, tiles[:, channels], collection.measured[channels]
            )


def score(scene: HeldOutScene, method: str, lift: Lift) -> Score:
    """Accuracy of ``lift`` (c, H, W) -> (C, H, W) on a scene, over measured bands and pixels with data."""
    estimate = np.stack([lift(msi) for msi in scene.msi])[:, scene.measured]
    truth = scene.hsi[:, scene.measured]
    present = truth.max(axis=1) > 1e-3
    truth_table, estimate_table = (
        torch.from_numpy(cube.swapaxes(0, 1)[:, present].astype(np.float32)) for cube in (truth, estimate)
    )
    peak = truth_table.amax(dim=1, keepdim=True)
    blank = torch.from_numpy(present[:, None])
    truth_image, estimate_image = (
        torch.from_numpy(cube.astype(np.float32)) * blank / peak[None, :, :, None]
        for cube in (truth, estimate)
    )
    return Score(
        scene.name,
        scene.footprints,
        method,
        float(peak_signal_noise_ratio(estimate_table / peak, truth_table / peak, data_range=1.0, dim=1)),
        float(
            torch.rad2deg(spectral_angle_mapper(estimate_table[None, :, None], truth_table[None, :, None]))
        ),
        float((estimate_table - truth_table).square().mean().sqrt()),
        float(structural_similarity_index_measure(estimate_image, truth_image, data_range=1.0)),
    )


def spectral_rmse(scene: HeldOutScene, lift: Lift) -> np.ndarray:
    """RMSE of each channel ``(C,)`` over pixels with data, NaN where the instrument did not measure."""
    estimate = np.stack([lift(msi) for msi in scene.msi])
    present = scene.hsi.max(axis=1) > 1e-3
    error = (estimate - scene.hsi).swapaxes(0, 1)[:, present]
    return np.where(scene.measured, np.sqrt((error**2).mean(axis=1)), np.nan)


def markdown_table(scores: list[Score]) -> str:
    """Scores as a Markdown table, with the mean of each method."""
    lines = [
        "| footprints | scene | method | PSNR dB | SAM deg | RMSE | SSIM |",
        "|---|---|---|---|---|---|---|",
    ]
    row = "| {} | {} | {} | {:.2f} | {:.2f} | {:.4f} | {:.4f} |"
    for footprints in FOOTPRINTS:
        group = [one for one in scores if one.footprints == footprints]
        lines += [
            row.format(footprints, one.scene, one.method, one.psnr, one.sam, one.rmse, one.ssim)
            for one in group
        ]
        for method in dict.fromkeys(one.method for one in group):
            means = mean_scores(group, method)
            lines.append(row.format(footprints, "**mean**", method, *means.values()))
    return "\n".join(lines) + "\n"


def mean_scores(scores: list[Score], method: str) -> dict[str, float]:
    """Mean of each metric over the scenes of one method."""
    chosen = [one for one in scores if one.method == method]
    metrics = ("psnr", "sam", "rmse", "ssim")
    return {metric: float(np.mean([getattr(one, metric) for one in chosen])) for metric in metrics}
