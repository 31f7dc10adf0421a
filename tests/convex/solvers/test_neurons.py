"""Sizes of neurons: full correction against weak duality."""

import numpy as np
import pytest

from overparam.convex.solvers.neurons import (
    UnitNeurons,
    corrected,
    improved,
    no_neurons,
)


def gap(neurons: UnitNeurons, among: UnitNeurons, x, y, penalty):
    """Relative distance of an objective to what the residual proves for `among`."""
    dual = neurons.residual(x, y)
    dual /= max(1.0, float((among.outputs(x).T @ dual).max()) / penalty)
    objective = neurons.objective(x, y, penalty)
    return (objective - float(y @ dual - dual @ dual / 2)) / objective


@pytest.mark.parametrize("distance", [0.0, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("seed", range(5))
def test_sizes_are_optimal_for_neurons_that_depend_on_each_other(seed, distance):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((40, 4)), rng.standard_normal(40)
    # Of few patterns: more neurons of each than it has dimensions.
    planted = rng.standard_normal((6, 4))
    near = np.repeat(planted, 8, axis=0)
    near[1::2] += 0.05 * rng.standard_normal((24, 4))
    near[2::4] = near[1::4] + distance * rng.standard_normal((12, 4))
    directions = near / np.linalg.norm(near, axis=1, keepdims=True)
    signs = np.tile([1.0, -1.0], 24)
    empty = UnitNeurons(directions, signs, np.zeros(48))
    penalty = 0.01 * float(np.abs(empty.outputs(x).T @ y).max())
    some = UnitNeurons(directions[:24], signs[:24], np.zeros(24))
    first = corrected(some, x, y, penalty)
    best = corrected(first.with_more(directions, signs), x, y, penalty)
    at_first = first.objective(x, y, penalty)
    assert best.objective(x, y, penalty) <= at_first * (1 + 1e-12)
    # Normal equations lose half the digits of a double.
    assert gap(first, some, x, y, penalty) < 1e-7
    assert gap(best, empty, x, y, penalty) < 1e-7


def test_no_correction_of_rows_of_very_different_sizes_raises_the_objective():
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((6, 2)) * 10.0 ** rng.uniform(-8, 8, (6, 1))
        y = rng.standard_normal(6) * 10.0 ** rng.uniform(-4, 4)
        directions = rng.standard_normal((4, 2))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        signs, penalty = rng.choice([-1.0, 1.0], 4), 10.0 ** rng.uniform(-3, 3)
        given = UnitNeurons(directions, signs, np.full(4, 1e-3))
        found = corrected(given, x, y, penalty)
        assert found.objective(x, y, penalty) <= given.objective(x, y, penalty), seed


@pytest.mark.parametrize("seed", range(12))
def test_no_round_raises_the_objective(seed):
    rng = np.random.default_rng(seed)
    x, planted = rng.standard_normal((60, 3)), rng.standard_normal((3, 2))
    y = np.maximum(x @ planted, 0) @ np.array([1.0, -1.0])
    y += 0.1 * rng.standard_normal(60)
    neurons, objectives, rng = no_neurons(3), [], np.random.default_rng(0)
    # A small penalty: many neurons, more on a pattern than are independent.
    for step in range(30):
        objectives.append(neurons.objective(x, y, 1e-3))
        wide = step % 10 == 0
        neurons, _ = improved(neurons, x, y, 1e-3, skip=False, wide=wide, rng=rng)
    assert np.all(np.diff(objectives) <= 1e-12 * objectives[0])
