"""Canopy spectra simulated with PROSAIL (Jacquemoud et al. 2009; package ``prosail``)."""

from __future__ import annotations

import numpy as np
import prosail

from hyperlift.core.spectral import Grid, grid, resample

WAVELENGTH_NM = np.arange(400.0, 2501.0)


def canopy(rng: np.random.Generator, dry: float = 0.0) -> np.ndarray:
    """One canopy reflectance ``(2101,)`` at 400-2500 nm with random leaf, canopy, soil and sun.

    ``dry`` (0 to 1) moves the leaves from green to senescent.
    """
    green = 1.0 - dry
    return prosail.run_prosail(
        n=rng.uniform(1.2, 2.4),
        cab=rng.uniform(20, 75) * green**2 + rng.uniform(0, 4),
        car=rng.uniform(4, 15) * (0.3 + 0.7 * green),
        cbrown=rng.uniform(0, 0.1) + rng.uniform(0.3, 1.2) * dry,
        cw=rng.uniform(0.006, 0.03) * (0.1 + 0.9 * green),
        cm=rng.uniform(0.003, 0.015),
        lai=rng.uniform(0.3, 6.5),
        lidfa=rng.uniform(30, 70),
        hspot=rng.uniform(0.01, 0.3),
        tts=rng.uniform(20, 60),
        tto=rng.uniform(0, 10),
        psi=rng.uniform(0, 180),
        ant=rng.uniform(0, 2),
        prospect_version="D",
        typelidf=2,
        rsoil=rng.uniform(0.4, 1.4),
        psoil=rng.uniform(0, 1),
    )


def simulate_vegetation(count: int, seed: int, target: Grid | None = None) -> np.ndarray:
    """Canopy spectra ``(count, C)`` on a grid (``aviris224`` when none is named).

    Below 400 nm, where PROSAIL ends, the value at 400 nm is kept.
    """
    rng = np.random.default_rng(seed)
    spectra = np.array([canopy(rng, rng.choice([0.0, rng.uniform(0, 1)])) for _ in range(count)])
    target = target or grid("aviris224")
    wavelength = np.arange(350.0, 2521.0)
    at = np.clip(wavelength - WAVELENGTH_NM[0], 0, len(WAVELENGTH_NM) - 1).astype(int)
    fine = Grid("prosail", wavelength, np.ones_like(wavelength))
    return resample(spectra[:, at], fine, target).astype(np.float32)
