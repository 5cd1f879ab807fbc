"""The covariance of settings: its sum, its derivative, and rows that repeat in part."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from proxylm.predictor.regressors.covariance import JITTER, Covariance, Floats, Rows

COVARIANCE = Covariance(line=[0, 1], smooth=[[0, 1, 2, 3], [3]], n_effects=3)


@pytest.fixture
def rows() -> Rows:
    """40 settings; the last input has five values, as one of a side's languages has."""
    random = np.random.default_rng(0)
    Z = random.normal(size=(40, 4))
    Z[:, 3] = random.normal(size=5)[random.integers(0, 5, 40)]
    return Rows(Z, random.integers(0, 4, (40, 3)))


@pytest.fixture
def theta() -> Floats:
    random = np.random.default_rng(1)
    return COVARIANCE.prior_mean + 0.3 * random.normal(size=len(COVARIANCE.prior_mean))


def one_pair(theta: Floats, rows: Rows, i: int, j: int) -> float:
    """The covariance of two rows, term by term."""
    a, b, parameters = rows.Z[i], rows.Z[j], np.exp(theta)
    total = parameters[0] * a[0] * b[0] + parameters[1] * a[1] * b[1]
    r = 3**0.5 * np.linalg.norm((a - b) / parameters[3:7])
    total += parameters[2] * (1 + r) * np.exp(-r)
    r = 3**0.5 * abs(a[3] - b[3]) / parameters[8]
    total += parameters[7] * (1 + r) * np.exp(-r)
    return float(total + parameters[9:12] @ (rows.codes[i] == rows.codes[j]))


def test_it_is_the_sum_of_its_parts(theta: Floats, rows: Rows) -> None:
    expected = [[one_pair(theta, rows, i, j) for j in range(40)] for i in range(25)]
    found = COVARIANCE.between(theta, rows.take(slice(25)), rows)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # of near rows a root is taken


def test_the_function_of_theta_is_the_noisy_covariance(theta: Floats, rows: Rows) -> None:
    known = np.linspace(0.1, 0.2, 40)
    total, _ = COVARIANCE.differentiable(rows, known)(theta)
    np.testing.assert_allclose(total, COVARIANCE.noisy(theta, rows, known), rtol=1e-12)
    noise = np.diag(total) - COVARIANCE.variance(theta, rows)
    np.testing.assert_allclose(noise, np.exp(theta[-1]) + known + JITTER, rtol=1e-6)


def test_its_derivative_is_that_of_finite_differences(theta: Floats, rows: Rows) -> None:
    W = np.random.default_rng(2).normal(size=(40, 40))
    W += W.T
    at_theta = COVARIANCE.differentiable(rows, np.zeros(40))
    numeric = approx_fprime(theta, lambda changed: np.vdot(W, at_theta(changed)[0]), 1e-6)
    np.testing.assert_allclose(at_theta(theta)[1](W), numeric, rtol=1e-3, atol=1e-3)
