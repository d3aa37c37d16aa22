"""The adversarial gradient as a plain graph in ONNX Runtime, nothing left out."""

import numpy as np
import onnxruntime
import torch
from torch import nn

from hyperlift.core.networks.ualnet.adversarial import adversarial_gradient
from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.statistics import Statistics
from hyperlift.training.model_files import round_to_half, write_graph


class Gradient(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.discriminator = network.discriminator
        self.projection = network.unfolding.stages[1].projection

    def forward(self, image, rest):
        return adversarial_gradient(self.discriminator, self.projection, image, rest, Statistics()).gradient


def test_the_published_gradient_is_a_graph_that_holds_for_every_size_and_for_ties(trained, tmp_path):
    module = Gradient(trained(UALNetConfig(blocks=1)).float()).eval()
    round_to_half(module)
    random = torch.Generator().manual_seed(1)

    def pair(height, width):
        return tuple(torch.rand(1, 186, height, width, generator=random) for _ in range(2))

    path, free = tmp_path / "gradient.onnx", {2: "height", 3: "width"}
    names = ("image", "rest")
    write_graph(module, dict(zip(names, pair(20, 24))), ["gradient"], path, dict.fromkeys(names, free))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in ((20, 24), (19, 37), (33, 18)):
        image, rest = pair(*size)
        image[:, :, : size[0] // 2] = 0.25
        expected = module(image, rest).numpy()
        (found,) = session.run(None, {"image": image.numpy(), "rest": rest.numpy()})
        assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()
