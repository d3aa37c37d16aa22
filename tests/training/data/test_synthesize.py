import numpy as np
import pytest
import rasterio

from hyperlift.core.spectral import grid
from hyperlift.training.__main__ import main
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


def test_footprints_of_known_sensors_are_not_asked_for():
    with pytest.raises(ValueError, match="belongs to --response"):
        observers_of(["sentinel2a"], None, [10.0], 10.0)


def test_bands_beyond_the_spectra_are_refused_with_their_range(tmp_path):
    path = tmp_path / "micrometres.csv"
    path.write_text("um,green\n" + "\n".join(f"{0.5 + n / 1000},{int(20 < n < 80)}" for n in range(100)))
    with pytest.raises(ValueError, match=r"\(366 to 2496 nm\) does not support the bands green"):
        observers_of([], path, None, 10.0)


def test_other_pairs_in_the_folder_are_not_mixed_with_new_ones(maker, tmp_path):
    write_pairs(maker, tmp_path, count=2, side=12, seed=0, pixel_m=10.0)
    before = (tmp_path / "scene_0000_msi.tif").read_bytes()
    with pytest.raises(ValueError, match=r"other pairs \('scene_0001_msi.tif'\)"):
        write_pairs(maker, tmp_path, count=1, side=12, seed=1, pixel_m=10.0)
    assert (tmp_path / "scene_0000_msi.tif").read_bytes() == before
    write_pairs(maker, tmp_path, count=2, side=12, seed=1, pixel_m=10.0)
    assert (tmp_path / "scene_0000_msi.tif").read_bytes() != before
    (tmp_path / "valley").mkdir()
    (tmp_path / "scene_0001_msi.tif").rename(tmp_path / "valley" / "scene_0001_msi.tif")
    with pytest.raises(ValueError, match="other pairs"):
        write_pairs(maker, tmp_path, count=2, side=12, seed=1, pixel_m=10.0)


@pytest.mark.parametrize(("kind", "factor"), [("msi", 10_000), ("hsi", 100)])
def test_pairs_that_hold_no_reflectance_are_refused(maker, tmp_path, kind, factor):
    write_pairs(maker, tmp_path, count=1, side=12, seed=0, pixel_m=10.0)
    path = tmp_path / f"scene_0000_{kind}.tif"
    with rasterio.open(path, "r+") as file:
        file.write(file.read() * factor)
    with pytest.raises(ValueError, match=f"'scene_0000_{kind}.tif' holds values of .* -scale"):
        PairFolder(tmp_path, SceneConfig())
    with rasterio.open(path, "r+") as file:
        file.scales = [1 / factor] * file.count
    assert len(PairFolder(tmp_path, SceneConfig()).pairs) == 1


def test_pairs_without_data_in_their_middle_are_looked_at_too(maker, tmp_path):
    write_pairs(maker, tmp_path, count=1, side=90, seed=0, pixel_m=10.0)
    with rasterio.open(tmp_path / "scene_0000_msi.tif", "r+") as file:
        pixels = file.read() * 10_000
        pixels[:, 8:-8, 8:-8] = np.nan
        file.write(pixels)
    with pytest.raises(ValueError, match="holds values of"):
        PairFolder(tmp_path, SceneConfig())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["synthesize", "--pixel", "0"], "must be above 0, not 0"),
        (["synthesize", "--count", "0"], "must be above 0, not 0"),
        (["synthesize", "--side", "-3"], "must be above 0, not -3"),
        (["synthesize", "--native", "2"], "must be from 0 to 1, not 2"),
        (["synthesize", "--air=-1"], "must be from 0 to 1, not -1"),
        (["synthesize", "--air", "some"], "invalid number value: 'some'"),
        (["synthesize", "--pixel", "inf"], "must be above 0, not inf"),
        (["ingredients", "--processes", "0"], "must be above 0, not 0"),
        (["train", "--steps", "0"], "must be above 0, not 0"),
        (["train", "--rate", "zero"], "invalid number value: 'zero'"),
        (["train", "--steps", "1.5"], "invalid whole number value: '1.5'"),
    ],
)
def test_numbers_without_sense_are_refused(capsys, options, message):
    with pytest.raises(SystemExit):
        main(options)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["train", "--hold-out", "valley"], "give both"),
        (["evaluate", "--hold-out", "valley"], "give both"),
        (["evaluate", "--pairs", "pairs"], "--pairs needs --hold-out"),
    ],
)
def test_areas_and_pairs_belong_together(capsys, options, message):
    assert main(options) == 1
    assert message in capsys.readouterr().err


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
