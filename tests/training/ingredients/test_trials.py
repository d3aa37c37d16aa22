from dataclasses import replace

import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.data.spectra import HELD_OUT, Collection
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
PLAN = PerceptronConfig(widths=(8,), batches=3, steps=3, pixels=64)
NAMES = np.array(["a rock", "soil", "old snow", "tar"])
LONGER = PriorConfig(lifted=False, steps=10, rate=2e-3, pixels=72, sides=(6,))
ON_THE_CUBE = HeldOut(("an area",), (HELD_OUT[0],), (HELD_OUT[0],))


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


@pytest.fixture
def left_out(monkeypatch, cube, library):
    """What trainings left out; they train on the cube all the same."""
    found = []

    def maker(config, _data, without):
        found.extend(without)
        return SceneMaker([cube], config)

    monkeypatch.setattr(trials, "load_collections", lambda _: [cube, library])
    monkeypatch.setattr(trials, "scene_maker", maker)
    return found


def job(held_out, plan, folder):
    return Job("a split", held_out, "x", CONFIG, ("further",), folder, plan, "cpu")


def test_a_trial_leaves_out_what_it_says_and_measures_under_all_conditions(tmp_path, left_out):
    trial = run_trial(job(ON_THE_CUBE, PLAN, tmp_path))
    assert (trial.split, trial.areas, trial.without, trial.seed) == ("a split", ("an area",), "x", 0)
    assert left_out == [HELD_OUT[0], "further"]
    assert list(trial.scores) == list(CONDITIONS)
    assert np.isfinite(list(trial.scores.values())).all()
    assert len(set(trial.scores.values())) == len(CONDITIONS)


@pytest.mark.usefixtures("left_out")
def test_a_library_is_measured_by_the_spectra_of_that_name(tmp_path, monkeypatch, library):
    seen = []

    def lift_by(_network):
        def lift(bands):
            seen.append(bands[:, :, 0])
            return np.full((172, 1, 1), 0.5)

        return lift

    monkeypatch.setattr(trials, "lift_by", lift_by)
    on_snow = HeldOut(("libraries",), ("library",), ("library",), kind="snow")
    trial = run_trial(job(on_snow, PLAN, tmp_path))
    (bands,) = seen
    assert bands.shape == (12, 1)
    assert bands[1, 0] == pytest.approx(0.8 - 0.3 * 492.7 / 2500, abs=2e-3)
    own, wanted = (grid(name).wavelength_nm for name in ("aviris224", "aviris172"))
    order = np.abs(own[:, None] - wanted).argmin(axis=0)
    truth = library.spectra[2][order][library.measured[order]].astype(float)
    psnr = (20 * np.log10(truth) - 10 * np.log10((truth - 0.5) ** 2)).mean()
    angle = np.degrees(np.arccos(truth.sum() / np.linalg.norm(truth) / np.sqrt(len(truth))))
    assert list(trial.scores) == [SHARP]
    assert trial.scores[SHARP] == pytest.approx((psnr, angle), rel=1e-3)


@pytest.mark.usefixtures("left_out")
def test_the_sharpening_network_is_measured_by_its_coarse_bands(tmp_path):
    quick = SharpenerConfig(scenes=4, side=18, steps=1, batch=1, rate=1e-9)
    trial = run_trial(job(ON_THE_CUBE, quick, tmp_path))
    assert list(trial.scores) == [COARSE, COARSE_CLOUDY]
    assert np.isfinite(list(trial.scores.values())).all()
    again = run_trial(job(ON_THE_CUBE, replace(quick, steps=10, rate=2e-3), tmp_path))
    assert again.scores[COARSE] != trial.scores[COARSE]


@pytest.mark.usefixtures("left_out")
def test_prior_net_is_measured_by_its_bands_at_5_m(tmp_path):
    scenes = replace(CONFIG, target="aviris186")
    quick = PriorConfig(lifted=False, steps=1, rate=1e-9, pixels=36, sides=(6,))
    jobs = [replace(job(ON_THE_CUBE, plan, tmp_path), config=scenes) for plan in (quick, LONGER)]
    first, longer = (run_trial(one).scores for one in jobs)
    assert list(first) == [FINE, FINE_NATIVE]
    assert first[FINE][0] > first[FINE_NATIVE][0] + 0.1
    assert longer[FINE] != pytest.approx(first[FINE], rel=1e-4)


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
