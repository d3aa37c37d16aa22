from dataclasses import replace
from types import SimpleNamespace

import lightning
import numpy as np
import onnx
import pytest
import torch
from torch.utils.data import DataLoader

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.inference import lift
from hyperlift.core.inference.session import Session
from hyperlift.core.networks.experts import Experts, ExpertsConfig
from hyperlift.core.networks.sharpening import SharpeningConfig
from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.prior_net import gram
from hyperlift.core.networks.ualnet.statistics import Statistics
from hyperlift.training.data.fine import FineMaker, FineStream
from hyperlift.training.data.scenes import SceneConfig, SceneMaker
from hyperlift.training.explains2a.bundled import bundled_sharpening
from hyperlift.training.explains2a.cards import band_estimators
from hyperlift.training.losses import log_angle, log_rmse
from hyperlift.training.model_files import check_parity
from hyperlift.training.ualnet import train as ualnet_train
from hyperlift.training.ualnet.cards import card_text, make_card
from hyperlift.training.ualnet.config import CONFIGS, LossConfig, PriorConfig, ScheduleConfig
from hyperlift.training.ualnet.export import Deployed, ImageAlone, export
from hyperlift.training.ualnet.losses import critic_loss, prior_loss, published_loss
from hyperlift.training.ualnet.task import PriorTask, UnfoldingTask
from hyperlift.training.ualnet.train import train

QUIET = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}


def new_task(**schedule):
    torch.manual_seed(0)
    task = UnfoldingTask(
        UALNetConfig.local(blocks=1),
        LossConfig(),
        ScheduleConfig(**{"steps": 6, "turns": (2, 1), "until": 100, **schedule}),
        sharpening=SharpeningConfig(features=8),
        experts=ExpertsConfig(members=1, widths=(8,)),
    )
    task.network.start_from_estimate(task.agreement.get_buffer("response")[:, :, 0, 0])
    return task


@pytest.fixture(scope="module")
def stream(collections):
    maker = SceneMaker(collections, SceneConfig(target="aviris186", sides=(8,), pixels=128))
    return FineStream(FineMaker(maker), 0)


def fit(task, stream, steps):
    trainer = lightning.Trainer(accelerator="cpu", max_steps=steps, enable_progress_bar=False, **QUIET)
    trainer.fit(task, DataLoader(stream, batch_size=None))
    return task


def weights(module):
    return torch.cat([weight.detach().flatten() for weight in module.parameters()]).clone()


def test_generator_and_discriminator_take_turns(stream):
    task = new_task()
    before = [weights(part) for part in (task.network.unfolding, task.critic, task.network.discriminator)]
    fit(task, stream, 2)
    assert not torch.equal(weights(task.network.unfolding), before[0])
    assert torch.equal(weights(task.critic), before[1])
    fit(task, stream, 3)
    assert not torch.equal(weights(task.critic), before[1])
    assert torch.equal(weights(task.network.discriminator), weights(task.critic))


def test_without_turns_the_discriminator_stays(stream):
    task = new_task(turns=(1, 0))
    before = weights(task.critic)
    fit(task, stream, 4)
    assert torch.equal(weights(task.critic), before)


@pytest.mark.parametrize(
    ("schedule", "final"),
    [({}, 5e-4 / 25 / 1e4), ({"cosine_to": 1e-6}, 1e-6), ({"cosine_to": 1e-6, "last_rate": 1e-4}, 1e-6)],
)
def test_the_rate_has_its_final_value_after_the_last_step_of_the_generator(stream, schedule, final):
    task = new_task(steps=7, rate=5e-4, until=5, faster_steps=1.0, **schedule)
    assert task.schedule.generator_steps == 6
    fit(task, stream, 7)
    rates = [group["lr"] for group in task.trainer.optimizers[0].param_groups]
    assert rates == pytest.approx([final, final])


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [({}, 255), ({"steps": 130}, 105), ({"turns": (1, 0)}, 300), ({"turns": (1, 1), "until": 3}, 299)],
)
def test_steps_of_the_generator_are_its_turns_and_those_at_the_end(schedule, steps):
    plan = ScheduleConfig(**{"steps": 300, "until": 225, **schedule})
    assert plan.generator_steps == steps


def test_prior_net_learns_by_itself_and_is_then_kept(stream):
    task = new_task()
    others, before = weights(task.network.unfolding), weights(task.network.prior_net.image)
    fit(PriorTask(task, PriorConfig(steps=3)), stream, 3)
    kept = weights(task.network.prior_net.image)
    assert not torch.equal(kept, before)
    assert torch.equal(weights(task.network.unfolding), others)
    task.freeze()
    fit(task, stream, 2)
    assert torch.equal(weights(task.network.prior_net.image), kept)


