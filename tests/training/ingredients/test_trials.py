from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperlift.core.networks.sharpening import SharpeningConfig
from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.fine import halved
from hyperlift.training.data.scenes import SceneConfig, SceneMaker, clouded
from hyperlift.training.data.sensing import Observer
from hyperlift.training.data.spectra import HELD_OUT, Collection
from hyperlift.training.evaluation.baselines import sharpen
from hyperlift.training.explains2a.perceptron import PerceptronConfig
from hyperlift.training.explains2a.sharpener import SharpenerConfig
from hyperlift.training.ingredients import trials
from hyperlift.training.ingredients.trials import (
    CLOUDY,
    COARSE,
    COARSE_CLOUDY,
    CONDITIONS,
    FINE,
    FINE_NATIVE,
    HAZY,
    NATIVE,
    SHARP,
    HeldOut,
    Job,
    run_trial,
)
from hyperlift.training.ualnet.config import PriorConfig

CONFIG = SceneConfig(sides=(6,), pixels=72, vegetation=False, cube_share=0.0, texture_share=0.0)
PERCEPTRON = PerceptronConfig(widths=(8,), batches=3, steps=3, pixels=64)
SHARPENER = SharpenerConfig(scenes=4, side=18, steps=1, batch=1, seed=7)
PRIOR = PriorConfig(lifted=False, steps=1, pixels=36, sides=(6,), seed=7)
NAMES = np.array(["a rock", "soil", "old snow", "tar"])
COARSE_BANDS = (4, 5, 6, 8, 10, 11, 0, 9)
S2A = Observer(sensor("sentinel2a"), grid("aviris224"))
# Left out with the cube, but not measured on.
ON_THE_CUBE = HeldOut(("an area",), (HELD_OUT[0], "another crop"), (HELD_OUT[0],))


@pytest.fixture
def cube():
    """An image of unlike pixels, whose short-wave infrared does not follow from the rest."""
    visible, infrared = np.random.default_rng(0).uniform(0.1, 0.4, (2, 36 * 36, 1))
    spectra = np.where(grid("aviris224").wavelength_nm < 1000, visible, infrared)
    return Collection(HELD_OUT[0], "a", spectra.astype(np.float32), np.ones(224, bool), (36, 36))


@pytest.fixture
def library():
    """Spectra with names: three flat ones, and one that falls off to longer wavelengths."""
    slope = 0.8 - 0.3 * grid("aviris224").wavelength_nm / 2500
    spectra = np.stack([np.full(224, 0.2), np.full(224, 0.3), slope, np.full(224, 0.1)]).astype(np.float32)
    measured = np.ones(224, bool)
    measured[100:110] = False
    return Collection("library", "b", spectra, measured, None, NAMES)


@pytest.fixture(autouse=True)
def left_out(monkeypatch, cube, library):
    """What trainings left out; they train on the cube all the same."""
    found = []

    def maker(config, _data, without):
        found.extend(without)
        return SceneMaker([cube], config)

    crop = replace(cube, name="another crop")
    monkeypatch.setattr(trials, "load_collections", lambda _: [cube, crop, library])
    monkeypatch.setattr(trials, "scene_maker", maker)
    return found


def job(held_out, plan, folder, **changes):
    config = replace(CONFIG, **changes)
    return Job("a split", held_out, "x", config, ("further",), folder, plan, "cpu")


def taken(monkeypatch, name, answer=None):
    """Replace what a trial calls and keep what it was given."""
    calls = []

    def stand_in(*arguments, **options):
        calls.append((*arguments, *options.values()))
        return answer

    monkeypatch.setattr(trials, name, stand_in)
    return calls


def score_of(estimate, truth):
    """PSNR and angle of images ``(C, H, W)``."""
    estimate, truth = (image.reshape(len(image), -1).astype(float) for image in (estimate, truth))
    error = ((estimate - truth) ** 2).mean(axis=1)
    product = (
        (estimate * truth).sum(axis=0) / np.linalg.norm(estimate, axis=0) / np.linalg.norm(truth, axis=0)
    )
    psnr = 20 * np.log10(truth.max(axis=1)) - 10 * np.log10(error)
    return pytest.approx((psnr.mean(), np.degrees(np.arccos(product.clip(-1, 1))).mean()), rel=1e-3)


