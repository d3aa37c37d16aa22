import numpy as np
import pytest
import torch

from hyperlift.core.networks.guidance import FootprintMean, LocalRegression, shifted


def blocks(image, size, phase=(0, 0)):
    """Means of ``image`` (N, bands, H, W) over footprints that start ``phase`` pixels before it."""
    rows, columns = ((torch.arange(extent) + start) // size for extent, start in zip(image.shape[2:], phase))
    result = torch.empty_like(image)
    for row in rows.unique():
        for column in columns.unique():
            inside = (rows == row)[:, None] & (columns == column)[None]
            result[:, :, inside] = image[:, :, inside].mean(dim=2, keepdim=True)
    return result


def random_image(bands, height=30, width=38, seed=0):
    return torch.rand(1, bands, height, width, generator=torch.Generator().manual_seed(seed)).double()


def borders(mean, coarse):
    return mean.borders(coarse, 2), mean.borders(coarse, 3)


@pytest.mark.parametrize("pixels", [0, 1, -1, 5, -5, 40])
@pytest.mark.parametrize("dim", [2, 3])
def test_shifted_repeats_the_last_value(pixels, dim):
    image = random_image(2)
    places = (np.arange(image.shape[dim]) + pixels).clip(0, image.shape[dim] - 1)
    assert torch.equal(shifted(image, pixels, dim), image.index_select(dim, torch.from_numpy(places)))


@pytest.mark.parametrize("phase", [(0, 0), (1, 0), (4, 3)])
@pytest.mark.parametrize("factor", [2, 6])
def test_means_are_those_of_the_footprints_wherever_these_lie(factor, phase):
    fine, coarse = random_image(3), blocks(random_image(2, seed=1), factor, phase)
    mean = FootprintMean(factor)
    result = mean(fine, borders(mean, coarse))
    inner = slice(factor, -factor)  # footprints cut by the border show half of their borders
    expected = blocks(fine, factor, phase)
    assert (result - expected)[:, :, inner, inner].abs().max() < 1e-4


def test_noise_of_sharp_bands_finds_no_footprints():
    mean = FootprintMean(6)
    share = mean.borders(random_image(2, 200, 200), 3)
    assert share[:, :, 10:-10, 10:-10].sub(1 / 6).abs().max() < 0.1


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 1)])
def test_images_smaller_than_a_footprint(size):
    regression = LocalRegression(6, 21)
    fine, coarse = random_image(4, *size), random_image(2, *size, seed=1)
    result = regression(fine, coarse, borders(regression.footprint, coarse))
    assert result.shape == coarse.shape
    assert result.isfinite().all()


@pytest.mark.parametrize("factor", [2, 6])
def test_bands_that_are_linear_in_the_fine_ones_are_found_again(factor):
    fine = random_image(4, 60, 60)
    mixing = torch.tensor([[0.5, -0.2, 0.1, 0.4], [0.1, 0.3, 0.2, 0.1]]).double()
    sharp = torch.einsum("bg,nghw->nbhw", mixing, fine) + 0.05
    coarse = blocks(sharp, factor)
    regression = LocalRegression(factor, 31)
    result = regression(fine, coarse, borders(regression.footprint, coarse))
    inner = slice(factor, -factor)
    error = (result - sharp)[:, :, inner, inner].abs().mean()
    assert error < 0.05 * (coarse - sharp)[:, :, inner, inner].abs().mean()


def test_bands_that_depend_on_the_surroundings_are_found_again():
    """As a wider point spread makes them: less of each pixel's contrast with what is around it."""
    fine = random_image(2, 60, 60)
    mean = torch.nn.functional.avg_pool2d(fine, 3, 1, 1, count_include_pad=False)
    sharp = 0.5 * fine[:, :1] - 0.3 * (fine - mean)[:, :1] + 0.1
    coarse = blocks(sharp, 2)
    errors = []
    for contrasts in ((), (3,)):
        regression = LocalRegression(2, 31, contrasts)
        result = regression(fine, coarse, borders(regression.footprint, coarse))
        errors.append((result - sharp)[:, :, 2:-2, 2:-2].abs().mean())
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.parametrize("predictors", [1, 4])
def test_weights_are_least_squares_where_what_is_near_counts_more(predictors):
    """Against numpy: the mean over 11 pixels, taken twice, weighs pixels by a pyramid of 21 x 21."""
    regression = LocalRegression(2, 11)
    fine, coarse = random_image(predictors, 21, 21), random_image(2, 21, 21, seed=1)
    wide = [torch.nn.functional.pad(image, (15, 15, 15, 15)) for image in (fine, coarse)]
    bands = torch.cat(wide, dim=1)
    weights = torch.stack(regression._weights(bands, regression.near(bands), predictors))[:, 0, :, 25, 25]
    side = np.convolve(np.ones(11), np.ones(11))
    root = np.sqrt(np.outer(side, side)).ravel()[:, None]
    design = root * np.column_stack([fine[0].flatten(1).T.numpy(), np.ones(441)])
    expected = np.linalg.lstsq(design, root * coarse[0].flatten(1).T.numpy(), rcond=None)[0][:predictors]
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("level", [0.01, 0.5, 0.8, 1.0, 1.6])
@pytest.mark.parametrize("noise", [0.0, 1e-5, 1e-4])
@pytest.mark.parametrize(("factor", "contrasts"), [(2, (3, 7)), (6, ())])
def test_single_precision_suffices_for_flat_places_however_bright(level, noise, factor, contrasts):
    """Saturated pixels, clouds, snow, fill: covariances are differences of nearly equal numbers there."""
    regression = LocalRegression(factor, 31, contrasts)
    fine = level + noise * random_image(4, 72, 72)
    coarse = blocks(level + noise * random_image(2, 72, 72, seed=1), factor)
    exact, single = (
        regression(a, b, borders(regression.footprint, b))
        for a, b in ((fine, coarse), (fine.float(), coarse.float()))
    )
    assert (single - exact).abs().max() < 1e-5
    assert (exact - coarse).abs().max() <= 2.0 * noise + 1e-9