def test_prior_net_s_loss_is_of_errors_and_angles(stream):
    task, batch = new_task(), next(iter(stream))
    batch = {name: batch[name] for name in ("msi", "bands")}
    losses = [
        PriorTask(task, PriorConfig(angle=weight)).training_step(batch, 0).detach()
        for weight in (0.0, 1.0, 2.0)
    ]
    bands = task.network.fine_bands(task.sharp(batch["msi"]), Statistics())
    assert float(losses[0]) == pytest.approx(float(log_rmse(bands, batch["bands"]).detach()), abs=1e-5)
    angle = float(log_angle(bands, batch["bands"]).detach())
    assert float(losses[1] - losses[0]) == pytest.approx(angle, abs=1e-4)
    assert float(losses[2] - losses[0]) == pytest.approx(2 * angle, abs=1e-4)


@pytest.fixture
def judged(stream):
    """A task with two experts, and a batch in which one channel was not measured."""
    task, batch = new_task(), next(iter(stream))
    task.experts = Experts(12, 186, ExpertsConfig(members=2, widths=(8,)))
    for member in task.experts.members:
        torch.nn.init.normal_(member.layers[-1].weight, std=0.05)
        member.start_from_regression(0.1 * torch.rand(186, 12), torch.zeros(186))
    batch["measured"] = batch["measured"].clone()
    batch["measured"][:, 3] = 0.0
    return task, batch


def prior_step(task, batch, index=0, **plan):
    return float(PriorTask(task, PriorConfig(**plan)).training_step(batch, index).detach())


def spectral_part(task, batch):
    """What the spectral prior adds to PriorNet's loss."""
    matrix = gram(batch["hsi"], task.network.config.normalised)
    prior = task.network.prior_net.prior(task.sharp(batch["msi"]))
    return float(prior_loss(prior, matrix, batch["measured"]).detach())


def logarithms(estimate, batch, angle):
    truth = batch["hsi"].clone()
    truth[:, 3] = torch.nan
    return float((log_rmse(estimate, truth) + angle * log_angle(estimate, truth)).detach())


@pytest.mark.parametrize("angle", [0.0, 1.5])
def test_prior_net_is_judged_by_what_the_experts_make_of_its_bands_one_after_the_other(judged, angle):
    task, batch = judged
    bands = task.network.fine_bands(task.sharp(batch["msi"]), Statistics())
    found, expected = [], []
    for index in range(3):
        lifted = task.experts.members[index % 2](bands, task.experts.kept)
        expected.append(logarithms(task.agreement(bands, lifted), batch, angle) + spectral_part(task, batch))
        found.append(prior_step(task, batch, index, angle=angle))
    assert found == pytest.approx(expected, abs=1e-6)
    assert abs(found[0] - found[1]) > 1e-4


def test_without_experts_or_spectra_or_when_asked_prior_net_is_judged_by_its_bands(judged):
    task, batch = judged
    bands = task.network.fine_bands(task.sharp(batch["msi"]), Statistics())
    of_bands = float(log_rmse(bands, batch["bands"]).detach())
    alone = {name: batch[name] for name in ("msi", "bands")}
    assert prior_step(task, alone, angle=0.0) == pytest.approx(of_bands, abs=1e-6)
    of_bands += spectral_part(task, batch)
    assert prior_step(task, batch, angle=0.0, lifted=False) == pytest.approx(of_bands, abs=1e-6)
    task.experts = None
    assert prior_step(task, batch, angle=0.0) == pytest.approx(of_bands, abs=1e-6)


def test_the_spectral_prior_is_learned_with_the_bands(judged):
    task, batch = judged
    task.network.prior_net.requires_grad_(True)
    PriorTask(task, PriorConfig()).training_step(batch, 0).backward()
    assert task.network.prior_net.prior.squeeze.weight.grad.abs().max() > 0


