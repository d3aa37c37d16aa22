"""The adversarial gradient against automatic differentiation of the iteration as it was published."""

import pytest
import torch

from hyperlift.core.networks.ualnet.adversarial import adversarial_gradient, autograd_gradient
from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.statistics import Statistics

LAMBDA1, LAMBDA2, MU = 5e-4, 0.5, 0.05
SIZES = ((16, 16), (19, 37), (33, 50))
KINDS = ("random", "nodata", "blocks", "rounded", "constant")
CASES = [(kind, SIZES[1]) for kind in KINDS] + [("random", size) for size in SIZES[::2]]


def images(height, width, seed=0):
    """Random images, and such with ties: constant areas as of nodata, repeated pixels and rounded values."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(2, 186, height, width, generator=random, dtype=torch.float64)
    nodata = noise.clone()
    nodata[:, :, : height // 2, : 2 * width // 3] = 0.0
    blocks = noise[:, :, ::3, ::3].repeat_interleave(3, 2).repeat_interleave(3, 3)[:, :, :height, :width]
    return {
        "random": noise,
        "nodata": nodata,
        "blocks": blocks,
        "rounded": (noise * 4).round() / 4,
        "constant": torch.full_like(noise, 0.25),
    }


def published_gradients(network, image, nexts, largest):
    """``g3`` of each stage, nothing detached, ``image`` and then ``nexts`` being the images of the stages.

    ``largest`` are the places of the largest values in attention: where rounding alone decides among equal
    ones, the derivative is that of any.
    """

    def f(a):
        return network.discriminator(a).image()

    def g3(a, u, project):
        t = project((LAMBDA1 + MU * (f(a) - u)) / (LAMBDA1 + MU))
        loss = MU / 2 * (f(a) - t - u).square().sum()
        return torch.autograd.grad(loss, a, retain_graph=True)[0], t

    found, a, u = [], image.clone().requires_grad_(), torch.zeros_like(image)
    for stage, following, place in zip(network.unfolding.stages, [*nexts, None], largest):
        projection = stage.projection

        def project(z, projection=projection, place=place):
            y = projection.conv(z)
            top = y.flatten(2).gather(2, place)
            assert torch.allclose(top, y.flatten(2).amax(dim=2, keepdim=True), rtol=1e-12, atol=1e-14)
            layers = projection.attention.layers
            return y * (layers(y.mean(dim=(2, 3), keepdim=True)) + layers(top[..., None])).sigmoid()

        gradient, t = g3(a, u, project)
        found.append(gradient)
        if following is not None:
            a = following.clone().requires_grad_()
            u = u - (f(a) - t)
    return found


def forward_gradients(network, image, nexts):
    """``g3`` of each stage, and where attention found its largest values."""
    found, largest, rest = [], [], None
    for stage, a in zip(network.unfolding.stages, [image, *nexts]):
        steered = adversarial_gradient(network.discriminator, stage.projection, a, rest, Statistics())
        answer, count = network.discriminator(a), 1.0 if rest is None else 2.0
        convolved = stage.projection.of_realness(answer, count, rest, Statistics()).convolved
        largest.append(convolved.flatten(2).argmax(dim=2, keepdim=True))
        rest = steered.projected if rest is None else rest - steered.realness + steered.projected
        found.append(steered.gradient)
    return found, largest


def closeness(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("kind", "size"), CASES, ids=str)
def test_equals_automatic_differentiation_of_the_published_iteration(trained, kind, size):
    network = trained(UALNetConfig(blocks=1, stages=3), seed=sum(size))
    image = images(*size)[kind]
    nexts = [0.9 * image + 0.02, image.square()]
    gradients, largest = forward_gradients(network, image, nexts)
    for found, true in zip(gradients, published_gradients(network, image, nexts, largest)):
        assert closeness(found, true) < 1e-9


def test_it_is_not_the_gradient_with_the_projection_taken_for_constant(trained):
    network = trained()
    image = images(16, 16)["random"].requires_grad_()
    stage = network.unfolding.stages[0]
    answer = network.discriminator(image).image()
    projected = stage.projection(answer).detach()
    (other,) = torch.autograd.grad(MU / 2 * (answer - projected).square().sum(), image)
    (found, _), _ = forward_gradients(network, image.detach(), [image.detach()])
    assert closeness(found, other) > 1e-3


@pytest.mark.parametrize("kind", ["random", "nodata"])
@pytest.mark.parametrize(
    "options", [{"frozen_attention": True}, {"frozen_realness": True}, {"padded": True}, "local"], ids=str
)
def test_equals_automatic_differentiation_with_every_option(trained, options, kind):
    config = UALNetConfig.local(blocks=1) if options == "local" else UALNetConfig(blocks=1, **options)
    network = trained(config)
    image = images(21, 34)[kind]
    projection, frozen = network.unfolding.stages[1].projection, config.frozen_realness
    rest = 0.5 * images(21, 34, seed=1)["random"]
    for before in (None, rest):
        found = adversarial_gradient(network.discriminator, projection, image, before, Statistics(), frozen)
        expected = autograd_gradient(network.discriminator, projection, image, before, frozen)
        for one, true in zip(found, expected):
            assert closeness(one, true) < 1e-9


def test_the_whole_network_is_the_same_by_both(trained):
    network = trained()
    msi = torch.rand(1, 12, 13, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = network(msi).hsi
    network.unfolding.by_autograd = True
    assert closeness(network(msi).hsi, found) < 1e-9


def test_the_gradient_itself_can_be_trained_through(trained):
    network = trained()
    network.unfolding.stages[0].projection.requires_grad_(True)
    image = images(16, 16)["random"]
    forward_gradients(network, image, [image])[0][0].square().sum().backward()
    assert network.unfolding.stages[0].projection.conv.weight.grad.abs().max() > 0
