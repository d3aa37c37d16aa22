from dataclasses import replace

import pytest
import torch

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.networks.sizes import UAFL_MULTIPLE
from hyperlift.core.networks.uafl import UAFL, UAFLConfig
from hyperlift.training.uafl.config import CONFIGS, ScheduleConfig
from hyperlift.training.uafl.task import UAFLTask, load_task
from hyperlift.training.uafl.train import train


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_can_be_built_and_fits_its_pairs(name):
    config = CONFIGS[name]
    maps, side = config.pairs.abundances, UAFL_MULTIPLE
    abundances, reference = torch.rand(2, 1, maps, side, side)
    found = UAFL(config.network)(abundances, reference)
    torch.testing.assert_close(found, reference - abundances)
    assert config.pairs.side % UAFL_MULTIPLE == 0


def test_a_step_learns_and_the_mean_of_the_weights_follows():
    torch.manual_seed(0)
    task = UAFLTask(UAFLConfig(width=8, blocks=(1, 1), injected=True), ScheduleConfig(steps=2))
    truth = torch.rand(1, 3, 32, 32)
    batch = {"abundances": 0.5 * truth, "reference": 0.8 * truth, "truth": truth}
    optimiser = torch.optim.Adam(task.network.parameters(), 1e-3)
    task.log_dict = lambda *_: None
    before = task.training_step(batch, 0)
    before.backward()
    optimiser.step()
    task.on_train_batch_end()
    assert task.training_step(batch, 0) < before
    assert task.average.map.weight.abs().max() > 0


def test_a_checkpoint_comes_back(tmp_path):
    task = UAFLTask(UAFLConfig(width=8, blocks=(1, 1), injected=True), ScheduleConfig(steps=2))
    path = tmp_path / "one.ckpt"
    torch.save({"state_dict": task.state_dict(), "hyper_parameters": dict(task.hparams)}, path)
    again = load_task(path)
    assert again.network.config == task.network.config
    assert again.schedule == task.schedule


def test_what_it_cannot_do_is_said(tmp_path):
    config = replace(CONFIGS["uafl"], schedule=ScheduleConfig(steps=1))
    with pytest.raises(HyperLiftError, match="leave out --pairs"):
        train(config, tmp_path, pairs=tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        train(config, tmp_path, resume=True)