@pytest.mark.parametrize(
    "loss", [LossConfig(angle=0.0), LossConfig(angle=2.0), LossConfig(published=True)], ids=repr
)
def test_the_generator_s_loss_is_of_logarithms_or_as_published(judged, monkeypatch, loss):
    task, batch = judged
    task.loss, logged = loss, {}
    monkeypatch.setattr(task, "log", lambda name, value, **_: logged.update({name: float(value)}))
    monkeypatch.setattr(task, "manual_backward", lambda loss: loss.backward())
    monkeypatch.setattr(task, "lr_schedulers", lambda: SimpleNamespace(step=lambda: None))
    estimate = task(batch["msi"]).hsi.detach()
    task._generate(batch, torch.optim.SGD(task.generator_weights(), 0.0), 0)
    if loss.published:
        expected = float(published_loss(estimate, batch["hsi"], batch["measured"]))
    else:
        expected = logarithms(estimate, batch, loss.angle)
    assert logged["train/loss"] == pytest.approx(expected, rel=1e-4)


def test_the_published_loss_is_the_product_of_angle_and_error():
    truth, estimate = torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    truth[0, 0], estimate[0, 0], estimate[0, 1] = 1.0, 1.0, 1.0
    measured = torch.ones(1, 3, 1, 1)
    assert float(published_loss(estimate, truth, measured)) == pytest.approx(np.pi / 4 / 3, rel=1e-3)
    estimate[0, 2], measured[0, 2] = 5.0, 0.0
    assert float(published_loss(estimate, truth, measured)) == pytest.approx(np.pi / 4 / 2, rel=1e-3)


def test_prior_net_is_fitted_when_the_experts_that_judge_it_are_there(monkeypatch, tmp_path, collections):
    config = replace(
        CONFIGS["ualnet"],
        network=UALNetConfig.local(initial_estimate=False, sub_pixel_maps=8, sub_pixel_blocks=1),
        experts=ExpertsConfig(members=1, widths=(8,)),
    )
    fitted = Experts(12, 186, config.experts)
    torch.nn.init.ones_(fitted.members[0].layers[-1].bias)
    monkeypatch.setattr(ualnet_train, "fit_experts", lambda *_: fitted)
    seen = []
    monkeypatch.setattr(ualnet_train, "_load_prior_net", lambda task, *_: seen.append(weights(task.experts)))
    maker = SceneMaker(collections, SceneConfig(target="aviris186", sides=(8,), pixels=128))
    ualnet_train.new_task(config, maker, tmp_path)
    assert torch.equal(seen[0], weights(fitted))


def test_all_that_prior_net_is_trained_with_goes_to_the_graphics_card_with_it():
    task = new_task()
    PriorTask(task, PriorConfig()).to("meta")
    for part in (task.sharpening, task.network.prior_net, task.experts, task.agreement):
        assert all(weight.is_meta for weight in (*part.parameters(), *part.buffers()))


def test_without_an_initial_estimate_of_its_own_the_experts_is_improved():
    config = UALNetConfig.local(initial_estimate=False)
    experts = ExpertsConfig(members=1, widths=(8,))
    task = UnfoldingTask(config, LossConfig(), ScheduleConfig(), experts=experts).eval()
    task.network.unfolding.response.data.copy_(task.agreement.get_buffer("response")[:, :, 0, 0])
    bands, hsi = task(torch.rand(1, 12, 8, 8) * 0.5)
    away = (hsi - task.agreement(bands, task.experts.mean(bands))).abs().max()
    assert 0 < away < 0.1
    with pytest.raises(ValueError, match="makes no initial estimate: give one"):
        task.network(torch.rand(1, 12, 8, 8))


def test_without_experts_the_network_must_make_an_estimate_of_its_own():
    with pytest.raises(ValueError, match="initial_estimate of its own"):
        replace(CONFIGS["ualnet"], experts=None)
    assert CONFIGS["ualnet-bare"].network.initial_estimate


def test_the_start_is_the_experts_estimate_in_agreement_with_the_bands():
    task = new_task().eval()
    del task.network.unfolding.stages[:]
    msi = torch.rand(1, 12, 8, 9) * 0.5
    bands, hsi = task(msi)
    expected = task.agreement(bands, task.experts.mean(bands))
    assert torch.allclose(hsi, expected, atol=1e-6)
    means = torch.nn.functional.avg_pool2d(bands, 2)
    assert torch.allclose(means, task.sharp(msi), atol=1e-5)


def test_the_published_loss_vanishes_at_a_match_with_a_finite_gradient():
    truth = torch.rand(1, 5, 3, 3) + 0.1
    estimate = truth.clone().requires_grad_()
    loss = published_loss(estimate, truth, torch.ones(1, 5, 1, 1))
    loss.backward()
    assert float(loss) < 1e-4
    assert estimate.grad.isfinite().all()