def test_a_trial_leaves_out_what_it_says_and_measures_under_all_conditions(tmp_path, left_out):
    trial = run_trial(job(ON_THE_CUBE, PERCEPTRON, tmp_path))
    assert (trial.split, trial.areas, trial.without, trial.seed) == ("a split", ("an area",), "x", 0)
    assert left_out == [HELD_OUT[0], "another crop", "further"]
    assert list(trial.scores) == list(CONDITIONS)
    assert np.isfinite(list(trial.scores.values())).all()
    assert len(set(trial.scores.values())) == len(CONDITIONS)


def test_perceptrons_train_at_one_resolution_and_see_sharpened_bands(tmp_path, monkeypatch, cube):
    fits = taken(monkeypatch, "fit_perceptron")
    to_channels = np.random.default_rng(0).uniform(0.0, 0.2, (172, 12))
    monkeypatch.setattr(trials, "lift_by", lambda _: lambda bands: np.tensordot(to_channels, bands, 1))
    scores = run_trial(job(ON_THE_CUBE, PERCEPTRON, tmp_path)).scores
    ((maker, plan, accelerator),) = fits
    assert (maker.config.native_share, plan, accelerator) == (0.0, PERCEPTRON, "cpu")
    (truth,) = (scene.hsi[0] for scene in trials._scenes([cube], "aviris172")[NATIVE])
    bands = sharpen(S2A.see_native(cube.image())[None])[0]
    assert scores[NATIVE] == score_of(np.tensordot(to_channels, bands, 1), truth)
    assert scores[SHARP] == score_of(np.tensordot(to_channels, S2A.see(cube.image()), 1), truth)


def test_a_library_is_measured_by_the_spectra_of_that_name(tmp_path, monkeypatch, library):
    seen = []

    def lift_by(_network):
        def lift(bands):
            seen.append(bands[:, :, 0])
            return np.full((172, 1, 1), 0.5)

        return lift

    monkeypatch.setattr(trials, "lift_by", lift_by)
    on_snow = HeldOut(("libraries",), ("library",), ("library",), named="snow")
    trial = run_trial(job(on_snow, PERCEPTRON, tmp_path))
    (bands,) = seen
    assert bands.shape == (12, 1)
    assert bands[1, 0] == pytest.approx(0.8 - 0.3 * 492.7 / 2500, abs=2e-3)
    own, wanted = (grid(name).wavelength_nm for name in ("aviris224", "aviris172"))
    order = np.abs(own[:, None] - wanted).argmin(axis=0)
    truth = library.spectra[2][order][library.measured[order]][:, None, None]
    assert list(trial.scores) == [SHARP]
    assert trial.scores[SHARP] == score_of(np.full(truth.shape, 0.5), truth)


class Brighter(torch.nn.Module):
    """A network that makes bands a tenth brighter."""

    config = SharpeningConfig()

    def forward(self, msi):
        return 1.1 * msi


def test_the_sharpening_network_is_measured_by_its_coarse_bands(tmp_path, monkeypatch, cube):
    fits = taken(monkeypatch, "fit_sharpening", Brighter())
    scores = run_trial(job(ON_THE_CUBE, SHARPENER, tmp_path)).scores
    ((maker, _, plan, images, accelerator, progress),) = fits
    assert (maker.config, plan, images, accelerator, progress) == (CONFIG, SHARPENER, [], "cpu", False)
    assert list(scores) == [COARSE, COARSE_CLOUDY]
    bands = list(COARSE_BANDS)
    truth, native = (see(cube.image())[bands] for see in (S2A.see, S2A.see_native))
    assert scores[COARSE] == score_of(1.1 * native, truth)
    clouds = [clouded(np.random.default_rng([9, seed]), cube.image()) for seed in (0, 1)]
    each = [score_of(1.1 * S2A.see_native(one)[bands], S2A.see(one)[bands]).expected for one in clouds]
    assert scores[COARSE_CLOUDY] == pytest.approx(np.mean(each, axis=0), rel=1e-3)


