"""Patterns of trained networks: the descent's gradient, and what it finds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import check_grad

from overparam.convex import convex_program, patterns_of, solve
from overparam.convex.programs.patterns import cutting_directions
from overparam.convex.solvers.local_search import _Descent, trained_patterns
from overparam.errors import ConfigError


N, D, WIDTH = 20, 3, 4


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D))
    return x, np.maximum(x[:, 0], 0) - x[:, 1], rng.normal(size=(WIDTH, D))


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
def test_the_gradient_is_that_of_finite_differences(network):
    x, y, _ = data()
    linear = int(network == "skip")
    descent = _Descent(x, y, 0.3, linear, network == "normalised")
    point = np.random.default_rng(1).normal(size=(WIDTH + linear) * (D + 1))
    slopes = descent(point)[1]
    error = check_grad(lambda p: descent(p)[0], lambda p: descent(p)[1], point)
    # Forward differences with a step of 1.5e-8 on values of about 100.
    assert error < 1e-6 * np.linalg.norm(slopes)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", ["exact", "gated"])
def test_trained_patterns_are_better_than_those_they_began_with(network, relaxation):
    x, y, start = data()
    options = {"network": network, "relaxation": relaxation, "penalty": 0.1}
    trained = trained_patterns(x, y, start, penalty=0.1, network=network)
    values = [
        solve(convex_program(x, y, patterns=patterns, **options)).primal
        for patterns in (trained, patterns_of(x, start))
    ]
    assert len(trained.masks) <= WIDTH
    assert values[0] < values[1]


def test_a_penalty_that_takes_all_neurons_away_leaves_patterns():
    x, y, start = data()
    assert len(trained_patterns(x, y, start, penalty=1e6).masks)
    assert len(trained_patterns(x, np.zeros(N), start, penalty=1.0).masks)
    with pytest.raises(ConfigError, match="`penalty` must be a positive"):
        trained_patterns(x, y, start, penalty=0.0)


def test_cutting_directions_do_not_depend_on_units_and_means():
    x, _, _ = data()
    ones = np.ones((N, 1))
    inputs = np.hstack([x, ones])
    moved = np.hstack([1e3 * x * [1, 2, 1e-5] + [5, -1e4, 3], ones])
    masks = []
    for rows in (inputs, moved):
        rng = np.random.default_rng(2)
        found = cutting_directions(rows, 12, biased=True, rng=rng)
        # The bias is in units of the largest column.
        masks.append(rows[:, :-1] @ found[:, :-1].T + found[:, -1])
    centred = [m - m.mean(axis=0) for m in masks]
    sizes = [np.linalg.norm(c, axis=0) for c in centred]
    assert_allclose(centred[0] / sizes[0], centred[1] / sizes[1], atol=1e-9)
    assert all(0 < (m > 0).mean() < 1 for m in masks)
