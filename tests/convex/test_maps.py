"""Optimum to network and back; certificates of trained networks."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from overparam.convex import (
    certify_network,
    convex_program,
    enumerate_patterns,
    network_objective,
    solve,
    to_network,
    with_directions,
)
from overparam.convex.certificates.bounds import loose_bound
from overparam.convex.maps import network_patterns, predict
from overparam.errors import ConfigError
from overparam.networks import GatedTwoLayer, TwoLayer, from_arrays, to_arrays

from .problems import Problem


def weights_of(network, program):
    """Every neuron adds |a_j| w_j to the block of its pattern."""
    groups, width = program.groups, network.weights.shape[1]
    z = np.zeros((groups.n_groups, groups.dimension))
    readout = np.asarray(network.readout[:, 0])
    if program.n_skip:
        z[0] = readout[width:]
    for neuron, output in zip(np.asarray(network.weights).T, readout, strict=False):
        hidden = groups.x @ neuron
        if output and np.any(hidden > 0):
            negative = 0 if output > 0 else len(program.patterns.masks)
            pattern = program.patterns.index(hidden >= 0)
            z[program.n_skip + negative + pattern] += abs(output) * neuron
    return z


def random_network(rng, d, width, *, skip=False):
    weights = rng.standard_normal((d, width))
    readout = rng.standard_normal((width + (d if skip else 0), 1))
    return TwoLayer(
        weights=jnp.asarray(weights), readout=jnp.asarray(readout), skip=skip
    )


def trained_network(rng, x, y, width, penalty):
    """A local minimum found by L-BFGS on the un-balanced objective."""
    d = x.shape[1]

    def loss(flat):
        weights, readout = flat[: d * width].reshape(d, width), flat[d * width :]
        hidden = np.maximum(x @ weights, 0)
        error = hidden @ readout - y
        slope = np.outer(error, readout) * (hidden > 0)
        gradient = np.concatenate([(x.T @ slope).ravel(), hidden.T @ error])
        return 0.5 * error @ error + penalty / 2 * flat @ flat, (
            gradient + penalty * flat
        )

    start = rng.standard_normal((d + 1) * width)
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    weights, readout = found[: d * width].reshape(d, width), found[d * width :]
    return TwoLayer(weights=jnp.asarray(weights), readout=jnp.asarray(readout[:, None]))


@pytest.mark.parametrize("network", ["plain", "skip"])
def test_the_network_of_an_exact_optimum_has_its_objective(rng, network):
    problem, penalty = Problem(rng, 24, 5), 0.05
    program = problem.program(network=network, relaxation="exact", penalty=penalty)
    solution = solve(program)
    built = to_network(solution)
    objective = network_objective(built, problem.x, problem.y, penalty=penalty)
    # Blocks are left out up to 1e-12 of the sum of all norms.
    assert objective == pytest.approx(solution.primal, rel=1e-10)
    back = weights_of(built, program)
    assert program.objective(back) == pytest.approx(objective, rel=1e-9)
    assert program.violation(back).max() <= 1e-12
    sizes = np.linalg.norm(built.weights, axis=0)
    width = built.weights.shape[1]
    np.testing.assert_allclose(sizes, np.abs(built.readout[:width, 0]), rtol=1e-9)


@pytest.mark.parametrize("network", ["plain", "skip", "normalised"])
@pytest.mark.parametrize("relaxation", ["gated", "exact"])
def test_networks_predict_as_their_programme(rng, network, relaxation):
    problem = Problem(rng, 24, 5)
    solution = solve(problem.program(network=network, relaxation=relaxation))
    built = to_network(solution)
    np.testing.assert_allclose(
        built(jnp.asarray(problem.x))[:, 0], problem.y, atol=1e-4
    )
    inputs = rng.standard_normal((7, 5))
    np.testing.assert_allclose(
        built(jnp.asarray(inputs))[:, 0], predict(solution, inputs), atol=1e-3
    )
    # A prediction does not depend on the other inputs of the batch.
    np.testing.assert_allclose(
        built(jnp.asarray(inputs[:1])), built(jnp.asarray(inputs))[:1], rtol=1e-12
    )
    assert isinstance(built, GatedTwoLayer) == (relaxation == "gated")
    restored = from_arrays(*to_arrays(built))
    np.testing.assert_array_equal(
        restored(jnp.asarray(inputs)), built(jnp.asarray(inputs))
    )


def test_a_run_cut_short_has_no_network(rng):
    solution = solve(Problem(rng, 24, 5).program(), max_iterations=1)
    with pytest.raises(ConfigError, match="max_iterations"):
        to_network(solution)


@pytest.mark.parametrize("skip", [False, True])
def test_any_network_is_a_feasible_point_of_no_larger_norm(rng, skip):
    problem = Problem(rng, 15, 4)
    network = random_network(rng, 4, 12, skip=skip)
    program = problem.program(
        network="skip" if skip else "plain",
        relaxation="exact",
        penalty=0.1,
        patterns=network_patterns(network, problem.x),
    )
    z = weights_of(network, program)
    outputs = np.asarray(network(jnp.asarray(problem.x))[:, 0])
    np.testing.assert_allclose(program.groups.apply(z), outputs, atol=1e-10)
    assert program.violation(z).max(initial=0) <= 1e-12
    objective = network_objective(network, problem.x, problem.y, penalty=0.1)
    assert program.objective(z) <= objective * (1 + 1e-12)


def test_no_trained_network_beats_the_enumerated_optimum(rng):
    x, penalty = rng.standard_normal((14, 2)), 0.1
    y = np.sin(2 * x[:, 0]) + 0.3 * rng.standard_normal(14)
    for width in (4, 12):
        network = trained_network(rng, x, y, width, penalty)
        found = certify_network(network, x, y, penalty=penalty)
        assert found.tier == "certified"
        assert found.objective >= found.lower - 1e-9
        assert found.best_known <= found.objective
    best = to_network(
        solve(
            Problem.program(
                type("P", (), {"x": x, "y": y, "patterns": enumerate_patterns(x)})(),
                relaxation="exact",
                penalty=penalty,
            )
        )
    )
    # The optimum itself is certified to the solver's accuracy.
    assert certify_network(best, x, y, penalty=penalty).gap <= 1e-5


def test_normalised_networks_are_certified_against_their_own_optimum(rng):
    x, y, penalty = rng.standard_normal((10, 2)), rng.standard_normal(10), 0.2
    program = convex_program(
        x,
        y,
        patterns=enumerate_patterns(x),
        network="normalised",
        relaxation="exact",
        penalty=penalty,
    )
    solution = solve(program)
    best = to_network(solution)
    found = certify_network(best, x, y, penalty=penalty, normalised=True)
    assert found.tier == "certified"
    # Blocks are left out up to 1e-12 of the sum of all norms.
    assert found.objective == pytest.approx(solution.primal, rel=1e-10)
    assert found.gap <= 1e-4
    other = random_network(rng, 2, 6)
    worse = certify_network(other, x, y, penalty=penalty, normalised=True)
    assert worse.objective >= solution.lower
    # The bound for any number of patterns holds for all of them.
    for dual in (y, solution.dual):
        bound = loose_bound(x, y, dual, penalty=penalty, network="normalised")
        assert 0 <= bound <= solution.primal


def test_high_dimensional_certificates_are_labelled_loose(rng):
    problem, penalty = Problem(rng, 40, 8), 0.05
    network = trained_network(rng, problem.x, problem.y, 20, penalty)
    found = certify_network(
        network, problem.x, problem.y, penalty=penalty, patterns=problem.patterns
    )
    assert found.tier == "bounded"
    assert 0 < found.lower <= found.best_known <= found.objective
    # The sampled optimum is an estimate and may be above the network's objective.
    larger = with_directions(
        problem.patterns, problem.x, network_patterns(network, problem.x).gates
    )
    assert found.n_patterns == len(larger.masks)
