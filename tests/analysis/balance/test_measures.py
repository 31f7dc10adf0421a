"""Balanced weights: every statement about rescaling, penalties and gradient flow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from overparam.analysis import balance_residual, conserved, rebalance, rescale
from overparam.convex import convex_program, enumerate_patterns, solve
from overparam.errors import ConfigError
from overparam.networks import NormalisedTwoLayer, TwoLayer
from overparam.objectives import (
    L2,
    PowerPenalty,
    Unbalanced,
    largest_squared_norm,
    minimal_penalty,
    path_norm,
)


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=8)
ONCE = settings(max_examples=2)
POWERS = st.floats(0.5, 4)
COEFFICIENTS = st.floats(0.01, 100)
PENALTIES = st.one_of(
    st.builds(L2, COEFFICIENTS),
    st.builds(Unbalanced, COEFFICIENTS),
    st.builds(PowerPenalty, p=POWERS, q=POWERS, mu=COEFFICIENTS, nu=COEFFICIENTS),
)


def _network(seed, *, width=5, input_dim=4, n_outputs=3, **options):
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.normal(size=(2, width)))
    weights = rng.normal(size=(input_dim, width)) * sizes[0]
    readout = rng.normal(size=(width, n_outputs)) * sizes[1][:, None]
    return TwoLayer(jnp.asarray(weights), jnp.asarray(readout), **options)


def _inputs(seed, input_dim=4):
    return jnp.asarray(np.random.default_rng(seed + 1).normal(size=(20, input_dim)))


def _penalty_after(network, penalty, logs):
    """Plain NumPy penalty of the network whose neurons are rescaled by exp(logs)."""
    readout = np.linalg.norm(np.asarray(network.readout) * np.exp(logs)[:, None])
    weights = np.linalg.norm(np.asarray(network.weights) / np.exp(logs))
    return penalty.mu * readout**penalty.p + penalty.nu * weights**penalty.q


def _assert_same_function(first, second, x):
    expected = first(x)
    size = np.abs(expected).max()
    # Each output sums a few products: rounding of about 1e-15 of the largest.
    np.testing.assert_allclose(second(x), expected, atol=1e-12 * size)


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
@FEW
@given(seed=SEEDS, logs=st.lists(st.floats(-5, 5), min_size=5, max_size=5))
def test_rescaled_neurons_compute_the_same_function(activation, seed, logs):
    network = _network(seed, activation=activation)
    moved = rescale(network, jnp.exp(jnp.asarray(logs)))
    _assert_same_function(network, moved, _inputs(seed))
    np.testing.assert_allclose(path_norm(moved), path_norm(network), rtol=1e-12)


def test_minimisers_without_penalty_are_unbounded():
    network = _network(0)
    norms = [
        float(jnp.sum(rescale(network, jnp.full(5, factor)).readout ** 2))
        for factor in (1.0, 1e3, 1e6)
    ]
    assert norms[2] > 1e5 * norms[1] > 1e10 * norms[0]


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
@FEW
@given(seed=SEEDS, penalty=PENALTIES, scale=st.floats(0.1, 2))
def test_balance_keeps_the_function_and_reaches_the_closed_form(
    activation, seed, penalty, scale
):
    network = _network(seed, activation=activation, scale=scale)
    balanced = rebalance(network, penalty)
    _assert_same_function(network, balanced, _inputs(seed))
    expected = minimal_penalty(float(path_norm(network)), penalty)
    assert float(penalty(balanced)) == pytest.approx(expected, rel=1e-10)
    assert float(penalty(balanced)) <= float(penalty(network)) * (1 + 1e-12)
    assert float(balance_residual(balanced, penalty).maximum) <= 1e-12


@FEW
@given(seed=SEEDS, penalty=PENALTIES)
def test_no_rescaling_has_a_smaller_penalty_than_balance(seed, penalty):
    network = _network(seed)
    # The penalty is convex in the logarithms of the scales: BFGS finds the minimum.
    found = minimize(
        lambda logs: np.log(_penalty_after(network, penalty, logs)), np.zeros(5)
    )
    balanced = float(penalty(rebalance(network, penalty)))
    assert balanced == pytest.approx(np.exp(found.fun), rel=1e-6)
    assert balanced <= np.exp(found.fun) * (1 + 1e-12)


@FEW
@given(seed=SEEDS, strength=COEFFICIENTS)
def test_l2_balances_every_neuron_and_is_worth_the_path_norm(seed, strength):
    balanced = rebalance(_network(seed), L2(strength))
    np.testing.assert_allclose(conserved(balanced), 0, atol=1e-12)
    expected = strength * path_norm(balanced)
    np.testing.assert_allclose(L2(strength)(balanced), expected, rtol=1e-12)


@FEW
@given(seed=SEEDS, strength=COEFFICIENTS)
def test_the_unbalanced_penalty_leaves_the_stated_norms(seed, strength):
    balanced = rebalance(_network(seed), Unbalanced(strength))
    half = float(path_norm(balanced)) / 2
    readout = float(jnp.linalg.norm(balanced.readout))
    weights = float(jnp.linalg.norm(balanced.weights))
    assert weights == pytest.approx(half ** (1 / 3), rel=1e-12)
    assert readout == pytest.approx(2 * half ** (2 / 3), rel=1e-12)
    assert readout == pytest.approx(2 * weights**2, rel=1e-12)
    squares = jnp.sum(balanced.readout**2, axis=1)
    expected = 2 * readout * jnp.sum(balanced.weights**2, axis=0)
    np.testing.assert_allclose(squares, expected, rtol=1e-12)


@FEW
@given(seed=SEEDS, strength=st.floats(0.1, 2), neuron=st.integers(0, 4))
def test_the_rescaling_direction_is_smooth_at_kinks(seed, strength, neuron):
    # All samples but one lie on the kink of the neuron.
    network = _network(seed)
    direction = np.asarray(network.weights)[:, neuron]
    x = np.asarray(_inputs(seed)).copy()
    x[1:] -= np.outer(x[1:] @ direction, direction) / (direction @ direction)
    y = jnp.zeros((len(x), 3))

    @jax.jit
    def objective(log):
        factors = jnp.ones(5).at[neuron].set(jnp.exp(log))
        moved = rescale(network, factors)
        return jnp.sum((moved(jnp.asarray(x)) - y) ** 2) / 2 + L2(strength)(moved)

    step = 1e-5
    slope = (objective(step) - objective(-step)) / (2 * step)
    expected = strength * conserved(network)[neuron]
    # Rounding 1e-16 of the objective over the step, plus its square.
    tolerance = 1e-7 * float(objective(0.0))
    assert float(slope) == pytest.approx(float(expected), abs=tolerance)


def test_neurons_without_function_become_zero():
    network = _network(3)
    network = TwoLayer(
        network.weights.at[:, 0].set(0), network.readout.at[1].set(0), "relu"
    )
    balanced = rebalance(network, Unbalanced())
    assert not np.any(np.asarray(balanced.readout[:2]))
    assert not np.any(np.asarray(balanced.weights[:, :2]))
    assert float(balance_residual(balanced, Unbalanced()).maximum) <= 1e-12
    _assert_same_function(network, balanced, _inputs(3))


def test_the_zero_network_is_balanced_and_differentiable():
    zero = jax.tree.map(jnp.zeros_like, _network(0))
    for penalty in (L2(), Unbalanced()):
        assert float(penalty(rebalance(zero, penalty))) == 0
        assert float(balance_residual(zero, penalty).maximum) == 0
        gradient = jax.grad(penalty)(zero)
        assert not np.any(np.asarray(gradient.readout))


@pytest.mark.parametrize("exponent", [-150, 150])
def test_balance_neither_underflows_nor_overflows(exponent):
    factors = jnp.asarray([10.0**exponent, 10.0**-exponent, 1, 1, 1])
    network = _network(0)
    balanced = rebalance(rescale(network, factors), L2())
    _assert_same_function(network, balanced, _inputs(0))
    np.testing.assert_allclose(conserved(balanced), 0, atol=1e-12)


def test_balance_works_in_float32_and_inside_a_compiled_program():
    network = _network(0)
    network = TwoLayer(
        network.weights.astype("float32"), network.readout.astype("float32")
    )
    balanced = jax.jit(lambda n: rebalance(n, Unbalanced()))(network)
    assert balanced.weights.dtype == balanced.readout.dtype == "float32"
    assert float(balance_residual(balanced, Unbalanced()).maximum) <= 1e-5


def _regression(seed, width=6):
    """A small full-batch problem: data and a network of moderate size."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(12, 4)), rng.normal(size=(12, 2))
    network = TwoLayer(
        jnp.asarray(rng.normal(size=(4, width))) / 2,
        jnp.asarray(rng.normal(size=(width, 2))) / 2,
    )
    return jnp.asarray(x), jnp.asarray(y), network


