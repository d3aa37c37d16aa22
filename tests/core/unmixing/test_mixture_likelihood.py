"""Densities against quadrature, which works in the abundances themselves and shares no code with them."""

import numpy as np
import pytest
from scipy.special import logsumexp, roots_jacobi
from scipy.stats import dirichlet

from hyperlift.core.unmixing.mixture_likelihood import draw, posterior_gaussians

TRIANGLE = np.array([[0.0, 0.0], [1.0, 0.1], [0.4, 0.9]])
INTERVAL = np.array([[-0.3], [0.7]])
NODES = 200


def beta_nodes(first, second):
    """Gauss-Jacobi nodes and logarithms of weights for the expectation over a Beta distribution."""
    nodes, weights = roots_jacobi(NODES, second - 1.0, first - 1.0)
    return (nodes + 1.0) / 2.0, np.log(weights / weights.sum())


def quadrature(points, vertices, alpha, noise):
    """Logarithms of the densities: a Dirichlet is a product of Betas, by stick breaking."""
    first, log_first = beta_nodes(alpha[0], sum(alpha[1:]))
    shares, weights = np.stack([first, 1.0 - first], axis=1), log_first
    if len(alpha) == 3:
        second, log_second = beta_nodes(alpha[1], alpha[2])
        a, b = np.meshgrid(first, second, indexing="ij")
        shares = np.stack([a, (1.0 - a) * b, (1.0 - a) * (1.0 - b)], axis=-1).reshape(-1, 3)
        weights = np.add.outer(log_first, log_second).ravel()
    squares = ((points[:, None] - shares @ vertices) ** 2).sum(axis=2)
    dimensions = points.shape[1]
    return logsumexp(weights - squares / (2 * noise), axis=1) - dimensions / 2 * np.log(2 * np.pi * noise)


def estimate(points, vertices, alpha, noise, samples, seed=0):
    """The same by importance sampling with plain random numbers."""
    uniforms = np.random.default_rng(seed).random((len(points), samples, points.shape[1]))
    return draw(points, vertices, noise, uniforms).log_density(np.array(alpha))[0]


def mixtures(vertices, alpha, noise, number, seed=1):
    random = np.random.default_rng(seed)
    pure = random.dirichlet(alpha, number) @ vertices
    return pure + np.sqrt(noise) * random.standard_normal(pure.shape)


@pytest.mark.parametrize("deviation", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("alpha", [(1.0, 1.0), (0.6, 2.5), (5.0, 1.2), (1.0, 1.0, 1.0), (0.7, 1.0, 3.0)])
def test_density_is_that_of_quadrature(alpha, deviation):
    vertices = INTERVAL if len(alpha) == 2 else TRIANGLE
    points = mixtures(vertices, alpha, deviation**2, 20)
    expected = quadrature(points, vertices, alpha, deviation**2)
    found = estimate(points, vertices, alpha, deviation**2, 30_000)
    np.testing.assert_allclose(found, expected, atol=0.08)


def test_few_draws_are_enough():
    points = mixtures(TRIANGLE, (1.0, 1.0, 1.0), 0.05**2, 100)
    expected = quadrature(points, TRIANGLE, (1.0, 1.0, 1.0), 0.05**2)
    found = estimate(points, TRIANGLE, (1.0, 1.0, 1.0), 0.05**2, 32)
    assert np.abs(found - expected).max() < 0.5
    assert abs((found - expected).mean()) < 0.01


@pytest.mark.parametrize("distance", [1.0, 10.0])
def test_points_far_outside_count_in_full(distance):
    points = np.array([[-distance, 0.2], [0.5, -distance], [distance, distance]])
    expected = quadrature(points, TRIANGLE, (1.0, 1.0, 1.0), 0.2**2)
    found = estimate(points, TRIANGLE, (1.0, 1.0, 1.0), 0.2**2, 3000)
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_points_beyond_any_probability_stay_finite():
    points = np.array([[-1e3, 5.0], [1e3, 1e3], [0.4, -1e3]])
    noise = 1e-4**2
    nearest = np.array([0.0, 0.0]), np.array([0.4, 0.9]), np.array([0.4, 0.04])
    distance = np.array([((point - near) ** 2).sum() for point, near in zip(points, nearest)])
    found = estimate(points, TRIANGLE, (1.0, 1.0, 1.0), noise, 100)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, -distance / (2 * noise), rtol=0.01)


def test_weights_give_the_posterior_moments():
    random = np.random.default_rng(5)
    point, noise, alpha = np.array([[0.05, 0.12]]), 0.1**2, np.array([0.8, 1.5, 1.0])
    result = draw(point, TRIANGLE, noise, random.random((1, 20_000, 2)))
    shares = np.exp(result.logs[:, 0])
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-12)
    weights = result.log_density(alpha)[1][0]
    prior = dirichlet.rvs(alpha, 400_000, random_state=1)
    likelihood = np.exp(-((point - prior @ TRIANGLE) ** 2).sum(axis=1) / (2 * noise))
    expected = likelihood @ prior / likelihood.sum()
    np.testing.assert_allclose(shares @ weights, expected, atol=0.01)


def test_gaussians_have_the_moments_of_those_cut_off_at_the_facets():
    precision = np.array([[30.0, 12.0], [12.0, 20.0]])
    centres = np.array([[0.3, 0.3], [-0.4, 0.5], [0.9, 0.8], [0.2, -1.0]])
    mean, covariance = posterior_gaussians(precision, centres @ precision)
    wide = np.linalg.inv(4.0 * (np.eye(2) + 1.0))
    shares = np.random.default_rng(2).dirichlet([1.0, 1.0, 1.0], 400_000)[:, :2]
    prior = (shares - 1 / 3) @ np.linalg.inv(wide)
    for number, centre in enumerate(centres):
        offset = shares - centre
        logarithm = (
            -((offset @ precision) * offset).sum(axis=1) / 2 - (prior * (shares - 1 / 3)).sum(axis=1) / 2
        )
        weights = np.exp(logarithm - logarithm.max())
        weights /= weights.sum()
        expected = weights @ shares
        np.testing.assert_allclose(mean[number], expected, atol=0.02)
        scatter = (shares - expected).T @ ((shares - expected) * weights[:, None])
        np.testing.assert_allclose(covariance[number], scatter, atol=0.25 * np.diag(scatter).max())
