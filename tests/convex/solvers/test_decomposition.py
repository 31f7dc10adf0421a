"""Gated optima as ReLU networks: outputs, norms, bounds."""

import cvxpy as cp
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.convex import convex_program, network_objective, patterns_of, solve
from overparam.convex.solvers.decomposition import decompose
from overparam.errors import ConfigError

from ..problems import Problem


@pytest.mark.parametrize("network", ["plain", "skip"])
@pytest.mark.parametrize("penalty", [None, 0.05])
def test_the_relu_network_of_a_gated_optimum_has_its_outputs(rng, network, penalty):
    problem = Problem(rng, 16, 4)
    program = problem.program(network=network, penalty=penalty)
    gated = solve(program)
    found = decompose(gated)
    outputs = np.asarray(found.network(jnp.asarray(problem.x))[:, 0])
    # Neurons below 1e-7 of the largest are left out.
    size = np.abs(problem.y).max() * (1 + found.objective)
    np.testing.assert_allclose(outputs, gated.predictions, atol=1e-5 * size)
    assert found.program.violation(found.weights).max(initial=0) <= 1e-12
    assert gated.primal * (1 - 1e-6) <= found.objective <= found.bound * (1 + 1e-9)
    if penalty is not None:
        objective = network_objective(
            found.network, problem.x, problem.y, penalty=penalty
        )
        assert objective == pytest.approx(found.objective, rel=1e-5)
    # It is a point of the exact programme, whose optimum is no larger.
    exact = solve(problem.program(network=network, relaxation="exact", penalty=penalty))
    assert exact.lower <= found.objective * (1 + 1e-9)


def test_pairs_have_the_least_norm(rng):
    problem = Problem(rng, 14, 3)
    gated = solve(problem.program())
    found = decompose(gated)
    count = len(found.program.patterns.masks)
    for i, mask in enumerate(found.program.patterns.masks[:4]):
        u, v = cp.Variable(3), cp.Variable(3)
        z = gated.weights[gated.program.patterns.index(mask)]
        cone = (2.0 * mask - 1)[:, None] * problem.x
        rows = mask[:, None] * problem.x
        least = cp.Problem(
            cp.Minimize(cp.norm(u) + cp.norm(v)),
            [cone @ u >= 0, cone @ v >= 0, rows @ (u - v) == rows @ z],
        )
        least.solve(solver="CLARABEL")
        ours = np.linalg.norm(found.weights[[i, count + i]], axis=1).sum()
        # Ours is within 1e-6 of its lower bound; Clarabel's accuracy is absolute.
        assert ours == pytest.approx(least.value, rel=1e-5, abs=1e-6)


def test_weights_inside_their_cone_stay_as_they_are(rng):
    # One positive pattern, labels of a neuron inside it: nothing to split.
    x = np.abs(rng.standard_normal((12, 2)))
    direction = np.abs(rng.standard_normal(2))
    program = convex_program(x, x @ direction, patterns=patterns_of(x, np.ones((1, 2))))
    found = decompose(solve(program))
    assert found.objective == pytest.approx(np.linalg.norm(direction), rel=2e-6)


def test_other_solutions_are_refused(rng):
    problem = Problem(rng, 14, 3)
    with pytest.raises(ConfigError, match="only gated plain or skip"):
        decompose(solve(problem.program(relaxation="exact")))
    with pytest.raises(ConfigError, match="only gated plain or skip"):
        decompose(solve(problem.program(network="normalised")))
    with pytest.raises(ConfigError, match="status max_iterations"):
        decompose(solve(problem.program(), max_iterations=1))


def test_a_skip_network_without_patterns_is_its_linear_part(rng):
    x = rng.standard_normal((1, 3))
    # The all-ones pattern of one sample is the skip block itself.
    program = convex_program(x, x[:, 0], patterns=patterns_of(x, x), network="skip")
    found = decompose(solve(program))
    assert not len(program.patterns.masks)
    assert found.objective == pytest.approx(found.gated)
