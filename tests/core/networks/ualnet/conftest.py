import pytest
import torch
from torch import nn

from hyperlift.core.networks.ualnet.config import UALNetConfig
from hyperlift.core.networks.ualnet.network import UALNet


def _trained(network, seed):
    """Random weights everywhere, as large as training might make them, and running statistics."""
    random = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.3, generator=random)
            module.running_var.uniform_(0.5, 2.0, generator=random)
    with torch.no_grad():
        for weight in network.parameters():
            spread = 0.3 if weight.dim() < 2 else (2.0 / weight[0].numel()) ** 0.5
            weight.add_(spread * torch.randn(weight.shape, generator=random, dtype=weight.dtype))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def trained():
    """A network of a configuration, in double precision, with random weights."""

    def build(config=None, seed=0):
        torch.manual_seed(seed)
        return _trained(UALNet(config or UALNetConfig(blocks=1)).double(), seed)

    return build
