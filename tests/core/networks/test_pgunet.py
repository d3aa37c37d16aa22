import numpy as np
import pytest
import torch

from hyperlift.core.networks.blind_unrolling import moments, unroll
from hyperlift.core.networks.pgunet import ChannelAttention, PGUNet, PGUNetConfig, ZNet
from hyperlift.core.networks.stf import back_projection, smoothing_matrix
from hyperlift.core.spectral import grid
from hyperlift.core.spectral.band_shapes import BandShapes
from hyperlift.core.spectral.mixture import fit_mixture

CONFIG = PGUNetConfig(channels=31, stages=3, features=24, rank=4, components=3)


@pytest.fixture(scope="module")
def spectra():
    rng = np.random.default_rng(0)
    axis = np.linspace(0, 1, 31)
    waves = [np.cos(np.pi * order * axis) for order in range(4)]
    return 0.3 + np.clip(rng.standard_normal((4000, 4)) * [0.08, 0.05, 0.03, 0.01], -0.2, 0.2) @ waves


@pytest.fixture(scope="module")
def mixture(spectra):
    return fit_mixture(spectra, CONFIG.rank, CONFIG.components)


@pytest.fixture
def network(mixture):
    torch.manual_seed(0)
    net = PGUNet(CONFIG)
    for name in ("mean", "basis", "level"):
        net.start.get_buffer(name).copy_(torch.from_numpy(getattr(mixture, name)))
    return net


def seen(spectra, mixture, bands=4):
    """Bands of an image, the response, and the tables of its start."""
    rows = BandShapes(grid("visible31")).rows(np.linspace(430, 670, bands), np.full(bands, 50.0))
    image = torch.from_numpy(spectra[:64].T.reshape(1, 31, 8, 8)).float()
    response = torch.from_numpy(rows)
    msi = torch.einsum("bc,nchw->nbhw", response.float(), image)
    start = mixture.start(rows)
    tables = (start.centre, start.whitening, start.constant, start.gain)
    return image, msi, response, tuple(torch.from_numpy(table).float() for table in tables)


def smoothing():
    return smoothing_matrix(torch.from_numpy(grid("visible31").wavelength_nm))


def test_start_is_the_mean_of_the_mixture_given_the_bands(network, spectra, mixture):
    _, msi, response, start = seen(spectra, mixture)
    found = network.start(msi, *start)[0].flatten(1).T.double().numpy()
    tables = mixture.start(response.numpy())
    pixels = msi[0].flatten(1).T.double().numpy()
    away = pixels - tables.centre[:, None]
    distance = ((away @ tables.whitening.transpose(0, 2, 1)) ** 2).sum(axis=2)
    logs = tables.constant[:, None] - 0.5 * (3.0 + 4) * np.log1p(distance / 3.0)
    share = np.exp(logs - logs.max(axis=0))
    share /= share.sum(axis=0)
    levels = mixture.level[:, None] + away @ tables.gain.transpose(0, 2, 1)
    expected = (share[:, :, None] * levels).sum(axis=0) @ mixture.basis.T + mixture.mean
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_z_net_starts_as_the_identity():
    image = torch.rand(2, 31, 6, 7)
    torch.testing.assert_close(ZNet(CONFIG)(image, torch.rand(31)), image)


def test_z_net_knows_what_is_seen():
    net, image = ZNet(CONFIG), torch.rand(1, 31, 6, 6)
    torch.nn.init.normal_(net.out.weight)
    assert (net(image, torch.zeros(31)) - net(image, torch.ones(31))).abs().max() > 1e-3


def test_channel_attention_is_local():
    attention, image = ChannelAttention(8, 5), torch.rand(1, 8, 20, 20)
    far = image.clone()
    far[:, :, 15:] = 0.0
    torch.testing.assert_close(attention(image)[:, :, :12], attention(far)[:, :, :12])


@pytest.mark.parametrize("bands", [3, 5, 12])
def test_one_set_of_weights_serves_any_number_of_bands(network, spectra, mixture, bands):
    image, msi, response, start = seen(spectra, mixture, bands)
    found = unroll(network, msi, response, start, smoothing())
    assert found.hsi.shape == image.shape
    assert [one.shape for one in found.responses] == [(bands, 31)] * 4


def test_the_result_agrees_with_the_bands(network, spectra, mixture):
    _, msi, response, start = seen(spectra, mixture)
    with torch.no_grad():
        network.log_alpha.fill_(-14.0)
    found = unroll(network, msi, response, start, smoothing(), blind=False)
    again = torch.einsum("bc,nchw->nbhw", response.float(), found.hsi)
    assert (again - msi).abs().max() < 1e-4


def test_responses_stay_physical(network, spectra, mixture):
    _, msi, response, start = seen(spectra, mixture)
    for net in network.p_nets:
        torch.nn.init.normal_(net.outward.weight, std=0.1)
    for row in unroll(network, msi, response, start, smoothing()).responses:
        assert (row >= 0).all()
        torch.testing.assert_close(row.sum(dim=1), torch.ones(4, dtype=torch.float64))


def test_known_centres_stay(network, spectra, mixture):
    _, msi, response, start = seen(spectra, mixture)
    for net in network.p_nets:
        torch.nn.init.normal_(net.outward.weight, std=0.01)
    wavelength = torch.from_numpy(grid("visible31").wavelength_nm)
    free, kept = (
        unroll(network, msi, response, start, smoothing(), wavelength_nm=nm) for nm in (None, wavelength)
    )
    moved, stayed = ((one.responses[-1] - response) @ wavelength for one in (free, kept))
    assert moved.abs().max() > 0.2
    assert stayed.abs().max() < 1e-6


def test_every_weight_learns(network, spectra, mixture):
    image, msi, response, start = seen(spectra, mixture)
    for net in network.z_nets:
        torch.nn.init.normal_(net.out.weight, std=0.01)
    for net in network.p_nets:
        torch.nn.init.normal_(net.outward.weight, std=0.01)
    found = unroll(network, msi, response, start, smoothing())
    (found.hsi - image).square().mean().add((found.responses[-1] ** 2).sum()).backward()
    idle = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.any()]
    assert idle == []


def test_fixed_responses_give_what_unrolling_gives(network, spectra, mixture):
    _, msi, response, start = seen(spectra, mixture)
    for net in network.z_nets:
        torch.nn.init.normal_(net.out.weight, std=0.01)
    with torch.no_grad():
        found = unroll(network, msi, response, start, smoothing())
        backs = [back_projection(r, a).float() for r, a in zip(found.responses, network.alpha.double())]
        *early, last = (one.float() for one in found.responses)
        hsi, *states = network(msi, last, backs[-1], torch.stack(early), torch.stack(backs[:-1]), *start)
    torch.testing.assert_close(hsi, found.hsi)
    torch.testing.assert_close(states[-1], found.states[-1])


def test_moments_are_divided_by_the_number_of_pixels(spectra):
    image = torch.from_numpy(spectra[:64].T.reshape(1, 31, 8, 8)).float()
    once, twice = (moments(one[:, :4], one) for one in (image, torch.cat([image, image])))
    torch.testing.assert_close(once, twice)
    np.testing.assert_allclose(once[1].numpy(), spectra[:64].T @ spectra[:64] / 64, rtol=1e-5)


def test_stages_are_configuration():
    net = PGUNet(PGUNetConfig(channels=31, stages=7, features=8))
    assert len(net.alpha) == 8
    assert (net.alpha > 0).all()
    assert (net.beta > 0).all()
