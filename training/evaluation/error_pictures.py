"""Pictures of errors on held-out scenes: over wavelength, on the map and in single spectra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..data.land_types import LAND_TYPES
from .pictures import NATURAL_NM, SENSOR, composite, draw_curve, plt
from .scores import HeldOutScene, spectral_angles, spectral_rmse

Estimates = dict[str, np.ndarray]
_LINES = ("black", "#2a6fbb", "#c0392b", "#2e8b3d", "#d98c1f", "#7a4fa3", "#17a2a2", "#8c6d46", "#c75b9b")


def _style(place: int) -> dict[str, object]:
    """The first method stands out; after nine, lines are dashed."""
    dashes = ("-", "--", ":")[place // len(_LINES) % 3]
    return {"color": _LINES[place % len(_LINES)], "lw": 2.2 if place == 0 else 1.1, "ls": dashes}


def _curve(axes: plt.Axes, scene: HeldOutScene, values: np.ndarray, **style: object) -> None:
    """A curve of ``values`` (C,) over the channels that were measured."""
    order = np.argsort(scene.wavelength_nm)
    order = order[scene.measured[order]]
    draw_curve(axes, scene.wavelength_nm[order], values[order], **style)


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Tiles ``(n, H, W)`` side by side in a square of rows, NaN between them and where there is none."""
    count, height, width = tiles.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    padded = np.full((rows * columns, height + 1, width + 1), np.nan, np.float32)
    padded[:count, :height, :width] = tiles
    whole = padded.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return whole.reshape(rows * (height + 1), -1)[:-1, :-1]


