"""Two-timescale descent and its limit, variable projection."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.dynamics import (
    Ridge,
    TwoTimescale,
    VarPro,
    largest_stable_ratio,
    normalise,
    reference_ratio,
)
from overparam.errors import ConfigError
from overparam.readouts import CircleProblem, DenseProblem

from .circle_data import batch, even_student, lattice, moments, trace


TAU = 2.0**-10
RIDGE = Ridge(1e-2, 1.0)
RATIO = reference_ratio(1e-2, TAU)


@pytest.fixture(scope="module")
def data():
    return lattice(256, 64)


def fast(ratio=RATIO, **kwargs):
    return TwoTimescale(
        RIDGE, TAU, ratio, problem=CircleProblem, retract=normalise, **kwargs
    )


def start(rule, x, y):
    return rule.project(even_student(16), moments(x, y))


def test_a_step_is_the_published_one(data):
    x, y = data
    network = start(fast(), x, y)
    problem = DenseProblem(network, batch(x, y))
    state, info = trace(fast(), network, moments(x, y), 1)
    u, w = network.readout, network.weights
    expected = u - (problem.gram() @ u - problem.target() + 1e-2 * (u - 1))
    assert_allclose(state.network.readout, expected, rtol=1e-11)
    pull = problem.feature_gradient(u).weights  # pyright: ignore
    moved = w - TAU / 1e-2 * pull
    assert_allclose(
        state.network.weights,
        moved / jnp.linalg.norm(moved, axis=0, keepdims=True),
        rtol=1e-11,
    )
    risk = problem.mean_square(u) / 2e-2 + jnp.mean((u - 1) ** 2) / 2
    assert_allclose(info.loss[0], risk, rtol=1e-11)


def test_with_still_features_the_readout_approaches_at_the_slowest_eigenvalue(data):
    x, y = data
    network = even_student(8)
    problem = CircleProblem(network, moments(x, y))
    optimum = problem.solve(jnp.asarray(1e-2), jnp.ones((8, 1)))
    values, vectors = np.linalg.eigh(np.asarray(problem.gram()))
    gap = jnp.asarray(vectors[:, :1])
    relaxed = fast()._relax(problem, optimum + gap)
    # One published step has size one: the factor is 1 - (eigenvalue + penalty).
    assert_allclose(relaxed - optimum, (1 - values[0] - 1e-2) * gap, atol=1e-12)


@pytest.mark.parametrize(
    "rule",
    [fast(1e9, inner="implicit"), fast(40.0, inner_steps=2000)],
    ids=["implicit and infinitely fast", "many inner steps"],
)
def test_a_fast_readout_gives_variable_projection(rule, data):
    x, y = data
    network = start(rule, x, y)
    reference = VarPro(RIDGE, TAU, problem=CircleProblem, retract=normalise)
    expected, _ = trace(reference, network, moments(x, y), 20)
    found, _ = trace(rule, network, moments(x, y), 20)
    own = rule.project(found.network, moments(x, y)).readout
    # A readout of the step before is left over even so; a slow one lags far more.
    lag = np.abs(found.network.readout - own).max()
    shift = np.abs(found.network.weights - expected.network.weights).max()
    slow, _ = trace(fast(), network, moments(x, y), 20)
    slow_own = rule.project(slow.network, moments(x, y)).readout
    assert lag < 0.2 * np.abs(slow.network.readout - slow_own).max()
    assert shift < 0.2 * np.abs(slow.network.weights - expected.network.weights).max()


def test_the_implicit_step_solves_its_equation(data):
    x, y = data
    rule = fast(5.0, inner="implicit")
    network = even_student(8)
    problem = CircleProblem(network, moments(x, y))
    old = jnp.linspace(0, 3, 8)[:, None]
    new = rule._relax(problem, old)
    rate = 5.0 * TAU
    force = problem.gradient(new) + 1e-2 * (new - 1)
    assert_allclose(new, old - rate * force / 1e-2, atol=1e-12)


def test_the_explicit_readout_is_unstable_above_the_stated_ratio(data):
    x, y = data
    network = even_student(8)
    problem = CircleProblem(network, moments(x, y))
    top = float(np.linalg.eigvalsh(np.asarray(problem.gram()))[-1])
    limit = largest_stable_ratio(top, penalty=1e-2, time_step=TAU)
    optimum = problem.solve(jnp.asarray(1e-2), jnp.ones((8, 1)))

    def growth(ratio):
        rule = fast(ratio)
        readout = optimum + 1e-6
        for _ in range(60):
            readout = jitted(rule, problem, readout)
        return float(jnp.abs(readout - optimum).max() / 1e-6)

    jitted = eqx.filter_jit(lambda rule, problem, u: rule._relax(problem, u))
    assert growth(0.95 * limit) < 1
    assert growth(1.1 * limit) > 10


def test_the_documented_limits_of_stability():
    # Section 5.6: 677, 96, 10.1 for uniform features (eigenvalue 2/pi^2).
    top = 2 / np.pi**2
    found = [
        largest_stable_ratio(top, penalty=p, time_step=TAU) for p in (0.1, 0.01, 0.001)
    ]
    assert_allclose(found, [677, 96, 10.1], rtol=5e-3)
    assert_allclose([reference_ratio(p, TAU) for p in (0.1, 0.01)], [102.4, 10.24])


def test_values_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="`ratio` must be a positive"):
        fast(0.0)
    with pytest.raises(ConfigError, match="`inner_steps` must be at least 1"):
        fast(inner_steps=0)
    with pytest.raises(ConfigError, match="`inner` must be one of"):
        fast(inner="midpoint")