def _descend(objective, network, *, step, time):
    """Plain gradient descent for `time / step` steps."""

    def body(_, n):
        return jax.tree.map(lambda w, g: w - step * g, n, jax.grad(objective)(n))

    steps = round(time / step)
    return jax.jit(lambda n: jax.lax.fori_loop(0, steps, body, n))(network)


@ONCE
@given(seed=SEEDS)
def test_the_drift_of_the_conserved_quantity_halves_with_the_step(seed):
    x, y, network = _regression(seed)

    def loss(n):
        return jnp.mean(jnp.sum((n(x) - y) ** 2, axis=1)) / 2

    drifts = []
    for step in (1e-3, 5e-4):
        moved = _descend(loss, network, step=step, time=0.5)
        drift = conserved(moved) - conserved(network)
        drifts.append(float(jnp.linalg.norm(drift)))
    # The drift is O(h); its next order is a relative O(h).
    assert drifts[0] / drifts[1] == pytest.approx(2.0, abs=0.05)


@ONCE
@given(seed=SEEDS, strength=st.floats(0.2, 1))
def test_an_l2_penalty_makes_the_imbalance_decay(seed, strength):
    x, y, network = _regression(seed)
    penalty = L2(strength)

    def objective(n):
        return jnp.mean(jnp.sum((n(x) - y) ** 2, axis=1)) / 2 + penalty(n)

    time = 1.5
    moved = _descend(objective, network, step=1e-3, time=time)
    start = conserved(network)
    expected = start * jnp.exp(-2 * strength * time)
    # Steps of 1e-3 leave a relative error of that order.
    np.testing.assert_allclose(
        conserved(moved), expected, atol=1e-2 * float(jnp.abs(start).max())
    )