def test_the_sharpening_network_is_trained(tmp_path):
    first, longer = (
        run_trial(job(ON_THE_CUBE, replace(SHARPENER, steps=steps, rate=rate), tmp_path)).scores
        for steps, rate in ((1, 1e-9), (10, 2e-3))
    )
    assert longer[COARSE] != pytest.approx(first[COARSE], rel=1e-4)


def test_prior_net_is_measured_by_its_bands_at_5_m(tmp_path, monkeypatch, cube):
    fits = taken(monkeypatch, "fit_prior_net")
    monkeypatch.setattr("hyperlift.training.ualnet.task.UnfoldingTask.sharp", lambda _, msi: msi)
    twice = "hyperlift.core.networks.ualnet.network.UALNet.fine_bands"
    monkeypatch.setattr(twice, lambda *given: given[1].repeat_interleave(2, 2).repeat_interleave(2, 3))
    scores = run_trial(job(ON_THE_CUBE, PRIOR, tmp_path, target="aviris186")).scores
    ((_, maker, plan, images, accelerator, progress),) = fits
    assert (plan, images, accelerator, progress) == (PRIOR, [], "cpu", False)
    assert maker.config.native_share == CONFIG.native_share > 0
    assert list(scores) == [FINE, FINE_NATIVE]
    truth = S2A.see(cube.image())
    at_10_m = halved(truth)
    assert scores[FINE] == score_of(at_10_m.repeat(2, 1).repeat(2, 2), truth)
    assert scores[FINE_NATIVE][0] < scores[FINE][0] - 0.1


def test_prior_net_is_trained_the_same_way_from_the_same_seed_alone(tmp_path):
    plans = (PRIOR, PRIOR, replace(PRIOR, seed=8))
    scores = []
    for number, plan in enumerate(plans):
        torch.manual_seed(number)  # must not matter
        scores.append(run_trial(job(ON_THE_CUBE, plan, tmp_path, target="aviris186")).scores[FINE])
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)
    assert scores[0] != pytest.approx(scores[2], rel=1e-6)


@pytest.mark.parametrize(
    ("reader", "fit", "plan"),
    [("read_images", "fit_sharpening", SHARPENER), ("real_images", "fit_prior_net", PRIOR)],
)
@pytest.mark.parametrize(("share", "taught"), [(0.5, ["an image"]), (0.0, [])])
def test_real_images_teach_unless_their_texture_is_left_out(
    tmp_path, monkeypatch, reader, fit, plan, share, taught
):
    taken(monkeypatch, reader, ["an image"])
    fits = taken(monkeypatch, fit, Brighter())
    run_trial(job(ON_THE_CUBE, plan, tmp_path, target="aviris186", texture_share=share))
    assert fits[0][3] == taught


def test_a_collection_without_anything_to_measure_on_is_refused_before_training(tmp_path, left_out):
    held_out = HeldOut(("an area",), ("lost",), (HELD_OUT[0], "lost"))
    with pytest.raises(ValueError, match="Nothing in 'lost' can be measured on"):
        run_trial(job(held_out, PERCEPTRON, tmp_path))
    assert left_out == []


def test_clouds_are_put_over_the_truth_and_haze_over_what_is_seen_of_it(cube):
    scenes = trials._scenes([cube], "aviris172")
    clear = scenes[SHARP][0]
    for hazy in scenes[HAZY]:
        np.testing.assert_array_equal(hazy.hsi, clear.hsi)
        assert (hazy.msi - clear.msi).mean() > 1e-3
    assert len(scenes[CLOUDY]) == 2
    for cloudy in scenes[CLOUDY]:
        assert np.abs(cloudy.hsi - clear.hsi).max() > 0.05
    assert np.abs(scenes[NATIVE][0].msi[:, 3] - clear.msi[:, 3]).max() == 0
    assert np.abs(scenes[NATIVE][0].msi[:, 11] - clear.msi[:, 11]).max() > 0.01
