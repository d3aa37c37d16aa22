"""Samson and Moffett taken apart: VCA and FCLS against the published endmembers and abundances.

Printed for each scene: the mean angle between endmembers and the published ones (matched one to one) over
five seeds, with its range; the root mean square error of abundances with these endmembers and with the
published ones. Samson's published endmembers have a maximum of one each, so its abundances are not those of
FCLS; they are those of NNLS brought to a sum of one. The folder of the data is HYPERLIFT_DATA.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperlift.core.unmixing.abundances import fcls, nnls
from hyperlift.core.unmixing.endmembers import vca

DATA = Path(os.environ.get("HYPERLIFT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SCENES, SEEDS = ("samson", "moffett"), range(5)


def load(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels ``(n, bands)``, published endmembers ``(p, bands)`` and abundances ``(n, p)``."""
    with np.load(DATA / "unmixing" / f"unmix_{name}.npz") as table:
        pixels, endmembers, abundances = (table[key].astype(np.float64) for key in ("Y", "M", "A"))
    bands = pixels.shape[-1]
    if endmembers.shape[1] != bands:
        endmembers = endmembers.T
    return pixels.reshape(-1, bands), endmembers, abundances.reshape(-1, len(endmembers))


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles in degrees between all rows of both."""
    unit = [spectra / np.linalg.norm(spectra, axis=1, keepdims=True) for spectra in (first, second)]
    return np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1.0, 1.0)))


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error of abundances."""
    return float(np.sqrt(((found - truth) ** 2).mean()))


def normalised(pixels: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """Abundances as Samson's were published: of endmembers with a maximum of one, brought to a sum of one."""
    shares = nnls(pixels, endmembers / endmembers.max(axis=1, keepdims=True))
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)


def main() -> None:
    """Both scenes."""
    for name in SCENES:
        pixels, truth, abundances = load(name)
        methods = {"FCLS": fcls, "NNLS, normalised": normalised}
        means, errors = [], {method: [] for method in methods}
        for seed in SEEDS:
            spectra = vca(pixels, len(truth), seed).spectra
            table = angles(spectra, truth)
            own, other = linear_sum_assignment(table)
            order = own[np.argsort(other)]
            means.append(table[order, np.arange(len(truth))].mean())
            for method, solve in methods.items():
                errors[method].append(rmse(solve(pixels, spectra[order]), abundances))
        print(f"{name}: endmembers {np.mean(means):.2f} degrees ({min(means):.2f} to {max(means):.2f})")
        for method, solve in methods.items():
            known = rmse(solve(pixels, truth), abundances)
            print(f"  {method}: abundances {np.mean(errors[method]):.3f}; of the published ones {known:.4f}")


if __name__ == "__main__":
    main()