def test_the_discriminator_loss_rewards_telling_apart():
    right, wrong = torch.full((2, 2), 0.9), torch.full((2, 2), 0.1)
    assert critic_loss(right, wrong) < critic_loss(wrong, right)


def test_the_ladder_is_made_of_configurations():
    ladder = ("unfolding", "implicit-prior", "prior-net", "adversarial-training")
    rungs = [*(CONFIGS[f"ualnet-{name}"] for name in ladder), CONFIGS["ualnet"]]
    parts = [(r.network.implicit_prior, r.network.prior_net, r.network.adversarial) for r in rungs]
    assert parts == [
        (False, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, False),
        (True, True, True),
    ]
    assert [rung.schedule.turns[1] > 0 for rung in rungs] == [False, False, False, True, True]
    assert [rung.loss.adversarial > 0 for rung in rungs] == [False, False, False, True, False]


def test_the_paper_is_a_configuration():
    paper = CONFIGS["ualnet-paper"]
    assert paper.network == UALNetConfig()
    assert paper.loss.published
    assert paper.prior.published
    assert paper.sharpening is None


@pytest.mark.parametrize("name", ["ualnet-unfolding", "ualnet-implicit-prior", "ualnet-bare", "ualnet-paper"])
def test_every_rung_can_be_trained_and_used(stream, name):
    config = CONFIGS[name]
    network = replace(config.network, blocks=1)
    schedule = ScheduleConfig(steps=2, turns=(1, 1), until=2)
    experts = config.experts and ExpertsConfig(members=1, widths=(8,))
    task = fit(UnfoldingTask(network, config.loss, schedule, experts=experts), stream, 2)
    assert weights(task.network.unfolding).isfinite().all()
    with torch.no_grad():
        assert Deployed(task)(torch.rand(1, 12, 32, 36))[0].shape == (1, 186, 64, 72)


def test_pairs_are_refused_with_the_reason(tmp_path):
    with pytest.raises(HyperLiftError, match="targets finer than its bands"):
        train(CONFIGS["ualnet"], tmp_path, pairs=tmp_path)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        train(CONFIGS["ualnet"], tmp_path, resume=True)


def test_the_bundled_sharpening_is_read_from_the_model():
    sharpening = bundled_sharpening(12, CONFIGS["ualnet"].sharpening)
    assert float(sharpening.tail.weight.abs().max()) > 0
    with pytest.raises(ValueError, match="no sharpening network of this shape"):
        bundled_sharpening(12, SharpeningConfig(features=3))


@pytest.fixture(scope="module")
def model(stream, tmp_path_factory):
    task = new_task()
    fit(task, stream, 6)
    path = tmp_path_factory.mktemp("model") / "ualnet.onnx"
    card = make_card(task, "aviris186", band_estimators(stream.maker.maker, batches=3), halo=16, tile=32)
    export(task, path, card)
    return task, path, card


def test_the_model_file_is_one_plain_graph_of_an_old_opset(model):
    _, path, card = model
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    assert graph.ir_version <= 9
    assert [entry.version for entry in graph.opset_import] == [17]
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert "186 AVIRIS" in card_text(card, [])


def test_parity_with_torch(model):
    task, path, _ = model
    random = torch.Generator().manual_seed(5)
    images = [
        {"msi": 0.6 * torch.rand(1, 12, *size, generator=random)} for size in ((21, 34), (9, 90), (70, 8))
    ]
    assert check_parity(ImageAlone(Deployed(task)), path, images) < 1e-4


def test_statistics_need_not_be_fed_and_fed_give_the_same(model):
    session = Session.open(model[1], "cpu")
    msi = np.random.default_rng(0).random((12, 20, 24), dtype=np.float32) / 2
    alone, gathered = session.run(msi), session.gather(msi)
    assert alone.shape == (186, 40, 48)
    np.testing.assert_allclose(session.run(msi, gathered), alone, atol=1e-5)
    other = session.gather(msi[:, :10] / 2)
    assert np.abs(session.run(msi, other) - alone).max() > 1e-6


def test_whole_arrays_of_any_size_are_lifted(model):
    for shape in ((1, 1), (7, 40)):
        hsi = lift(np.full((12, *shape), 0.2, np.float32), model[1])
        assert hsi.shape == (186, 2 * shape[0], 2 * shape[1])
        assert np.isfinite(hsi).all()


def test_an_image_without_data_is_refused(model):
    with pytest.raises(HyperLiftError, match="no valid pixel"):
        lift(np.full((12, 8, 8), np.nan, np.float32), model[1])