def draw_errors(results: list[tuple[HeldOutScene, Estimates]], target: Path) -> None:
    """Write curves of RMSE over wavelength, one panel for each scene, one line for each method."""
    names = dict.fromkeys(name for _, estimates in results for name in estimates)
    styles = {name: _style(place) for place, name in enumerate(names)}
    figure, panels = plt.subplots(len(results), 1, figsize=(12, 4 * len(results)), layout="constrained")
    for axes, (scene, estimates) in zip(np.atleast_1d(panels), results):
        for method, estimate in estimates.items():
            _curve(axes, scene, spectral_rmse(scene, estimate), label=method, **styles[method])
        axes.set(title=scene.title, xlabel="wavelength (nm)", ylabel="RMSE (reflectance)", yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(target, dpi=90)
    plt.close(figure)


def draw_error_maps(scene: HeldOutScene, estimates: Estimates, target: Path) -> None:
    """Write the scene in natural colour and, for each method, maps of RMSE and angle, on common scales."""
    figure, panels = plt.subplots(
        2, len(estimates) + 1, figsize=(3.4 * (len(estimates) + 1), 6.8), layout="constrained", squeeze=False
    )
    cube = np.stack([mosaic(band) for band in scene.hsi.swapaxes(0, 1)])
    panels[0, 0].imshow(composite(cube, scene.wavelength_nm, NATURAL_NM, 0.7))
    panels[0, 0].set_title("truth, natural colour")
    land = np.where(scene.present, scene.land, np.nan)
    colours = plt.get_cmap("Set2", len(LAND_TYPES))
    kinds = panels[1, 0].imshow(mosaic(land), cmap=colours, vmin=-0.5, vmax=len(LAND_TYPES) - 0.5)
    figure.colorbar(kinds, ax=panels[1, 0], ticks=range(len(LAND_TYPES)), shrink=0.7).set_ticklabels(
        LAND_TYPES, fontsize=7
    )
    pairs = [_error_maps(scene, estimate) for estimate in estimates.values()]
    highest = [np.nanpercentile([pair[row] for pair in pairs], 98) for row in (0, 1)]
    for column, (method, pair) in enumerate(zip(estimates, pairs), 1):
        for row, title in enumerate(("RMSE", "angle (degrees)")):
            panels[row, column].imshow(mosaic(pair[row]), cmap="magma", vmin=0, vmax=highest[row])
            panels[row, column].set_title(f"{method}: {title}", fontsize=10)
    for axes in panels[:, -1]:
        figure.colorbar(axes.images[0], ax=axes, shrink=0.7)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
    figure.savefig(target, dpi=90)
    plt.close(figure)


def _error_maps(scene: HeldOutScene, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RMSE over channels and spectral angle in degrees, both ``(tiles, H, W)``, NaN without data."""
    present = scene.present
    pair = [cube[:, scene.measured].swapaxes(0, 1)[:, present] for cube in (estimate, scene.hsi)]
    error, angle = np.full((2, *present.shape), np.nan)
    error[present] = np.sqrt(((pair[0] - pair[1]) ** 2).mean(axis=0))
    angle[present] = spectral_angles(*(torch.from_numpy(table.astype(np.float32)) for table in pair)).numpy()
    return error, angle


def _row_of_panels(count: int) -> tuple[plt.Figure, np.ndarray]:
    size = (4.5 * count, 3.4)
    figure, panels = plt.subplots(1, count, figsize=size, layout="constrained", squeeze=False)
    return figure, panels[0]


def draw_biases(scene: HeldOutScene, estimates: Estimates, target: Path) -> None:
    """Write the mean error over wavelength of each land type: estimate minus truth, and its middle 80 %."""
    kinds = _kinds(scene)
    figure, panels = _row_of_panels(len(kinds))
    for axes, (kind, chosen) in zip(panels, kinds.items()):
        for place, (method, estimate) in enumerate(estimates.items()):
            error = (estimate - scene.hsi).swapaxes(0, 1)[:, chosen]
            _curve(axes, scene, error.mean(axis=1), label=method, **_style(place))
            if place == 0:
                for share in (10, 90):
                    edge = np.percentile(error, share, axis=1)
                    _curve(axes, scene, edge, color="0.6", lw=0.8, ls="--")
        axes.set(title=f"{kind} ({int(chosen.sum())} pixels)", xlabel="wavelength (nm)")
        axes.axhline(0, color="0.4", lw=0.6)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("estimate - truth (reflectance)")
    panels[0].legend(fontsize=8)
    figure.savefig(target, dpi=90)
    plt.close(figure)


def draw_examples(scene: HeldOutScene, estimates: Estimates, target: Path) -> None:
    """Write a typical spectrum of each land type: the truth, the estimates and the twelve bands."""
    kinds = _kinds(scene)
    figure, panels = _row_of_panels(len(kinds))
    for axes, (kind, chosen) in zip(panels, kinds.items()):
        spectra = scene.hsi.swapaxes(0, 1)[:, chosen]
        middle = np.median(spectra, axis=1, keepdims=True)
        at = tuple(np.argwhere(chosen)[np.abs(spectra - middle).mean(axis=0).argmin()])
        tile, row, column = at
        _curve(axes, scene, scene.hsi[tile, :, row, column], color="0.7", lw=3.5, label="truth")
        for place, (method, estimate) in enumerate(estimates.items()):
            _curve(axes, scene, estimate[tile, :, row, column], label=method, **{**_style(place), "lw": 1.2})
        axes.plot(
            SENSOR.centre_nm,
            scene.msi[tile, :, row, column],
            "o",
            ms=5,
            mfc="none",
            color="0.3",
            label="input",
        )
        axes.set(title=kind, xlabel="wavelength (nm)")
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("reflectance")
    panels[0].legend(fontsize=8)
    figure.savefig(target, dpi=90)
    plt.close(figure)


def _kinds(scene: HeldOutScene) -> dict[str, np.ndarray]:
    """Pixels ``(tiles, H, W)`` of each land type that the scene has."""
    land, present = scene.land, scene.present
    kinds = {name: (land == place) & present for place, name in enumerate(LAND_TYPES)}
    return {name: chosen for name, chosen in kinds.items() if chosen.any()}
