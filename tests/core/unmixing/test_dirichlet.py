import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import digamma
from scipy.stats import dirichlet

from hyperlift.core.unmixing.dirichlet import fit_dirichlet, log_normaliser


@pytest.mark.parametrize("alpha", [(1.0, 1.0), (0.05, 0.3, 2.0), (40.0, 0.7, 3.0, 9.0), (0.02,) * 11])
@pytest.mark.parametrize("start", [0.01, 1.0, 100.0])
def test_expected_logarithms_give_the_parameters_back(alpha, start):
    alpha = np.array(alpha)
    mean_log = digamma(alpha) - digamma(alpha.sum())
    np.testing.assert_allclose(fit_dirichlet(mean_log, np.full(len(alpha), start)), alpha, rtol=1e-7)


def test_is_the_maximum_of_the_likelihood_of_a_sample():
    sample = np.random.default_rng(3).dirichlet([0.8, 2.0, 5.0], 200)

    def loss(logarithm):
        return -dirichlet.logpdf(sample.T, np.exp(logarithm)).sum()

    found = fit_dirichlet(np.log(sample).mean(axis=0), np.ones(3))
    best = minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    np.testing.assert_allclose(found, np.exp(best.x), rtol=1e-5)
    assert loss(np.log(found)) <= best.fun + 1e-9


def test_normaliser_is_that_of_the_density():
    alpha, shares = np.array([0.4, 1.5, 6.0]), np.array([0.2, 0.5, 0.3])
    density = log_normaliser(alpha) + ((alpha - 1.0) * np.log(shares)).sum()
    assert density == pytest.approx(dirichlet.logpdf(shares, alpha))
