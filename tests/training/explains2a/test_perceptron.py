from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperlift.training.data.scenes import Batch
from hyperlift.training.explains2a.perceptron import (
    PerceptronConfig,
    _Pixels,
    cached_perceptron,
    fit_perceptron,
    lift_by,
)
from hyperlift.training.regression import fit_ridge, pixel_table


class Squares:
    """Scenes whose channels are the squares of two bands, their sum, and one that was not measured."""

    def batch(self, rng):
        msi = torch.from_numpy(rng.random((4, 2, 12, 12), dtype=np.float32))
        hsi = torch.cat([msi**2, msi.sum(1, keepdim=True), torch.full((4, 1, 12, 12), 9.0)], dim=1)
        measured = torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(4, -1)[:, :, None, None]
        return Batch(msi, hsi, measured)


@pytest.fixture
def config():
    return PerceptronConfig(widths=(32, 32), batches=10, steps=400, pixels=256, rate=1e-2)


def test_what_no_regression_can_fit_is_learnt(config):
    batch = Squares().batch(np.random.default_rng(99))
    truth = batch.hsi[0, :3].numpy()
    lift = lift_by(fit_perceptron(Squares(), config))
    ridge = fit_ridge([(pixel_table(batch.msi).numpy(), pixel_table(batch.hsi).numpy())])
    errors = [np.abs(method(batch.msi[0].numpy())[:3] - truth).mean() for method in (lift, ridge.predict)]
    assert errors[0] < 0.5 * errors[1]


def test_training_starts_from_ridge_regression_and_repeats(config):
    barely = replace(config, steps=1, rate=1e-9)
    image = np.random.default_rng(0).random((2, 5, 6)).astype(np.float32)
    batches = [Squares().batch(np.random.default_rng([3, 0, n])) for n in range(config.batches)]
    ridge = fit_ridge((pixel_table(b.msi).numpy(), pixel_table(b.hsi).numpy()) for b in batches)
    first, second = (lift_by(fit_perceptron(Squares(), barely))(image) for _ in range(2))
    np.testing.assert_allclose(first, ridge.predict(image), atol=1e-4)
    np.testing.assert_array_equal(first, second)


def test_it_is_kept_until_configuration_or_scenes_change(config, tmp_path):
    short = replace(config, steps=2)
    image = np.random.default_rng(0).random((2, 5, 6)).astype(np.float32)
    first = lift_by(cached_perceptron(Squares(), short, tmp_path))(image)
    (kept,) = tmp_path.iterdir()
    written = kept.stat().st_mtime_ns
    np.testing.assert_array_equal(lift_by(cached_perceptron(Squares(), short, tmp_path))(image), first)
    assert kept.stat().st_mtime_ns == written

    cached_perceptron(Squares(), replace(short, seed=1), tmp_path)
    other = Squares()
    other.batch = lambda rng: Squares().batch(np.random.default_rng(rng.integers(1000)))
    cached_perceptron(other, short, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_pixels_give_way_to_those_of_a_new_batch():
    batches = [Squares().batch(np.random.default_rng(n)) for n in range(3)]
    data = _Pixels(batches, torch.device("cpu"))
    new = Squares().batch(np.random.default_rng(9))
    data.replace(4, new)
    size = len(data.msi) // 3
    torch.testing.assert_close(data.msi[size : 2 * size], pixel_table(new.msi))
    torch.testing.assert_close(data.msi[2 * size :], pixel_table(batches[2].msi))


def test_scenes_are_refreshed_while_it_learns(config):
    drawn = []

    class Counted(Squares):
        def batch(self, rng):
            drawn.append(1)
            return super().batch(rng)

    fit_perceptron(Counted(), replace(config, batches=3, refresh=2, steps=8))
    assert len(drawn) == 3 + 4
