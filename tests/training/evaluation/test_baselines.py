import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.sensing import Observer
from hyperlift.training.data.spectra import load_collections
from hyperlift.training.evaluation.baselines import NearestNeighbours, ridge, scene_oracle, sharpen, spline
from hyperlift.training.evaluation.scores import HeldOutScene, held_out_scenes, score
from hyperlift.training.regression import fit_ridge, pixel_table

SENSOR = sensor("sentinel2a")
FINE = SENSOR.footprint_m == 10


def seen_natively(image):
    """Replace the pixels of the coarse bands by the means over their footprints, block by block."""
    image = image.copy()
    for band, metres in enumerate(SENSOR.footprint_m):
        size = int(metres // 10)
        for row in range(0, image.shape[1], size):
            for column in range(0, image.shape[2], size):
                block = image[band, row : row + size, column : column + size]
                block[:] = block.mean()
    return image


def test_spline_goes_through_the_bands():
    pixels = np.random.default_rng(0).random((12, 2, 3))
    np.testing.assert_allclose(spline(SENSOR.centre_nm)(pixels), pixels, atol=1e-9)
    flat = spline(grid("aviris172").wavelength_nm)(np.full((12, 1, 1), 0.3))
    np.testing.assert_allclose(flat, 0.3, atol=1e-9)
    line = spline(np.linspace(450, 2200, 50))(SENSOR.centre_nm[:, None, None] / 2500)
    np.testing.assert_allclose(line[:, 0, 0], np.linspace(450, 2200, 50) / 2500, atol=1e-9)


def test_nearest_neighbours_know_what_was_drawn(maker):
    batch = maker.batch(np.random.default_rng([4, 0]))
    method = NearestNeighbours(maker, batches=2, neighbours=3)
    estimate, truth = method.predict(batch.msi[0].numpy()), batch.hsi[0].numpy()
    assert estimate.shape == truth.shape
    assert np.abs(estimate - truth).max() < 1e-3


def test_ridge_is_of_what_is_drawn(maker):
    batch = maker.batch(np.random.default_rng([1, 0]))
    fit = fit_ridge([(pixel_table(batch.msi).numpy(), pixel_table(batch.hsi).numpy())])
    image = batch.msi[0].numpy()
    np.testing.assert_allclose(ridge(maker, 1)(image), fit.predict(image), atol=1e-6)


def test_oracle_finds_the_linear_map_of_a_scene():
    rng = np.random.default_rng(0)
    msi = rng.random((2, 12, 12, 12)).astype(np.float32)
    hsi = np.einsum("Cc,tchw->tChw", rng.random((20, 12)) / 12, msi).astype(np.float32) + 0.05
    scene = HeldOutScene("s", "one resolution", msi, hsi, np.ones(20, bool), np.linspace(400, 2400, 20))
    np.testing.assert_allclose(scene_oracle(scene), hsi, atol=1e-4)


@pytest.mark.parametrize("size", [(48, 60), (32, 32), (25, 40)])
def test_sharpening_is_exact_where_fine_bands_tell_everything(size):
    rng = np.random.default_rng(1)
    image = rng.random((12, *size)).astype(np.float32)
    mixing = rng.random((int((~FINE).sum()), int(FINE.sum()))) / 4
    image[~FINE] = np.tensordot(mixing, image[FINE], axes=1) + 0.1
    result = sharpen(np.stack([seen_natively(image)]))[0]
    np.testing.assert_array_equal(result[FINE], image[FINE])
    np.testing.assert_allclose(result[~FINE], image[~FINE], atol=1e-3)


def test_what_fine_bands_do_not_tell_is_interpolated():
    image = np.full((12, 48, 48), 0.3, np.float32)
    smooth = gaussian_filter(np.random.default_rng(2).standard_normal((48, 48)), 8)
    image[~FINE] = smooth / smooth.std() * 0.1 + 0.5
    blocks = seen_natively(image)
    before, after = (np.abs(bands - image)[~FINE].mean() for bands in (blocks, sharpen(blocks[None])[0]))
    assert after < 0.7 * before


def test_footprints_agree_with_the_observers():
    scene = np.random.default_rng(3).random((224, 32, 50)).astype(np.float32)
    observer = Observer(SENSOR, grid("aviris224"))
    np.testing.assert_allclose(observer.see_native(scene), seen_natively(observer.see(scene)), atol=1e-5)


def test_sharpening_helps_on_a_real_scene(shared_data, tmp_path):
    (tmp_path / "cubes").mkdir()
    name = "salton_sea_aviris.npz"
    (tmp_path / "cubes" / name).symlink_to((shared_data / "cubes" / name).resolve())
    one, native = held_out_scenes(load_collections(tmp_path), "aviris172")
    fine = scene_oracle(one)  # learnt where nothing is blurred
    assert score(one, "oracle", lambda msi: fine[0]).psnr > 48
    before, after = (np.abs(bands - one.msi).mean() for bands in (native.msi, sharpen(native.msi)))
    assert after < 0.5 * before
