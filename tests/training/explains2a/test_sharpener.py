from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperlift.core.networks.sharpening import Sharpening, SharpeningConfig
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.explains2a import sharpener
from hyperlift.training.explains2a.sharpener import (
    SharpenerConfig,
    SharpeningTask,
    Views,
    cached_sharpening,
    fit_sharpening,
)

SHAPE = SharpeningConfig(features=12, dilations=(1, 2))
QUICK = SharpenerConfig(scenes=40, side=18, steps=150, batch=4, rate=5e-3)


@pytest.fixture
def maker(collections):
    plain = SceneConfig(air_share=0.0, point_spread_share=0.0, upsampled_share=0.0, cloud_share=0.0)
    return SceneMaker(collections, plain)


def test_views_differ_from_the_target_in_their_footprints_alone(maker):
    seen, sharp = next(iter(Views(maker, SharpenerConfig(scenes=4, side=18, batch=6, native_share=1.0))))
    assert seen.shape == sharp.shape == (6, 12, 18, 18)
    fine = [1, 2, 3, 7]
    torch.testing.assert_close(seen[:, fine], sharp[:, fine], atol=0.02, rtol=0.05)  # noise
    coarse = [4, 5, 6, 8, 10, 11]
    assert (seen[:, coarse].std(dim=(2, 3)) < sharp[:, coarse].std(dim=(2, 3))).float().mean() > 0.9


def test_views_at_one_resolution_are_the_target_but_for_noise(maker):
    seen, sharp = next(iter(Views(maker, SharpenerConfig(scenes=4, side=18, batch=6, native_share=0.0))))
    torch.testing.assert_close(seen, sharp, atol=0.02, rtol=0.05)


def test_pieces_of_real_images_are_targets_where_they_are_known(maker):
    image = np.full((12, 30, 30), 0.2, np.float32)
    image[3] += np.random.default_rng(0).random((30, 30), np.float32)
    image[[0, 9]] = np.nan
    config = SharpenerConfig(scenes=1, side=18, batch=5, real_share=1.0)
    seen, sharp = next(iter(Views(maker, config, [image])))
    assert seen.isfinite().all()
    assert sharp[:, [0, 9]].isnan().all()
    assert sharp[:, 1:9].isfinite().all()
    assert (sharp[:, 3].std(dim=(1, 2)) > 0.1).all()


def test_pieces_with_gaps_are_not_taken(maker):
    image = np.full((12, 30, 30), np.nan, np.float32)
    image[:, ::2] = 0.2
    config = SharpenerConfig(scenes=1, side=18, batch=5, real_share=1.0)
    assert all(batch.isfinite().all() for batch in next(iter(Views(maker, config, [image]))))


def test_loss_leaves_out_what_is_not_known():
    task = SharpeningTask(Sharpening(12, SHAPE), QUICK)
    seen = torch.rand(2, 12, 18, 18)
    sharp = seen.clone()
    sharp[0, 4] = torch.nan
    sharp[:, 0] = torch.nan
    loss = task.training_step((seen, sharp), 0)
    loss.backward()
    assert loss.isfinite()
    assert all(weight.grad.isfinite().all() for weight in task.network.parameters())


def test_loss_is_the_logarithm_of_each_bands_error_in_each_scene():
    network = Sharpening(12, SHAPE)
    seen, sharp = torch.rand(2, 2, 12, 18, 18, generator=torch.Generator().manual_seed(0))
    sharp[0, 4], sharp[:, 0] = torch.nan, torch.nan
    loss = SharpeningTask(network, QUICK).training_step((seen, sharp), 0)
    with torch.no_grad():
        estimate = network(seen).numpy()
    truth, logs = sharp.numpy(), []
    for scene, band in ((scene, band) for scene in range(2) for band in (4, 5, 6, 8, 9, 10, 11)):
        if (scene, band) != (0, 4):
            error = estimate[scene, band] - truth[scene, band]
            logs.append(np.log(np.sqrt((error**2).mean()) / (truth[scene, band].mean() + 0.05)))
    np.testing.assert_allclose(float(loss), np.mean(logs), rtol=1e-3)


def test_a_share_of_what_the_network_adds_is_kept(maker):
    tails = []
    for kept in (1.0, 0.25):
        plan = replace(QUICK, steps=3, scenes=4, kept=kept)
        tails.append(fit_sharpening(maker, SHAPE, plan, accelerator="cpu").tail)
    for whole, part in zip(*(tail.parameters() for tail in tails)):
        assert whole.abs().max() > 0
        torch.testing.assert_close(part, 0.25 * whole)


def test_a_short_fit_sharpens_and_is_kept(maker, tmp_path, monkeypatch):
    path = tmp_path / "run" / "sharpening.pt"
    network = cached_sharpening(maker, SHAPE, QUICK, path, accelerator="cpu")
    seen, sharp = next(
        iter(Views(maker, SharpenerConfig(scenes=8, side=18, batch=24, native_share=1.0, seed=1)))
    )
    coarse = [4, 5, 6, 8, 10, 11]
    with torch.no_grad():
        images = seen, Sharpening(12, SHAPE)(seen), network(seen)
        errors = [(image - sharp)[:, coarse].square().mean().sqrt() for image in images]
    assert errors[2] < 0.9 * errors[0]
    assert errors[2] < errors[1]
    monkeypatch.delattr(sharpener, "fit_sharpening")  # once is enough
    again = cached_sharpening(maker, SHAPE, QUICK, path)
    for name, weight in network.state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), again.state_dict()[name].numpy())
