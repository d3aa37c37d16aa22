"""Accuracy on held-out scenes: real cubes of areas that training never saw; metrics from torchmetrics."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    spectral_angle_mapper,
    structural_similarity_index_measure,
)

from hyperlift.core.spectral import grid, sensor

from ..data.land_types import DARKEST, LAND_TYPES, land_types
from ..data.sensing import Observer
from ..data.spectra import HELD_OUT, WORKING_GRID, Collection

Lift = Callable[[np.ndarray], np.ndarray]
FOOTPRINTS = ("one resolution", "native footprints")
# An EnMAP "scene" is a stack of square tiles; smaller scenes have too few 60 m pixels for native footprints.
_SMALLEST_NATIVE = 32
# Below this side most 60 m pixels of a scene lie at its border or are cut by it.
SMALL = 48
# Wavelength regions and their limits in nm.
REGIONS = {
    "visible": (400.0, 690.0),
    "red edge": (690.0, 770.0),
    "near infrared": (770.0, 1300.0),
    "SWIR 1": (1300.0, 1900.0),
    "SWIR 2": (1900.0, 2500.0),
}
FEWEST = 30  # pixels of a land type


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


@dataclass(frozen=True)
class PartScore(Score):
    """Accuracy on a ``part`` of a scene: a land type or a wavelength region."""

    part: str


@dataclass(frozen=True)
class SceneScores:
    """Accuracy of a method on a scene: on the ``whole``, by land type and by wavelength region."""

    whole: Score
    by_land_type: list[PartScore]
    by_region: list[PartScore]


@dataclass(frozen=True, eq=False)
class HeldOutScene:
    """A held-out cube on the target grid and what Sentinel-2A sees of it.

    Attributes:
        name: of the cube.
        footprints: as in :class:`Score`.
        msi: ``(tiles, 12, H, W)``; tiles do not touch.
        hsi: ``(tiles, C, H, W)``.
        measured: ``(C,)``, where the cube's instrument measured.
        wavelength_nm: ``(C,)``.
    """

    name: str
    footprints: str
    msi: np.ndarray
    hsi: np.ndarray
    measured: np.ndarray
    wavelength_nm: np.ndarray

    @property
    def title(self) -> str:
        """Name and footprints."""
        return f"{self.name}, {self.footprints}"

    @property
    def present(self) -> np.ndarray:
        """Pixels with data, ``(tiles, H, W)``."""
        return self.hsi[:, self.measured].max(axis=1) > DARKEST

    @property
    def land(self) -> np.ndarray:
        """Land type of each pixel, ``(tiles, H, W)`` (see :mod:`..data.land_types`)."""
        return land_types(self.hsi, self.wavelength_nm)


def tiles_of(collection: Collection) -> np.ndarray:
    """Image as ``(tiles, 224, H, W)``: a tall stack of square tiles is taken apart."""
    image = collection.image()
    _, height, width = image.shape
    count = height // width if height % width == 0 else 1
    return image.reshape(image.shape[0], count, height // count, width).swapaxes(0, 1)


def scene_of(
    collection: Collection, footprints: str, tiles: np.ndarray, msi: Sequence[np.ndarray], target: str
) -> HeldOutScene:
    """``tiles (n, 224, H, W)`` of a collection on the grid ``target``, and what was seen of each."""
    wavelength_nm = grid(target).wavelength_nm
    own = grid(WORKING_GRID).wavelength_nm
    channels = [int(np.argmin(np.abs(own - nm))) for nm in wavelength_nm]
    return HeldOutScene(
        collection.name,
        footprints,
        np.stack(msi).astype(np.float32),
        tiles[:, channels],
        collection.measured[channels],
        wavelength_nm,
    )


def held_out_scenes(
    collections: Sequence[Collection], target: str, names: Container[str] = HELD_OUT
) -> Iterator[HeldOutScene]:
    """Images among ``names`` on the grid ``target``, seen through Sentinel-2A in both ways, phase (0, 0)."""
    observer = Observer(sensor("sentinel2a"), grid(WORKING_GRID))
    for collection in collections:
        if collection.name not in names or collection.shape is None:
            continue
        tiles = tiles_of(collection)
        for footprints, see in zip(FOOTPRINTS, (observer.see, observer.see_native)):
            if footprints == FOOTPRINTS[1] and min(tiles.shape[2:]) < _SMALLEST_NATIVE:
                continue
            yield scene_of(collection, footprints, tiles, [see(tile) for tile in tiles], target)


def score(scene: HeldOutScene, method: str, lift: Lift) -> Score:
    """Accuracy of ``lift`` (c, H, W) -> (C, H, W) on a scene, over measured bands and pixels with data."""
    return score_estimate(scene, method, np.stack([lift(msi) for msi in scene.msi])).whole


def score_estimate(scene: HeldOutScene, method: str, estimate: np.ndarray) -> SceneScores:
    """Accuracy of an estimate ``(tiles, C, H, W)``, over measured bands and pixels with data.

    The peak of a band is that of the whole scene, also for parts of it. The similarity of a land type is the
    mean over its pixels of the scene's. Land types with few pixels are left out, and regions with a single
    band, which has no angle.
    """
    truth, guess = (
        torch.from_numpy(cube[:, scene.measured].astype(np.float32)) for cube in (scene.hsi, estimate)
    )
    present = torch.from_numpy(scene.present)
    peak = truth.swapaxes(0, 1)[:, present].amax(dim=1)[:, None, None]
    _, similarity = structural_similarity_index_measure(
        *(cube * present[:, None] / peak for cube in (guess, truth)), data_range=1.0, return_full_image=True
    )
    everywhere = torch.ones_like(present)
    every_band = np.ones(int(scene.measured.sum()), bool)

    def values(pixels: Tensor, channels: np.ndarray, window: Tensor) -> tuple[str | float, ...]:
        tables = (cube.swapaxes(0, 1)[:, pixels][channels] for cube in (guess, truth))
        alike = similarity.swapaxes(0, 1)[:, window][channels].mean()
        return scene.name, scene.footprints, method, *accuracy(*tables, peak[channels, :, 0]), float(alike)

    land, wavelength = scene.land, scene.wavelength_nm[scene.measured]
    kinds = {name: torch.from_numpy(land == place) & present for place, name in enumerate(LAND_TYPES)}
    regions = {name: (wavelength >= low) & (wavelength < high) for name, (low, high) in REGIONS.items()}
    return SceneScores(
        Score(*values(present, every_band, everywhere)),
        [PartScore(*values(k, every_band, k), name) for name, k in kinds.items() if k.sum() >= FEWEST],
        [
            PartScore(*values(present, bands, everywhere), n)
            for n, bands in regions.items()
            if bands.sum() > 1
        ],
    )


def accuracy(estimate: Tensor, truth: Tensor, peak: Tensor) -> tuple[float, float, float]:
    """PSNR in dB, angle in degrees and RMSE of tables ``(C, n)``; ``peak`` (C, 1)."""
    return (
        float(peak_signal_noise_ratio(estimate / peak, truth / peak, data_range=1.0, dim=1)),
        float(spectral_angles(estimate, truth).nanmean()),
        float((estimate - truth).square().mean().sqrt()),
    )


def spectral_angles(estimate: Tensor, truth: Tensor) -> Tensor:
    """Angles in degrees ``(n,)`` between spectra ``(C, n)``.

    90 where an estimate is zero, NaN where the truth is: there is no angle to compare with.
    """
    angle = spectral_angle_mapper(estimate[None, :, None], truth[None, :, None], reduction="none")[0, 0]
    angle = torch.where(estimate.norm(dim=0) > 0, torch.rad2deg(angle), 90.0)
    return torch.where(truth.norm(dim=0) > 0, angle, torch.nan)


def spectral_rmse(scene: HeldOutScene, estimate: np.ndarray) -> np.ndarray:
    """RMSE of each channel ``(C,)`` of an estimate ``(tiles, C, H, W)``, NaN where nothing was measured."""
    error = (estimate - scene.hsi).swapaxes(0, 1)[:, scene.present]
    return np.where(scene.measured, np.sqrt((error**2).mean(axis=1)), np.nan)


def markdown_table(scores: list[Score], small: Container[str] = ()) -> str:
    """Scores as a Markdown table, with the mean of each method.

    Where there are scenes named in ``small``, means without these follow.
    """
    lines = [
        "| footprints | scene | method | PSNR dB | SAM deg | RMSE | SSIM |",
        "|---|---|---|---|---|---|---|",
    ]
    row = "| {} | {} | {} | {:.2f} | {:.2f} | {:.4f} | {:.4f} |"
    for footprints in FOOTPRINTS:
        group = [one for one in scores if one.footprints == footprints]
        lines += [row.format(footprints, one.scene, one.method, *metrics_of(one)) for one in group]
        large = [one for one in group if one.scene not in small]
        groups = {"**mean**": group, f"**mean, sides from {SMALL}**": large}
        if len(large) in (0, len(group)):
            groups.popitem()
        for title, chosen in groups.items():
            for method in dict.fromkeys(one.method for one in chosen):
                lines.append(row.format(footprints, title, method, *mean_scores(chosen, method).values()))
    return "\n".join(lines) + "\n"


def metrics_of(one: Score) -> tuple[float, ...]:
    """PSNR, angle, RMSE and SSIM."""
    return one.psnr, one.sam, one.rmse, one.ssim


def mean_scores(scores: list[Score], method: str) -> dict[str, float]:
    """Mean of each metric over the scenes of one method."""
    chosen = [one for one in scores if one.method == method]
    metrics = ("psnr", "sam", "rmse", "ssim")
    return {metric: float(np.mean([getattr(one, metric) for one in chosen])) for metric in metrics}
