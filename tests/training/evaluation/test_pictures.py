"""Pictures, on a stand-in for a lifted scene."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.evaluation import pictures

SCENE = Path(__file__).parents[3] / "resources" / "sample" / "sentinel2_sample.tif"


@pytest.fixture(scope="module")
def lifted(tmp_path_factory) -> Path:
    """The sample scene, each of 172 bands a copy of the nearest of its bands, with one nodata pixel."""
    path, wavelength = tmp_path_factory.mktemp("demo") / "lifted.tif", grid("aviris172").wavelength_nm
    nearest = np.abs(wavelength[:, None] - sensor("sentinel2a").centre_nm).argmin(axis=1)
    with rasterio.open(SCENE) as scene:
        pixels, profile = scene.read().astype(np.int16)[nearest], scene.profile
    pixels[:, 0, 0] = -32768
    with rasterio.open(path, "w", **{**profile, "count": 172, "dtype": "int16", "nodata": -32768}) as file:
        file.write(pixels)
        file.scales = [1e-4] * 172
        for band, nm in enumerate(wavelength, 1):
            file.update_tags(band, wavelength=str(nm))
    return path


def test_output_is_read_as_reflectance_in_order_of_wavelength(lifted):
    wavelength, pixels = pictures.read_output(lifted)
    assert (np.diff(wavelength) > 0).all()
    assert np.isnan(pixels[:, 0, 0]).all()
    assert 0.0 < np.nanmedian(pixels) < 1.0


def test_pixels_are_what_their_names_say():
    msi = pictures.read_input(SCENE)
    chosen = pictures.choose_pixels(msi)
    band = {
        kind: dict(zip(sensor("sentinel2a").band_names, msi[:, row, column]))
        for kind, (row, column) in chosen.items()
    }
    assert band["water"]["B11"] < 0.02
    assert band["vegetation"]["B8"] > 5 * band["vegetation"]["B4"]
    assert band["soil"]["B2"] < band["soil"]["B4"] < band["soil"]["B8"] < band["soil"]["B11"]
    assert band["built-up"]["B2"] > 0.6 * band["built-up"]["B11"]


def test_ground_that_a_scene_lacks_has_no_pixel_and_no_curve(lifted, tmp_path):
    meadow, path = np.zeros((12, 9, 9), np.float32), tmp_path / "meadow.tif"
    leaf = dict.fromkeys(("B2", "B3", "B4", "B8", "B11"), 0.05) | {"B8": 0.4}
    for name, value in leaf.items():
        meadow[sensor("sentinel2a").band_names.index(name), :, :6] = value  # the rest is fill
    chosen = pictures.choose_pixels(meadow)
    assert list(chosen) == ["vegetation"]
    assert chosen["vegetation"][1] < 6
    assert pictures.choose_pixels(np.zeros((12, 9, 9), np.float32)) == {}
    lake = np.full((12, 9, 9), 0.02, np.float32)
    for name, value in {"B3": 0.05, "B4": 0.01, "B8": -0.01}.items():  # an offset may leave less than nothing
        lake[sensor("sentinel2a").band_names.index(name)] = value
    assert list(pictures.choose_pixels(lake)) == ["water"]
    row, column = pictures.choose_pixels(pictures.read_input(SCENE))["vegetation"]
    with rasterio.open(SCENE) as scene:
        profile, pixels = scene.profile, scene.read()
    pixels[:] = pixels[:, row, column, None, None]
    pixels[:, :3, :3] = 0
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
    pictures.draw_scene(path, lifted, tmp_path / "meadow.png")
    curves = pictures.plt.imread(tmp_path / "meadow.png")[500:, :, :3]
    assert curves[:, 450:].std() == 0 < curves[:, :400].std()


def test_picture_is_drawn(lifted, tmp_path):
    pictures.draw_scene(SCENE, lifted, tmp_path / "demo.png")
    pixels = pictures.plt.imread(tmp_path / "demo.png")
    assert pixels.shape[:2] == (860, 1600)
    assert pixels[..., :3].std() > 0.1
