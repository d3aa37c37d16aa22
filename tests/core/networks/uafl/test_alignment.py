import numpy as np
import pytest
import torch

from hyperlift.core.networks.uafl.alignment import (
    GROUPS,
    CoarseToFineAlignment,
    ModulatedDeformable,
    PlainDeformable,
    encode_fraction,
    warp,
)


def bilinear(plane, y, x):
    """Value of a plane at a place, zero beyond it."""
    total, top, left = 0.0, int(np.floor(y)), int(np.floor(x))
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        if 0 <= row < plane.shape[0] and 0 <= column < plane.shape[1]:
            total += plane[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def direct(image, offsets, mask, weight, bias):
    """Modulated deformable convolution, pixel by pixel and tap by tap."""
    channels, height, width = image.shape
    depth = channels // GROUPS
    found = np.tile(bias[:, None, None], (1, height, width)).astype(float)
    for row, column, tap, channel in np.ndindex(height, width, 9, channels):
        place = (channel // depth) * 9 + tap
        y = row + tap // 3 - 1 + offsets[2 * place + 1, row, column]
        x = column + tap % 3 - 1 + offsets[2 * place, row, column]
        value = bilinear(image[channel], y, x) * mask[place, row, column]
        found[:, row, column] += weight[:, channel, tap // 3, tap % 3] * value
    return found


def test_gathers_equal_the_direct_deformable_convolution():
    torch.manual_seed(0)
    module = ModulatedDeformable(16).double()
    image = torch.rand(2, 16, 6, 9, dtype=torch.float64)
    offsets = 3 * torch.randn(2, GROUPS * 18, 6, 9, dtype=torch.float64)
    mask = torch.rand(2, GROUPS * 9, 6, 9, dtype=torch.float64)
    with torch.no_grad():
        found = module(image, offsets, mask).numpy()
        single = module.float()(image.float(), offsets.float(), mask.float()).numpy()
    kernel = module.kernel.weight.detach().numpy(), module.kernel.bias.detach().numpy()
    expected = [direct(*arrays, *kernel) for arrays in zip(image.numpy(), offsets.numpy(), mask.numpy())]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(single, expected, atol=1e-5)


@pytest.mark.parametrize("kind", [CoarseToFineAlignment, PlainDeformable])
def test_untrained_it_convolves_the_reference_in_its_place(kind):
    torch.manual_seed(0)
    module, reference = kind(8), torch.rand(1, 8, 12, 10)
    kernel = module.aggregate.kernel
    expected = torch.nn.functional.conv2d(reference, 0.5 * kernel.weight, kernel.bias, padding=1)
    torch.testing.assert_close(module(torch.rand(1, 8, 12, 10), reference), expected, atol=1e-5, rtol=0)


def test_warping_moves_an_image_by_its_flow():
    image = torch.rand(1, 2, 10, 12)
    flow = torch.zeros(1, 2, 10, 12)
    flow[:, 0], flow[:, 1] = 3.0, -2.0
    torch.testing.assert_close(warp(image, flow)[..., 2:, :-3], image[..., :-2, 3:], atol=1e-5, rtol=0)


def test_the_flow_can_be_learned():
    torch.manual_seed(0)
    module = CoarseToFineAlignment(8)
    base = torch.nn.functional.avg_pool2d(torch.rand(1, 8, 40, 40), 5, 1, 2)
    target, reference = base[..., 4:36, 4:36], base[..., 4:36, 2:34]
    optimiser = torch.optim.Adam([*module.coarse.parameters(), *module.fine.parameters()], 3e-3)
    losses = []
    for _ in range(120):
        loss = (warp(reference, module.flow(target, reference)[0]) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_the_encoding_sees_only_the_fraction():
    flow = torch.rand(1, 2, 4, 4)
    encoded = encode_fraction(flow)
    assert encoded.shape == (1, 32, 4, 4)
    torch.testing.assert_close(encode_fraction(flow + 3.0), encoded, atol=1e-5, rtol=0)
