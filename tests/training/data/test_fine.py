from dataclasses import replace

import numpy as np
import pytest

from hyperlift.core.spectral import grid, sensor
from hyperlift.training.data.fine import (
    FineMaker,
    FineStream,
    even_tiles,
    fine_held_out_scenes,
    halved,
    look_finely,
)
from hyperlift.training.data.sensing import Observer, View
from hyperlift.training.data.spectra import HELD_OUT, Collection


@pytest.fixture
def fine(maker):
    return FineMaker(maker.with_config(replace(maker.config, sides=(12,), pixels=288)))


def test_halving_takes_means_of_two_by_two():
    image = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    assert halved(image).shape == (2, 2, 3)
    assert halved(image)[1, 1, 2] == image[1, 2:4, 4:6].mean()


def test_odd_rows_and_columns_are_left_out():
    spectra = np.arange(7 * 5, dtype=np.float32)[:, None] * np.ones(224, np.float32)
    tiles = even_tiles(Collection("a", "a", spectra, np.ones(224, bool), (7, 5)))
    assert tiles.shape == (1, 224, 6, 4)
    np.testing.assert_array_equal(tiles[0, 0], np.arange(35).reshape(7, 5)[:6, :4])


def test_a_patch_has_two_by_two_targets_for_each_pixel(fine):
    msi, bands, hsi, measured = fine.patch(np.random.default_rng(0), 12)
    assert msi.shape == (12, 12, 12)
    assert bands.shape == (12, 24, 24)
    assert hsi.shape == (172, 24, 24)
    assert measured.shape == (172, 1, 1)


def test_footprints_are_means_of_the_scene_at_their_size():
    observer = Observer(sensor("sentinel2a"), grid("aviris224"))
    bands = np.random.default_rng(0).random((12, 24, 24), dtype=np.float32)
    msi, sharp = look_finely(observer, bands, View(native=True), np.random.default_rng(0))
    np.testing.assert_array_equal(sharp, bands)
    for band, pixels in ((3, 2), (8, 4), (0, 12)):
        coarse = bands[band].reshape(24 // pixels, pixels, 24 // pixels, pixels).mean(axis=(1, 3))
        replicated = coarse.repeat(pixels // 2, axis=0).repeat(pixels // 2, axis=1)
        np.testing.assert_allclose(msi[band], replicated, atol=1e-6)


def test_the_air_lies_over_both(fine):
    observer = fine.maker.observers[0]
    bands = np.full((12, 8, 8), 0.1, np.float32)
    msi, sharp = look_finely(observer, bands, View(haze=0.01), np.random.default_rng(0))
    np.testing.assert_allclose(msi[1], sharp[1, ::2, ::2], atol=1e-6)
    assert sharp[1].min() > 0.105


def test_a_batch_depends_on_seed_and_number_alone(fine):
    first, second = (next(iter(FineStream(fine, seed=3, start=5))) for _ in range(2))
    other = next(iter(FineStream(fine, seed=3, start=6)))
    assert all((first[name] == second[name]).all() for name in ("msi", "bands", "hsi", "measured"))
    assert (first["msi"] != other["msi"]).any()
    assert len(first["msi"]) == 2


def test_real_images_teach_the_bands_that_they_know(fine):
    image = np.random.default_rng(0).random((12, 40, 50), dtype=np.float32)
    image[[0, 9]] = np.nan
    batch = next(iter(FineStream(fine, 0, images=[image], real_share=1.0)))
    assert set(batch) == {"msi", "bands"}
    assert batch["bands"][:, [0, 9]].isnan().all()
    assert batch["bands"][:, 1:9].isfinite().all()
    assert batch["msi"].isfinite().all()


def test_images_that_are_too_small_are_left_out(fine):
    stream = FineStream(fine, 0, images=[np.ones((12, 20, 20), np.float32)], real_share=1.0)
    assert "hsi" in next(iter(stream))


def test_held_out_scenes_are_seen_at_half_their_resolution(collections):
    held_out = [replace(collections[0], name=HELD_OUT[0])]
    scenes = list(fine_held_out_scenes(held_out, "aviris186"))
    assert [scene.footprints for scene in scenes] == ["one resolution", "native footprints"]
    for scene in scenes:
        assert scene.msi.shape == (1, 12, 20, 20)
        assert scene.hsi.shape == (1, 186, 40, 40)
    sharp, native = (scene.msi[0] for scene in scenes)
    np.testing.assert_allclose(native[1], sharp[1], atol=1e-6)
    np.testing.assert_allclose(native[8, :2, :2], sharp[8, :2, :2].mean(), atol=1e-6)
