"""Wasserstein distances on the torus against assignments and closed forms."""

import math
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment

from overparam.analysis.density.torus_transport import torus_wasserstein
from overparam.errors import ConfigError


pytest.importorskip("ot")


def test_equal_sizes_are_an_assignment():
    rng = np.random.default_rng(0)
    for n in (1, 7, 30):
        x, y = rng.uniform(-2, 2, (2, n, 2))
        offsets = (x[:, None] - y[None] + 2) % 4 - 2
        costs = np.sum(offsets**2, axis=2)
        rows, columns = linear_sum_assignment(costs)
        expected = math.sqrt(costs[rows, columns].mean())
        assert_allclose(torus_wasserstein(x, y), expected, rtol=1e-9)


def test_two_points_are_as_far_as_their_geodesic():
    first, second = np.array([[1.9, 0.0]]), np.array([[-1.9, 0.1]])
    found = torus_wasserstein(first, second)
    assert_allclose(found, math.hypot(0.2, 0.1), rtol=1e-9)


def test_a_weight_is_a_multiplicity():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-2, 2, (3, 2)), rng.uniform(-2, 2, (5, 2))
    found = torus_wasserstein(x, y, first_weights=np.array([2.0, 1.0, 1.0]))
    repeated = torus_wasserstein(x[[0, 0, 1, 2]], y)
    assert_allclose(found, repeated, rtol=1e-9)


def test_without_pot_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ConfigError, match=r"need POT: pip install 'overparam\[ot\]'"):
        torus_wasserstein(np.zeros((1, 2)), np.zeros((1, 2)))
