from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.scenes import SceneStream, batch_numbers
from hyperlift.training.data.sensing import Observer


def take(stream, count):
    iterator = iter(stream)
    return [next(iterator) for _ in range(count)]


def test_batches_depend_on_seed_and_number_alone(maker):
    first, resumed = take(SceneStream(maker, seed=5), 4), take(SceneStream(maker, seed=5, start=2), 2)
    for straight, again in zip(first[2:], resumed):
        for name in straight:
            assert torch.equal(straight[name], again[name])
    other = take(SceneStream(maker, seed=6), 1)[0]
    assert not torch.equal(first[0]["msi"], other["msi"])


def test_batches_hold_reflectance_on_the_target_grid(maker):
    for batch in take(SceneStream(maker, seed=0), 5):
        count, bands, side, _ = batch["msi"].shape
        assert bands == 12
        assert batch["hsi"].shape == (count, 172, side, side)
        assert count * side**2 == 1152
        for image in (batch["msi"], batch["hsi"]):
            assert torch.isfinite(image).all()
            assert image.min() >= 0
            assert image.max() < 3


def test_channels_that_no_instrument_measured_are_marked(maker):
    shares = torch.cat([batch["measured"] for batch in take(SceneStream(maker, seed=1), 10)]).mean(dim=0)
    channels = np.isin(grid("aviris172").wavelength_nm, grid("aviris224").wavelength_nm[100:110])
    assert (shares[~channels] == 1).all()
    assert (shares[channels] < 1).all()


def test_native_bands_are_block_means():
    observer = Observer(sensor("sentinel2a"), grid("aviris224"))
    scene = np.random.default_rng(0).random((224, 14, 15)).astype(np.float32)
    fine, native = observer.see(scene), observer.see_native(scene, phase=(1, 4))
    np.testing.assert_array_equal(native[[1, 2, 3, 7]], fine[[1, 2, 3, 7]])
    # Phase (1, 4): the first 60 m block keeps 5 rows and 2 columns, the first 20 m block 1 row and 2 columns.
    np.testing.assert_allclose(native[0, :5, :2], np.full((5, 2), fine[0, :5, :2].mean()), rtol=1e-5)
    np.testing.assert_allclose(native[4, 1:3, 2:4], np.full((2, 2), fine[4, 1:3, 2:4].mean()), rtol=1e-5)


def test_response_seen_at_one_resolution_is_the_matrix():
    observer = Observer(sensor("sentinel2c"), grid("aviris224"))
    flat = np.full((224, 3, 3), 0.25, np.float32)
    np.testing.assert_allclose(observer.see_native(flat), 0.25, rtol=1e-5)


@pytest.mark.parametrize("start", [0, 5])
def test_processes_that_load_data_take_turns(monkeypatch, start):
    drawn = []
    for worker in range(3):
        here = SimpleNamespace(id=worker, num_workers=3)
        monkeypatch.setattr(torch.utils.data, "get_worker_info", lambda here=here: here)
        drawn.append(list(islice(batch_numbers(start), 4)))
    assert [number for turn in zip(*drawn) for number in turn] == list(range(start, start + 12))
