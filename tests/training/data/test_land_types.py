import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.data.land_types import LAND_TYPES, NO_DATA, land_types

GRID = grid("aviris172").wavelength_nm
# Reflectance at 490, 560, 665, 832, 1610 and 2200 nm, of the textbooks.
SPECTRA = {
    "snow and bright": (0.9, 0.9, 0.88, 0.8, 0.1, 0.08),
    "water": (0.05, 0.04, 0.03, 0.01, 0.003, 0.002),
    "green vegetation": (0.03, 0.06, 0.03, 0.45, 0.2, 0.1),
    "dry vegetation and soil": (0.08, 0.12, 0.18, 0.27, 0.38, 0.32),
    "built-up and other": (0.14, 0.15, 0.16, 0.17, 0.19, 0.18),
}


def typical(kind):
    order = np.argsort(GRID)
    curve = np.interp(GRID[order], (490, 560, 665, 832, 1610, 2200), SPECTRA[kind])
    return curve[np.argsort(order)]


def test_textbook_spectra_are_named():
    image = np.stack([typical(kind) for kind in LAND_TYPES] + [np.zeros(172)], axis=1)[:, None, :]
    np.testing.assert_array_equal(land_types(image, GRID), [[*range(len(LAND_TYPES)), NO_DATA]])
    np.testing.assert_array_equal(land_types(image[None], GRID)[0], land_types(image, GRID))


@pytest.mark.parametrize(
    ("word", "kind", "share"),
    [
        ("lake", "water", 0.9),
        ("green_sports", "green vegetation", 0.9),
        ("senesced", "dry vegetation and soil", 0.9),
        ("agricultural_soil", "dry vegetation and soil", 0.9),
        ("asphalt_rd", "built-up and other", 0.8),
    ],
)
def test_labelled_spectra_are_named(shared_data, word, kind, share):
    path = shared_data / "libraries" / "roberts2017_urban.npz"
    if not path.is_file():
        pytest.skip("no labelled library")
    with np.load(path) as table:
        chosen = np.char.find(np.char.lower(table["names"]), word) >= 0
        spectra, wavelength = table["spectra"][chosen], table["wavelength_nm"]
    assert len(spectra) >= 5
    named = land_types(spectra.T[:, None], wavelength)
    assert (named == LAND_TYPES.index(kind)).mean() >= share
