import numpy as np
import pytest
import rasterio

from hyperlift.core.spectral import grid
from hyperlift.training.data.pairs import PairFolder
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.data.spectra import target_grid
from hyperlift.training.data.synthesize import observers_of, write_pairs


@pytest.fixture
def response(tmp_path):
    path = tmp_path / "camera.csv"
    rows = [
        f"{nm},{int(520 < nm < 600)},{int(620 < nm < 700)},{int(780 < nm < 900)}" for nm in range(450, 1000)
    ]
    path.write_text("nm,green,red,infrared\n" + "\n".join(rows))
    return path


def test_pairs_are_what_training_reads(maker, tmp_path):
    write_pairs(maker, tmp_path, count=2, side=24, seed=0, pixel_m=10.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"scene_{number:04d}_{kind}.tif" for number in range(2) for kind in ("hsi", "msi")
    ]
    batch = PairFolder(tmp_path, SceneConfig(sides=(12,), pixels=288)).batch(np.random.default_rng(0))
    assert batch.msi.shape == (2, 12, 12, 12)
    assert batch.hsi.shape == batch.measured.shape == (2, 172, 12, 12)
    with rasterio.open(tmp_path / "scene_0001_hsi.tif") as file:
        assert file.descriptions[0] == f"{grid('aviris172').wavelength_nm[0]:.1f} nm"
        assert file.crs.to_epsg() == 32633


def test_scenes_depend_on_the_seed_alone(maker, tmp_path):
    for name, count, seed in (("a", 1, 5), ("b", 3, 5), ("c", 1, 6)):
        write_pairs(maker, tmp_path / name, count=count, side=12, seed=seed, pixel_m=10.0)
    images = []
    for name in "abc":
        with rasterio.open(tmp_path / name / "scene_0000_msi.tif") as file:
            images.append(file.read())
    np.testing.assert_array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


def test_unmeasured_channels_are_left_out_of_a_pair(collections, tmp_path):
    gapped = [collections[1]]
    maker = SceneMaker(gapped, SceneConfig(vegetation=False))
    write_pairs(maker, tmp_path, count=1, side=12, seed=0, pixel_m=10.0)
    with rasterio.open(tmp_path / "scene_0000_hsi.tif") as file:
        missing = np.isnan(file.read()).all(axis=(1, 2))
    expected = np.isin(grid("aviris172").wavelength_nm, grid("aviris224").wavelength_nm[~gapped[0].measured])
    np.testing.assert_array_equal(missing, expected)
    batch = PairFolder(tmp_path, SceneConfig(sides=(12,), pixels=144)).batch(np.random.default_rng(0))
    np.testing.assert_array_equal(batch.measured[0].mean(dim=(1, 2)).numpy() == 0, expected)


def test_another_sensor_at_one_resolution(collections, response, tmp_path):
    observers = observers_of([], response, None, 5.0)
    table = tmp_path / "camera_grid.csv"
    table.write_text("wavelength_nm,fwhm_nm\n" + "\n".join(f"{nm},12" for nm in range(500, 950, 15)))
    config = SceneConfig(target=str(table), native_share=1.0, point_spread_share=0.0, air_share=0.0)
    maker = SceneMaker(collections, config, observers=observers)
    msi, hsi, measured = maker.patch(np.random.default_rng(0), 12)
    assert msi.shape == (3, 12, 12)
    assert hsi.shape == (30, 12, 12)
    assert measured.shape == (30,)
    green = (maker.target.wavelength_nm > 525) & (maker.target.wavelength_nm < 595)
    np.testing.assert_allclose(msi[0], hsi[green].mean(axis=0), rtol=0.03, atol=0.004)


def test_footprints_of_a_response_file(response):
    assert observers_of([], response, [5.0, 10.0, 20.0], 5.0)[0].factors.tolist() == [1, 2, 4]
    with pytest.raises(ValueError, match="2 footprints were given for the 3 bands"):
        observers_of([], response, [5.0, 10.0], 5.0)


def test_a_grid_file_without_its_columns_is_refused(tmp_path):
    table = tmp_path / "wrong.csv"
    table.write_text("nm\n500\n")
    with pytest.raises(ValueError, match="wavelength_nm and fwhm_nm"):
        target_grid(str(table))


def test_a_grid_beyond_the_spectra_is_refused(collections, tmp_path):
    table = tmp_path / "far.csv"
    table.write_text("wavelength_nm,fwhm_nm\n2400,10\n2700,10\n")
    with pytest.raises(ValueError, match="reaches beyond"):
        SceneMaker(collections, SceneConfig(target=str(table)))
