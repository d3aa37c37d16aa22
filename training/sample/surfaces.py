"""Spectra of the surfaces in the sample scene, 400-2500 nm, seen through the bands of Sentinel-2.

Plants come from PROSAIL; bare surfaces are a smooth continuum through a few typical reflectances times
Gaussian absorption bands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import prosail
from scipy.interpolate import PchipInterpolator

from ...core.spectral import Grid, parametric_response, response_matrix, sensor

FloatArray = npt.NDArray[np.float64]

WAVELENGTH_NM = np.arange(400.0, 2501.0)
_SUN_ZENITH_DEG = 38.0


@dataclass(frozen=True)
class Canopy:
    """A state of vegetation, in the units of PROSAIL.

    Attributes:
        chlorophyll: of the leaf, in ug/cm2.
        water: equivalent thickness in the leaf, in cm.
        dry_matter: of the leaf, in g/cm2.
        leaf_area: leaf area index of the canopy.
        brown: brown pigments, 0 (fresh) to 1.
        leaf_angle: mean leaf inclination in degrees.
        soil_dryness: of the ground below, 0 (wet) to 1 (dry).
    """

    chlorophyll: float
    water: float
    dry_matter: float
    leaf_area: float
    brown: float = 0.0
    leaf_angle: float = 55.0
    soil_dryness: float = 0.6

    def spectrum(self) -> FloatArray:
        """Reflectance from above at ``WAVELENGTH_NM``, shape ``(2101,)``."""
        reflectance: FloatArray = prosail.run_prosail(
            n=1.6,
            cab=self.chlorophyll,
            car=self.chlorophyll / 5.0,
            cbrown=self.brown,
            cw=self.water,
            cm=self.dry_matter,
            lai=self.leaf_area,
            lidfa=self.leaf_angle,
            hspot=0.05,
            tts=_SUN_ZENITH_DEG,
            tto=0.0,
            psi=0.0,
            rsoil=0.9,
            psoil=self.soil_dryness,
        )
        return reflectance


@dataclass(frozen=True)
class Surface:
    """A bare surface: typical ``reflectance`` at the ``_ANCHORS_NM`` and ``absorptions`` in it.

    An absorption is ``(centre in nm, standard deviation in nm, depth)``.
    """

    reflectance: tuple[float, ...]
    absorptions: tuple[tuple[float, float, float], ...] = ()

    def spectrum(self) -> FloatArray:
        """Reflectance at ``WAVELENGTH_NM``, shape ``(2101,)``."""
        result: FloatArray = PchipInterpolator(_ANCHORS_NM, self.reflectance)(WAVELENGTH_NM)
        for centre, deviation, depth in self.absorptions:
            result *= 1.0 - depth * np.exp(-(((WAVELENGTH_NM - centre) / deviation) ** 2) / 2.0)
        return result


_ANCHORS_NM = (400, 490, 560, 665, 750, 860, 1000, 1250, 1650, 2150, 2500)
_IRON = ((510.0, 40.0, 0.06), (870.0, 70.0, 0.05))
_MOISTURE = ((1420.0, 30.0, 0.10), (1930.0, 45.0, 0.18))
_CLAY = ((2205.0, 18.0, 0.10),)
_CARBONATE = ((2340.0, 25.0, 0.12),)
_WET = ((1440.0, 60.0, 0.35), (1940.0, 90.0, 0.55))

_SURFACES = {
    "loam": Surface(
        (0.055, 0.080, 0.110, 0.160, 0.195, 0.220, 0.255, 0.310, 0.360, 0.345, 0.290),
        _IRON + _MOISTURE + _CLAY,
    ),
    "wet loam": Surface(
        (0.035, 0.048, 0.064, 0.090, 0.110, 0.126, 0.145, 0.165, 0.165, 0.115, 0.080), _IRON + _WET + _CLAY
    ),
    "chalky soil": Surface(
        (0.090, 0.130, 0.175, 0.225, 0.255, 0.280, 0.310, 0.360, 0.400, 0.375, 0.310), _MOISTURE + _CARBONATE
    ),
    "wet chalky soil": Surface(
        (0.070, 0.098, 0.128, 0.168, 0.190, 0.206, 0.222, 0.235, 0.215, 0.155, 0.105), _WET + _CARBONATE
    ),
    "sand": Surface(
        (0.130, 0.195, 0.255, 0.320, 0.350, 0.370, 0.400, 0.440, 0.470, 0.455, 0.400), _IRON + _MOISTURE
    ),
    "gravel": Surface(
        (0.120, 0.155, 0.180, 0.210, 0.225, 0.235, 0.250, 0.275, 0.300, 0.290, 0.250), _MOISTURE + _CARBONATE
    ),
    "asphalt": Surface(
        (0.062, 0.072, 0.082, 0.095, 0.103, 0.110, 0.120, 0.136, 0.155, 0.160, 0.150), ((2310.0, 30.0, 0.05),)
    ),
    "concrete": Surface(
        (0.170, 0.220, 0.255, 0.285, 0.300, 0.310, 0.325, 0.345, 0.355, 0.330, 0.280), _MOISTURE + _CARBONATE
    ),
    "roof tile": Surface(
        (0.050, 0.066, 0.096, 0.205, 0.255, 0.265, 0.295, 0.345, 0.375, 0.370, 0.330), _IRON + _CLAY
    ),
    "slate": Surface((0.072, 0.082, 0.090, 0.098, 0.104, 0.108, 0.115, 0.130, 0.145, 0.140, 0.120), _CLAY),
    "metal roof": Surface((0.190, 0.235, 0.250, 0.255, 0.255, 0.255, 0.265, 0.290, 0.310, 0.300, 0.285)),
    "clear water": Surface(
        (0.034, 0.038, 0.030, 0.011, 0.0050, 0.0035, 0.0025, 0.0020, 0.0015, 0.0010, 0.0010)
    ),
    "turbid water": Surface(
        (0.036, 0.055, 0.088, 0.066, 0.028, 0.022, 0.008, 0.0040, 0.0020, 0.0015, 0.0010),
        ((675.0, 10.0, 0.15),),
    ),
}  # fmt: skip

_WHEAT = Canopy(48, 0.015, 0.005, 4.5)
_MAIZE = Canopy(42, 0.014, 0.005, 2.8, leaf_angle=45)
_RIPE = Canopy(0.5, 0.003, 0.006, 2.4, brown=0.9, soil_dryness=0.9)
_MEADOW = Canopy(38, 0.012, 0.005, 3.4, brown=0.05)
_BEET = Canopy(55, 0.028, 0.005, 4.2, leaf_angle=35)
_BROADLEAF = Canopy(46, 0.013, 0.008, 5.5, leaf_angle=45, soil_dryness=0.2)
_CONIFER = Canopy(58, 0.022, 0.016, 2.2, brown=0.25, leaf_angle=65, soil_dryness=0.0)

_CANOPIES = {
    "wheat": _WHEAT,
    "thin wheat": replace(_WHEAT, chlorophyll=36, leaf_area=1.6),
    "maize": _MAIZE,
    "young maize": replace(_MAIZE, leaf_area=0.7),
    "ripe cereal": _RIPE,
    "late cereal": replace(_RIPE, chlorophyll=6, water=0.006, brown=0.5, leaf_area=3.0),
    "stubble": Canopy(3, 0.002, 0.008, 0.9, brown=0.6, soil_dryness=1.0),
    "meadow": _MEADOW,
    "mown meadow": replace(_MEADOW, chlorophyll=22, leaf_area=1.2, brown=0.3),
    "beet": _BEET,
    "young beet": replace(_BEET, leaf_area=1.2),
    "broadleaf": _BROADLEAF,
    "young broadleaf": replace(_BROADLEAF, chlorophyll=38, dry_matter=0.005, leaf_area=3.8),
    "conifer": _CONIFER,
    "reed": Canopy(26, 0.012, 0.007, 3.0, brown=0.15, leaf_angle=70, soil_dryness=0.0),
}


def surface_spectra() -> dict[str, FloatArray]:
    """Reflectance of every surface and canopy at ``WAVELENGTH_NM``, each of shape ``(2101,)``."""
    return {name: thing.spectrum() for name, thing in {**_SURFACES, **_CANOPIES}.items()}


def band_reflectance(sensor_name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Reflectance of every surface and canopy in the ``c`` bands of a sensor, each of shape ``(c,)``."""
    grid = Grid("every nanometre", WAVELENGTH_NM, np.ones_like(WAVELENGTH_NM))
    matrix, _ = response_matrix(parametric_response(sensor(sensor_name)), grid)
    return {name: (matrix @ spectrum).astype(np.float32) for name, spectrum in surface_spectra().items()}
