from dataclasses import replace

import numpy as np
import pytest
import rasterio

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.sensing import Observer
from hyperlift.training.data.texture import (
    TEXTURES,
    Look,
    explain,
    explain_textures,
    read_fine_images,
    read_image,
    read_texture,
)

OBSERVER = Observer(sensor("sentinel2a"), grid("aviris224"))
TEN = [number for number, name in enumerate(sensor("sentinel2a").band_names) if name not in ("B1", "B9")]


@pytest.fixture
def image(collections):
    """Bands ``(10, 30, 34)`` of mixtures of two of the collections' spectra that change over the image."""
    library = collections[1].spectra
    share = np.linspace(0, 1, 30 * 34, dtype=np.float32)
    spectra = 0.8 * (share[:, None] * library[3] + (1 - share[:, None]) * library[7])
    return OBSERVER.see(spectra.T.reshape(224, 30, 34))[TEN]


def test_explained_land_has_nearly_the_same_bands(image, collections):
    texture = explain(image, collections, np.random.default_rng(0))
    scene, _ = texture.crop(4, 6, 20)
    assert scene.shape == (224, 20, 20)
    assert scene.min() >= 0
    expected = image[:, 4:24, 6:26]
    assert np.abs(OBSERVER.see(scene)[TEN] - expected).mean() < 0.08 * expected.mean()


def test_channels_measured_in_few_of_the_spectra_are_not_called_measured(image, collections):
    library = [collections[1]]
    _, measured = explain(image, library, np.random.default_rng(0)).crop(0, 0, 10)
    np.testing.assert_array_equal(measured, collections[1].measured)


def write(path, pixels):
    numbers = np.rint(pixels * 1e4).astype(np.uint16)
    profile = {"driver": "GTiff", "count": len(pixels), "height": 30, "width": 34, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers)


def test_images_of_twelve_or_ten_bands_are_read_alike(image, tmp_path):
    twelve = np.zeros((12, 30, 34), np.float32)
    twelve[TEN] = image
    write(tmp_path / "ten.tif", image)
    write(tmp_path / "twelve.tif", twelve)
    for name in ("ten.tif", "twelve.tif"):
        np.testing.assert_allclose(read_texture(tmp_path / name, Look(False, 1)), image, atol=1e-4)
    bands = read_image(tmp_path / "twelve.tif", Look(False, 1))
    assert np.isnan(bands[[0, 9]]).all()
    assert np.isfinite(read_image(tmp_path / "twelve.tif", Look(False, 1, True))).all()
    np.testing.assert_allclose(bands[TEN], image, atol=1e-4)
    dark = read_texture(tmp_path / "ten.tif", Look(True, 1))
    np.testing.assert_allclose(dark.min(axis=(1, 2)), 0.1 * image.min(axis=(1, 2)), atol=2e-3)
    halved = read_texture(tmp_path / "ten.tif", Look(False, 2))
    np.testing.assert_allclose(halved[:, 1, 2], image[:, 2:4, 4:6].mean(axis=(1, 2)), atol=1e-4)


def test_fine_bands_are_read_at_full_resolution_where_the_coarse_ones_are_repeated(image, tmp_path):
    repeated, resolved = ([name for name, look in TEXTURES.items() if look.repeats == n] for n in (2, 1))
    assert read_fine_images(tmp_path) == []
    for name in (repeated[0], resolved[0]):
        write(tmp_path / name, image)
    (found,) = read_fine_images(tmp_path)
    assert found.shape == (12, 30, 34)
    fine = [1, 2, 3, 7]
    expected = read_image(tmp_path / repeated[0], replace(TEXTURES[repeated[0]], repeats=1))
    np.testing.assert_array_equal(found[fine], expected[fine])
    assert np.isnan(np.delete(found, fine, axis=0)).all()


def test_every_image_in_the_folder_is_explained_again_and_again(image, collections, tmp_path):
    assert explain_textures(tmp_path, collections) == []
    write(tmp_path / next(iter(TEXTURES)), image)
    textures = explain_textures(tmp_path, collections, variants=2)
    assert len(textures) == 2
    assert not np.array_equal(textures[0].spectra, textures[1].spectra)