# Without kinks descent converges. At kinks its steps h of gradients g never settle and
# feed the imbalance by (h g)^2 against a decay of 2 h per step: about h g^2 is left.
@pytest.mark.parametrize(("activation", "left"), [("linear", 1e-9), ("relu", 1e-2)])
@ONCE
@given(seed=SEEDS)
def test_a_stationary_point_of_the_penalised_loss_is_balanced(activation, left, seed):
    x, y, network = _regression(seed)
    network = TwoLayer(network.weights, network.readout, activation)
    penalty = L2(0.3)

    def objective(n):
        return jnp.mean(jnp.sum((n(x) - y) ** 2, axis=1)) / 2 + penalty(n)

    moved = _descend(objective, network, step=0.01, time=100)
    assert float(jnp.abs(conserved(moved)).max()) <= left
    balanced = rebalance(moved, penalty)
    assert float(objective(balanced)) <= float(objective(moved)) + 1e-12
    squares = float(jnp.sum(moved.readout**2) + jnp.sum(moved.weights**2))
    zero_loss = float(jnp.mean(jnp.sum(y**2, axis=1)) / 2)
    assert squares <= largest_squared_norm(zero_loss, 0.3)


# The solver's first gap is over a lower bound of 0: infinite, and NumPy says so.
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@ONCE
@given(seed=SEEDS, strength=st.floats(0.05, 0.5))
def test_the_convex_optimum_is_the_l2_optimum_of_a_wide_network(seed, strength):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    patterns = enumerate_patterns(x)
    program = convex_program(
        x, y, patterns=patterns, relaxation="exact", penalty=strength
    )
    solution = solve(program, tolerance=1e-9)
    penalty = L2(strength)

    def objective(n):
        return jnp.sum((n(jnp.asarray(x))[:, 0] - y) ** 2) / 2 + penalty(n)

    neurons = solution.neuron_weights
    signs = np.repeat([1.0, -1.0], len(neurons) // 2)
    optimum = rebalance(
        TwoLayer(jnp.asarray(neurons.T), jnp.asarray(signs[:, None])), penalty
    )
    best = float(objective(optimum))
    # Cone constraints hold to the solver's tolerance, about 1e-8 of the norms.
    assert best == pytest.approx(solution.primal, rel=1e-6)
    assert float(jnp.abs(conserved(optimum)).max()) <= 1e-6
    for _ in range(20):
        moved = jax.tree.map(
            lambda w: w + 1e-3 * jnp.asarray(rng.normal(size=w.shape)), optimum
        )
        assert float(objective(moved)) >= solution.lower * (1 - 1e-9)
    wide = TwoLayer(
        jnp.asarray(rng.normal(size=(2, 40))) / 4,
        jnp.asarray(rng.normal(size=(40, 1))) / 4,
    )
    trained = float(objective(_descend(objective, wide, step=0.01, time=150)))
    assert trained >= solution.lower * (1 - 1e-9)
    assert trained == pytest.approx(best, rel=1e-2)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            _network(0, activation="tanh"),
            r"`balance` needs a positively homogeneous activation "
            r"\(relu, leaky-relu\), got tanh.",
        ),
        (
            TwoLayer(jnp.ones((4, 5)), jnp.ones((5, 1)).at[3, 0].set(jnp.nan)),
            r"`network` contains non-finite weights \(first at `readout\[3, 0\]`\).",
        ),
        (
            TwoLayer(jnp.ones((4, 5)), jnp.ones((9, 1)), skip=True),
            "network without skip connection, got TwoLayer with one.",
        ),
        (
            NormalisedTwoLayer(jnp.ones((4, 5)), jnp.ones((5, 1))),
            "got NormalisedTwoLayer.",
        ),
    ],
)
def test_networks_that_cannot_be_balanced_are_refused(network, message):
    with pytest.raises(ConfigError, match=message):
        rebalance(network, L2())


@pytest.mark.parametrize("exponent", [-30, -10, 10, 30])
def test_the_residual_of_float32_weights_of_any_size_is_that_in_float64(exponent):
    network = jax.tree.map(lambda w: 10.0**exponent * w, _network(7))
    single = jax.tree.map(lambda w: w.astype(jnp.float32), network)
    for penalty in (L2(), Unbalanced()):
        expected = balance_residual(network, penalty).per_neuron
        found = balance_residual(single, penalty).per_neuron
        # Logarithms of norms are rounded to 1e-7 of at most 100.
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert np.asarray(expected).max() > 1e-2
