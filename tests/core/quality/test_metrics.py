import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    error_relative_global_dimensionless_synthesis,
    spectral_angle_mapper,
    structural_similarity_index_measure,
)

from hyperlift.core.errors import HyperLiftError
from hyperlift.core.quality.metrics import ergas, psnr, rmse, sam, ssim, uiqi

METRICS = (psnr, sam, rmse, ssim, ergas, uiqi)


@pytest.fixture
def images():
    """A reference and an estimate of five bands of unlike brightness."""
    rng = np.random.default_rng(0)
    reference = rng.uniform(0.05, 0.6, (5, 24, 31)) * np.array([1, 0.5, 2, 0.1, 1])[:, None, None]
    return reference, reference * 0.9 + rng.normal(0, 0.02, reference.shape)


def tensors(images):
    return [torch.from_numpy(image)[None] for image in images[::-1]]  # torchmetrics: estimate first


def test_definitions_as_torchmetrics_has_them(images):
    estimate, reference = tensors(images)
    angle = torch.rad2deg(spectral_angle_mapper(estimate, reference))
    assert sam(*images) == pytest.approx(float(angle), rel=1e-6)
    for ratio in (1.0, 0.25):
        wanted = error_relative_global_dimensionless_synthesis(estimate, reference, ratio=1 / ratio)
        assert ergas(*images, ratio) == pytest.approx(float(wanted), rel=1e-9)
    peaks = reference.amax(dim=(2, 3), keepdim=True)
    wanted = structural_similarity_index_measure(estimate / peaks, reference / peaks, data_range=1.0)
    assert ssim(*images) == pytest.approx(float(wanted), rel=1e-6)


def test_psnr_and_rmse_by_hand():
    reference = np.stack([np.full((3, 4), 0.5), np.full((3, 4), 2.0)])
    estimate = reference + np.array([0.05, 0.02])[:, None, None]
    assert psnr(reference, estimate) == pytest.approx((20 + 40) / 2)
    assert psnr(reference, estimate, peak=1.0) == pytest.approx(-10 * np.log10([0.05**2, 0.02**2]).mean())
    assert rmse(reference, estimate) == pytest.approx(np.sqrt((0.05**2 + 0.02**2) / 2))
    assert psnr(reference, reference) == np.inf


def test_uiqi_by_the_published_formula_window_by_window(images):
    values = []
    for first, second in zip(*images):
        for row in range(24 - 7):
            for column in range(31 - 7):
                x, y = (image[row : row + 8, column : column + 8].ravel() for image in (first, second))
                covariance = np.cov(x, y)
                below = (covariance[0, 0] + covariance[1, 1]) * (x.mean() ** 2 + y.mean() ** 2)
                values.append(4 * covariance[0, 1] * x.mean() * y.mean() / below)
    assert uiqi(*images) == pytest.approx(np.mean(values), rel=1e-9)


def test_even_windows_are_judged_by_their_means():
    reference = np.full((1, 12, 12), 0.3)
    assert uiqi(reference, reference) == 1.0
    assert uiqi(reference, 2 * reference) == pytest.approx(2 * 2 / (1 + 4))
    assert uiqi(0 * reference, 0 * reference) == 1.0
    assert ssim(reference, reference) == pytest.approx(1.0)


def with_gaps(images):
    """The images with three columns more, of which either has no values in some band."""
    wide = [np.concatenate([image, image[:, :, :3]], axis=2) for image in images]
    wide[0][2, :, 31:] = np.nan
    wide[1][4, :, 32:] = np.inf
    return wide


@pytest.mark.parametrize("metric", [psnr, sam, rmse, ergas, uiqi])
def test_pixels_without_values_do_not_count(metric, images):
    assert metric(*with_gaps(images)) == pytest.approx(metric(*images), rel=1e-9)


def test_windows_with_pixels_without_values_do_not_count(images):
    estimate, reference = tensors(images)
    peaks = reference.amax(dim=(2, 3), keepdim=True)
    _, everywhere = structural_similarity_index_measure(
        estimate / peaks, reference / peaks, data_range=1.0, return_full_image=True
    )
    wanted = everywhere[..., : 31 - 5].mean()
    assert ssim(*with_gaps(images)) == pytest.approx(float(wanted), rel=1e-6)


def test_pixels_of_zeros_have_no_angle(images):
    reference, estimate = (image.copy() for image in images)
    whole = sam(reference[:, 1:], estimate[:, 1:])
    reference[:, 0] = 0.0
    assert sam(reference, estimate) == pytest.approx(whole)
    assert sam(np.ones((3, 2, 2)), np.zeros((3, 2, 2))) == 90.0


@pytest.mark.parametrize("metric", METRICS)
def test_images_that_cannot_be_compared_are_refused(metric, images):
    with pytest.raises(HyperLiftError, match=r"Reference \(5, 24, 31\) and estimate \(5, 24, 30\) must both"):
        metric(images[0], images[1][:, :, 1:])
    with pytest.raises(HyperLiftError, match="must both be images"):
        metric(images[0][0], images[1][0])
    with pytest.raises(HyperLiftError, match="no pixel with values in both images"):
        metric(images[0], np.full_like(images[1], np.nan))


def test_what_a_metric_needs_is_said(images):
    reference, estimate = (image.copy() for image in images)
    with pytest.raises(HyperLiftError, match="No window of 8 x 8 pixels has values throughout"):
        uiqi(reference[:, :7], estimate[:, :7])
    gaps = reference.copy()
    gaps[0, ::5, ::5] = np.nan
    with pytest.raises(HyperLiftError, match="No window of 11 x 11 pixels has values throughout"):
        ssim(gaps, estimate)
    reference[1] = 0.0
    for metric in (psnr, ssim):
        with pytest.raises(HyperLiftError, match="Band 2 has no peak above zero"):
            metric(reference, estimate)
    with pytest.raises(HyperLiftError, match="Band 1 has no peak above zero"):
        psnr(*images, peak=0.0)
    with pytest.raises(HyperLiftError, match="mean of band 2 is zero"):
        ergas(reference, estimate)
    with pytest.raises(HyperLiftError, match="All pixels of the reference are zero"):
        sam(0 * reference, estimate)
