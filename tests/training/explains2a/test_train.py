import shutil

import numpy as np
import pytest
import rasterio
import torch

from hyperlift.core.networks.agreement import smooth_inverse
from hyperlift.core.networks.experts import ExpertsConfig
from hyperlift.core.networks.explains2a import ExplainS2AConfig
from hyperlift.core.networks.sharpening import SharpeningConfig
from hyperlift.core.spectral import grid, parametric_response, response_matrix, sensor
from hyperlift.training.data.pairs import PairFolder
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.explains2a.bundled import bundled_sharpening
from hyperlift.training.explains2a.config import CONFIGS, TrainingConfig
from hyperlift.training.explains2a.perceptron import PerceptronConfig
from hyperlift.training.explains2a.sharpener import SharpenerConfig
from hyperlift.training.explains2a.task import LossConfig, ScheduleConfig
from hyperlift.training.explains2a.train import fitted_task, new_task, train
from hyperlift.training.losses import spectral_angle
from hyperlift.training.regression import Regression, fit_ridge


def write(path, pixels, nodata=None):
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(pixels),
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype="float32",
        crs="EPSG:32632",
        transform=rasterio.transform.from_origin(0, 0, 10, 10),
        nodata=nodata,
    ) as raster:
        raster.write(pixels.astype(np.float32))


