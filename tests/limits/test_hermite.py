"""Moments of tanh against a quadrature in two dimensions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.limits import tanh_covariance
from overparam.limits.hermite import tanh_slope


NODES = np.arange(-12, 12.001, 0.02)
WEIGHTS = np.exp(-(NODES**2) / 2) * 0.02 / np.sqrt(2 * np.pi)


def quadrature(deviation, other, correlation):
    """E[tanh(s u) tanh(t (c u + sqrt(1 - c^2) v))] by two trapezoidal rules."""
    rest = np.sqrt(1 - correlation**2)
    inner = [WEIGHTS @ np.tanh(other * (correlation * u + rest * NODES)) for u in NODES]
    return (WEIGHTS * np.tanh(deviation * NODES)) @ inner


# The orders that are left out: 3e-8 of the power at deviation 2.
@pytest.mark.parametrize(
    ("deviation", "other", "tolerance"),
    [(0.1, 0.5, 1e-12), (1.0, 1.0, 1e-12), (2.0, 2.0, 1e-7), (2.0, 0.3, 1e-10)],
)
@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.4, 0.999, 1.0])
def test_the_series_is_the_integral(deviation, other, tolerance, correlation):
    rows, columns = np.array([deviation**2]), np.array([other**2])
    gram = np.array([[deviation * other * correlation]])
    found = tanh_covariance(gram, rows, columns, np)[0, 0]
    assert found == pytest.approx(
        quadrature(deviation, other, correlation), abs=tolerance
    )


def test_the_slope_is_the_mean_derivative_and_one_at_zero():
    deviations = np.array([0.0, 0.2, 1.0, 2.0])
    z = deviations[:, None] * NODES
    expected = (1 / np.cosh(z) ** 2) @ WEIGHTS
    assert_allclose(tanh_slope(deviations**2, np), expected, rtol=1e-12)


def test_a_neuron_without_weights_has_no_moments():
    squares = np.array([0.0, 1.0])
    found = tanh_covariance(np.diag(squares), squares, squares, np)
    assert_allclose(found[0], 0)
