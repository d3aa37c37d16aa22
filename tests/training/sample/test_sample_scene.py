"""The bundled sample scene and the code that makes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("prosail")

from hyperlift.core.spectral import sensor  # noqa: E402
from hyperlift.training.sample.scene import make_sample_scene, sample_scene  # noqa: E402

BUNDLED = Path(__file__).parents[3] / "resources" / "sample" / "sentinel2_sample.tif"
BANDS = sensor("sentinel2a").band_names


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return sample_scene(size=120, seed=3)


def reflectance(scene: np.ndarray) -> dict[str, np.ndarray]:
    return {name: band / 10_000.0 for name, band in zip(BANDS, scene)}


def index(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first - second) / (first + second)


def test_seed_decides_every_pixel(scene):
    np.testing.assert_array_equal(sample_scene(size=120, seed=3), scene)
    assert (sample_scene(size=120, seed=4) != scene).mean() > 0.9


@pytest.mark.parametrize("band", sensor("sentinel2a").bands, ids=BANDS)
def test_coarse_pixels_are_repeated_on_the_10_m_grid(scene, band):
    pixels, repeats = scene[BANDS.index(band.name)], round(band.footprint_m / 10)
    native = pixels[::repeats, ::repeats]
    np.testing.assert_array_equal(native.repeat(repeats, 0).repeat(repeats, 1), pixels)
    assert (np.diff(native.astype(int), axis=0) != 0).mean() > 0.9


def test_plants_have_a_red_edge(scene):
    band = reflectance(scene)
    plants = index(band["B8"], band["B4"]) > 0.75
    assert plants.mean() > 0.1
    steps = [np.median(band[name][plants]) for name in ("B4", "B5", "B6", "B7")]
    assert steps == sorted(steps)
    assert steps[0] < 0.05
    assert steps[-1] > 0.25
    assert np.median(band["B12"][plants]) < np.median(band["B11"][plants]) < np.median(band["B8"][plants])


def test_water_is_dark_in_the_infrared(scene):
    band = reflectance(scene)
    water = (index(band["B3"], band["B8"]) > 0.5) & (band["B11"] < 0.02)
    assert water.mean() > 0.01
    medians = [np.median(band[name][water]) for name in ("B3", "B8", "B11")]
    assert medians[0] > medians[1] > medians[2]
    assert 0.02 < medians[0] < 0.12


def test_bare_soil_rises_towards_the_infrared(scene):
    band = reflectance(scene)
    soil = (index(band["B8"], band["B4"]) < 0.25) & (band["B11"] > 0.15)
    assert soil.mean() > 0.01
    medians = [np.median(band[name][soil]) for name in ("B2", "B3", "B4", "B8", "B11")]
    assert medians == sorted(medians)


def test_size_must_fit_the_60_m_pixels():
    with pytest.raises(ValueError, match="The size is 100 pixels; it must be a positive multiple of 6"):
        sample_scene(size=100)


def test_file_is_a_georeferenced_sentinel2_stack(tmp_path):
    make_sample_scene(tmp_path / "scene.tif", size=60)
    with rasterio.open(tmp_path / "scene.tif") as file:
        assert list(file.descriptions) == BANDS
        assert file.dtypes == ("uint16",) * 12
        assert file.crs.to_epsg() == 32633
        assert file.res == (10.0, 10.0)


def test_bundled_scene_is_what_the_code_makes():
    assert BUNDLED.stat().st_size < 1_000_000
    with rasterio.open(BUNDLED) as file:
        bundled = file.read().astype(int)
        assert list(file.descriptions) == BANDS
    # Other builds of numpy and scipy may round differently at the last digit.
    assert np.abs(bundled - sample_scene()).max() <= 1