@pytest.fixture(scope="module")
def pair_folder(tmp_path_factory):
    """Two scenes whose channels are a fixed linear map of the bands."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    mixing = rng.random((172, 12)) / 12
    for name in ("a", "b"):
        msi = rng.random((12, 30, 26))
        write(folder / f"{name}_msi.tif", msi)
        write(folder / f"{name}_hsi.tif", np.tensordot(mixing, msi, axes=1))
    return folder


@pytest.fixture
def tiny():
    return TrainingConfig(
        network=ExplainS2AConfig(features=8, blocks=1),
        sharpening=SharpeningConfig(features=8, dilations=(1,)),
        sharpener=SharpenerConfig(scenes=2, side=12, steps=2, batch=2),
        experts=ExpertsConfig(members=2, widths=(16,)),
        expert=PerceptronConfig(batches=2, steps=3, pixels=64),
        loss=LossConfig(tv=1e-4, angle=0.1),
        schedule=ScheduleConfig(steps=4),
        scenes=SceneConfig(sides=(12,), pixels=288),
    )


def weights(checkpoint):
    return torch.load(checkpoint, weights_only=False)["state_dict"]


def test_ridge_recovers_a_linear_map():
    rng = np.random.default_rng(0)
    weight, bias = rng.random((172, 12)), rng.random(172)
    inputs = [rng.random((500, 12)) for _ in range(3)]
    fit = fit_ridge(((x, x @ weight.T + bias) for x in inputs), penalty=1e-12)
    np.testing.assert_allclose(fit.weight, weight, atol=1e-8)
    np.testing.assert_allclose(fit.bias, bias, atol=1e-8)


def test_training_starts_resumes_and_logs(pair_folder, tiny, tmp_path):
    last = train(tiny, tmp_path / "run", pairs=pair_folder, accelerator="cpu")
    state = torch.load(last, weights_only=False)
    assert state["global_step"] == 4
    (told,) = (tmp_path / "run" / "csv").rglob("hparams.yaml")
    assert "precision: " in told.read_text()
    assert list((tmp_path / "run" / "tensorboard").rglob("events*"))
    again = train(tiny, tmp_path / "again", pairs=pair_folder, accelerator="cpu")
    for name, weight in weights(last).items():
        assert torch.equal(weight, weights(again)[name]), name


def test_resumed_run_sees_the_batches_it_would_have_seen(pair_folder, tiny, tmp_path):
    from hyperlift.training.explains2a.train import TrainingData

    class Trainer:
        global_step = 3

    data = TrainingData(PairFolder(pair_folder, tiny.scenes), seed=9, processes=0)
    straight = iter(data.train_dataloader())
    fourth = [next(straight) for _ in range(4)][3]
    data.trainer = Trainer()
    resumed = next(iter(data.train_dataloader()))
    assert torch.equal(fourth["msi"], resumed["msi"])


def test_nothing_to_resume_is_said(pair_folder, tiny, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing to resume.*Leave out --resume"):
        train(tiny, tmp_path / "none", pairs=pair_folder, accelerator="cpu", resume=True)


def test_pairs_keep_pixels_together(pair_folder):
    folder = PairFolder(pair_folder, SceneConfig(sides=(16,), pixels=512))
    batch = folder.batch(np.random.default_rng(0))
    assert batch.msi.shape == (2, 12, 16, 16)
    fit = fit_ridge(
        (
            (
                batch.msi.permute(0, 2, 3, 1).reshape(-1, 12).numpy(),
                batch.hsi.permute(0, 2, 3, 1).reshape(-1, 172).numpy(),
            ),
        )
    )
    error = fit.predict(batch.msi[0].numpy()) - batch.hsi[0].numpy()
    assert np.abs(error).max() < 1e-4


def test_nodata_in_a_pair_is_not_measured(tmp_path):
    msi, hsi = np.full((12, 20, 20), 0.2), np.full((172, 20, 20), 0.3)
    msi[3, :, 4] = -9999
    write(tmp_path / "x_msi.tif", msi, nodata=-9999)
    write(tmp_path / "x_hsi.tif", hsi)
    batch = PairFolder(tmp_path, SceneConfig(sides=(20,), pixels=400)).batch(np.random.default_rng(0))
    assert batch.measured.mean() == pytest.approx(0.95)
    assert batch.msi.min() >= 0


def test_patches_without_a_valid_pixel_are_drawn_again(tmp_path):
    msi, hsi = np.full((12, 40, 12), 0.2), np.full((172, 40, 12), np.nan)
    hsi[:, :2] = 0.3
    write(tmp_path / "x_msi.tif", msi)
    write(tmp_path / "x_hsi.tif", hsi)
    folder, rng = PairFolder(tmp_path, SceneConfig()), np.random.default_rng(0)
    assert all(folder.patch(rng, 12)[2].any() for _ in range(5))
    write(tmp_path / "x_hsi.tif", np.full_like(hsi, np.nan))
    with pytest.raises(ValueError, match="Hardly any pixel of the pairs is valid"):
        folder.patch(rng, 12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "holds no pairs named"),
        (lambda folder: write(folder / "x_msi.tif", np.zeros((12, 8, 8))), "has no partner 'x_hsi.tif'"),
        (
            lambda folder: [
                write(folder / "x_msi.tif", np.zeros((12, 8, 8))),
                write(folder / "x_hsi.tif", np.zeros((172, 8, 9))),
            ],
            "do not lie on the same pixels",
        ),
        (
            lambda folder: [
                write(folder / "x_msi.tif", np.zeros((4, 8, 8))),
                write(folder / "x_hsi.tif", np.zeros((172, 8, 8))),
            ],
            "has 4 bands; the sensor has 12",
        ),
        (
            lambda folder: [
                write(folder / "x_msi.tif", np.zeros((12, 8, 8))),
                write(folder / "x_hsi.tif", np.zeros((100, 8, 8))),
            ],
            "has 100 channels; 'aviris172' has 172",
        ),
    ],
)
def test_bad_pair_folders_are_explained(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(ValueError, match=message):
        PairFolder(tmp_path, SceneConfig())


def test_spectral_angle_is_exact_and_has_a_finite_gradient():
    a, b = torch.rand(1, 172, 3, 3).double(), torch.rand(1, 172, 3, 3).double()
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    torch.testing.assert_close(spectral_angle(a, b), cosine.arccos(), atol=1e-6, rtol=0)
    a.requires_grad_()
    spectral_angle(a, a.detach()).sum().backward()
    assert torch.isfinite(a.grad).all()


def test_paper_configuration_is_the_papers():
    paper = CONFIGS["explains2a-paper"]
    assert paper.schedule.rate == 1e-4
    assert paper.schedule.halve_at == (75_000, 150_000, 225_000)
    assert paper.scenes.sides == (64,)
    assert paper.scenes.pixels == 8 * 64 * 64
    assert paper.loss == LossConfig(tv=1e-3, angle=0.0)
    assert len(grid(paper.scenes.target)) == 172


@pytest.fixture
def areas(pair_folder, tmp_path):
    """The pairs again, ``a`` in the area ``north`` and ``b`` by itself."""
    for name, place in (("a", tmp_path / "north"), ("b", tmp_path)):
        place.mkdir(exist_ok=True)
        for kind in ("msi", "hsi"):
            shutil.copy(pair_folder / f"{name}_{kind}.tif", place)
    return tmp_path


def test_areas_of_pairs_are_held_out_as_a_whole(areas):
    folder = PairFolder(areas, SceneConfig(sides=(12,), pixels=144), held_out=["north"])
    assert [pair.name for pair in folder.pairs] == ["b"]
    (scene,) = folder.held_out_scenes()
    assert scene.name == "a"
    assert scene.msi.shape == (1, 12, 30, 26)
    assert scene.hsi.shape == (1, 172, 30, 26)
    assert scene.measured.all()
    own = PairFolder(areas, SceneConfig(), held_out=["b"])
    assert [pair.name for pair in own.pairs] == ["a"]


@pytest.mark.parametrize(
    ("held_out", "message"),
    [(["south"], "no area 'south'; its areas are b, north"), (["north", "b"], "All areas")],
)
def test_areas_that_cannot_be_held_out(areas, tmp_path, held_out, message):
    with pytest.raises(ValueError, match=message):
        train(
            CONFIGS["explains2a-small"], tmp_path / "run", pairs=areas, hold_out=held_out, accelerator="cpu"
        )


def test_all_areas_may_be_measured_on(areas):
    assert len(list(PairFolder(areas, SceneConfig(), ["north", "b"]).held_out_scenes())) == 2


def test_a_part_of_the_data(collections):
    image, library = (collection.part(0.5) for collection in collections)
    assert image.shape == (20, 40)
    np.testing.assert_array_equal(image.spectra, collections[0].spectra[:800])
    assert len(library.spectra) == 100
    assert np.isin(library.spectra[:, 0], collections[1].spectra[:, 0]).all()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_makes_a_task_that_starts_at_the_regression(name):
    config = CONFIGS[name]
    response, _ = response_matrix(parametric_response(sensor("sentinel2a")), grid("aviris172"))
    ridge = Regression(smooth_inverse(response, grid("aviris172")), np.zeros(172))
    task = new_task(config, ridge).eval()
    msi = torch.rand(1, 12, 8, 9)
    with torch.no_grad():
        spectral, _ = task(msi)
    expected = ridge.predict(msi[0].numpy()).clip(min=0)
    assert np.corrcoef(spectral[0].numpy().ravel(), expected.ravel())[0, 1] > 0.9


def test_short_runs_take_the_sharpening_of_the_bundled_model(collections, tmp_path):
    config = CONFIGS["explains2a-small"]
    maker = SceneMaker(collections, SceneConfig(sides=(8,), pixels=64, vegetation=False))
    task, bundled = fitted_task(config, maker, tmp_path), bundled_sharpening(12, config.sharpening)
    for name, weight in task.sharpening.state_dict().items():
        assert torch.equal(weight, bundled.state_dict()[name])
    assert list(tmp_path.iterdir()) == []
