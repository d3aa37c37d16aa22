"""Maps of the closest material: against a loop over pixels, with nodata, over tiles."""

from __future__ import annotations

import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.raster.arrays import ArraySink, ArraySource
from hyperlift.core.raster.blocks import BandTable
from hyperlift.core.spectral import SpectralLibrary
from hyperlift.core.spectral.matching import Matcher
from hyperlift.core.unmixing import image
from hyperlift.core.unmixing.identification import map_materials
from hyperlift.core.unmixing.image import ImagePixels
from hyperlift.core.unmixing.statistics import UnmixingError

X = np.linspace(450.0, 2350.0, 40)


@pytest.fixture
def minerals() -> SpectralLibrary:
    rows = [0.4 * (1 - 0.4 * np.exp(-(((X - centre) / 90) ** 2))) for centre in (900, 1500, 2100)]
    return SpectralLibrary(("goethite", "gypsum", "clay"), np.stack(rows), X)


def pixels_of(spectra: np.ndarray, wavelength=X) -> ImagePixels:
    bands = BandTable(("",) * len(spectra), tuple(wavelength), (np.nan,) * len(spectra))
    return ImagePixels(ArraySource(spectra.astype(np.float32), bands=bands))


@pytest.fixture
def scene(minerals) -> tuple[np.ndarray, np.ndarray]:
    """Pixels ``(40, 37, 45)`` of materials ``(37, 45)`` with noise and any brightness; one is black."""
    random = np.random.default_rng(3)
    true = random.integers(0, 3, (37, 45))
    pixels = minerals.spectra[true].transpose(2, 0, 1) * random.uniform(0.2, 1.5, true.shape)
    pixels += random.normal(0, 1e-3, pixels.shape)
    pixels[:, 5, 6] = np.nan
    pixels[:, 8, 9] = 0.0
    return pixels, true


@pytest.mark.parametrize("method", ["angle", "correlation"])
def test_map_is_what_each_pixel_alone_gives(minerals, scene, method, monkeypatch):
    monkeypatch.setattr(image, "BLOCK_BYTES", 4 * 16**2 * 300)  # tiles of 16 pixels
    pixels, true = scene
    sinks = []
    counts = map_materials(
        pixels_of(pixels), minerals, method, lambda profile: sinks.append(ArraySink(profile)) or sinks[0]
    )
    material, angle, correlation = sinks[0].pixels
    matcher = Matcher(minerals, X)
    for row, column in ((0, 0), (36, 44), (17, 16), (15, 31)):
        best = matcher.closest(pixels[:, row, column].astype(np.float32).astype(float), 1, method)[0]
        assert material[row, column] == best.number + 1
        assert angle[row, column] == pytest.approx(best.angle_deg, abs=1e-4)
        assert correlation[row, column] == pytest.approx(best.correlation, abs=1e-6)
    valid = np.isfinite(material)
    assert not valid[5, 6]
    assert material[8, 9] == 0
    known = valid & (material > 0)
    assert (material[known] == true[known] + 1).mean() > 0.99
    assert counts.unlike == 1
    assert counts.pixels.tolist() == [int((material == number).sum()) for number in (1, 2, 3)]
    for number in range(3):
        where = material == number + 1
        assert counts.angle_deg[number] == pytest.approx(angle[where].mean(dtype=float), rel=1e-5)
        assert counts.correlation[number] == pytest.approx(correlation[where].mean(dtype=float), rel=1e-5)
    assert list(counts.order) == list(np.argsort(-counts.pixels, kind="stable"))


def test_no_map_is_needed_for_the_counts(minerals, scene):
    counts = map_materials(pixels_of(scene[0]), minerals, "angle")
    assert counts.pixels.sum() == 37 * 45 - 2


def test_materials_that_were_not_found_are_not_listed(minerals):
    pixels = np.tile(minerals.spectra[2][:, None, None], (1, 3, 3))
    counts = map_materials(pixels_of(pixels), minerals, "angle")
    assert [counts.names[number] for number in counts.order] == ["clay"]
    assert np.isnan(counts.angle_deg[:2]).all()


def test_library_of_other_wavelengths_and_empty_images_are_refused(minerals):
    far = SpectralLibrary(minerals.names, minerals.spectra, X + 5000)
    with pytest.raises(SpectralError, match="covers at least half of the 40 channels"):
        map_materials(pixels_of(np.ones((40, 2, 2))), far, "angle")
    with pytest.raises(UnmixingError, match="has no valid pixel"):
        map_materials(pixels_of(np.full((40, 2, 2), np.nan)), minerals, "angle")


def test_spectra_without_absorptions_are_no_material_by_correlation(minerals):
    """A flat one and straight lines, as single precision stores them."""
    lines = np.stack(
        [np.full(40, 0.2), np.linspace(0.1, 0.4, 40), np.linspace(0.5, 0.2, 40), minerals.spectra[2]]
    )
    sinks = []
    counts = map_materials(
        pixels_of(lines.T[:, None]),
        minerals,
        "correlation",
        lambda profile: sinks.append(ArraySink(profile)) or sinks[0],
    )
    np.testing.assert_array_equal(sinks[0].pixels[0], [[0, 0, 0, 3]])
    assert np.isnan(sinks[0].pixels[1:, 0, :3]).all()
    assert counts.unlike == 3
    np.testing.assert_array_equal(counts.pixels, [0, 0, 1])
