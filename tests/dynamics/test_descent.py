"""Descent: gradients, penalties, rates, and which parts move."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from overparam import two_layer
from overparam.data import Batch
from overparam.dynamics import Descent, StepDecay, StochasticVarPro
from overparam.errors import ConfigError
from overparam.objectives import (
    BatchLoss,
    L2Penalty,
    accuracy,
    cross_entropy,
    half_squared_error,
)


KEY = jax.random.key(0)
LOSS = BatchLoss(half_squared_error)


@pytest.fixture
def network():
    return two_layer(5, 4, 3, dtype="float64", key=jax.random.key(1))


@pytest.fixture
def batch():
    x, y = (
        jax.random.normal(jax.random.key(i), (8, d), jnp.float64)
        for i, d in ((2, 5), (3, 3))
    )
    return Batch(x, y)


def one_step(descent, network, batch):
    state, info = descent.step(descent.init(network, key=KEY), batch, key=KEY)
    return state.network, info


@pytest.mark.parametrize(
    "activation", ["relu", "leaky-relu", "tanh", "erf", "gelu", "sigmoid"]
)
def test_the_step_follows_central_differences(batch, activation):
    network = two_layer(5, 4, 3, activation=activation, dtype="float64", key=KEY)
    penalty = L2Penalty({"weights": 0.3, "readout": 0.1})
    descent = Descent(LOSS, optax.sgd, learning_rate=1.0, penalty=penalty)
    moved, _ = one_step(descent, network, batch)

    def objective(weights):
        changed = type(network)(weights, network.readout, activation=activation)
        return float(LOSS(changed, batch) + penalty(changed))

    step = 1e-6
    for row, column in [(0, 0), (3, 2)]:
        nudge = np.zeros((5, 4))
        nudge[row, column] = step
        slope = objective(network.weights + nudge) - objective(network.weights - nudge)
        change = network.weights[row, column] - moved.weights[row, column]
        # Central differences in float64: truncation h^2, rounding 1e-16/h.
        assert_allclose(change, slope / (2 * step), rtol=1e-6, atol=1e-8)


def test_only_the_trained_part_moves(network, batch):
    descent = Descent(LOSS, optax.adam, learning_rate=0.1, trained=("readout",))
    moved, _ = one_step(descent, network, batch)
    assert_array_equal(moved.weights, network.weights)
    assert not np.allclose(moved.readout, network.readout)


def test_rates_scale_the_update_of_a_part(network, batch):
    plain = Descent(LOSS, learning_rate=0.1)
    scaled = Descent(LOSS, learning_rate=0.1, rates={"readout": 3.0})
    one, other = (one_step(d, network, batch)[0] for d in (plain, scaled))
    assert_array_equal(one.weights, other.weights)
    change = other.readout - network.readout
    assert_allclose(change, 3 * (one.readout - network.readout), rtol=1e-9)


def test_the_loss_is_before_the_update_and_without_the_penalty(network, batch):
    penalty = L2Penalty({"readout": 0.5})
    descent = Descent(LOSS, learning_rate=0.1, penalty=penalty)
    _, info = one_step(descent, network, batch)
    assert_allclose(info.loss, LOSS(network, batch))
    assert_allclose(info.penalty, 0.5 * np.sum(np.square(network.readout)))


def test_float32_weights_stay_float32_under_x64(batch):
    network = two_layer(5, 4, 3, key=KEY)
    batch = Batch(batch.x.astype(jnp.float32), batch.y.astype(jnp.float32))
    for settings in ({"learning_rate": 0.1}, {"learning_rate": StepDecay(0.1, 0.5, 3)}):
        descent = Descent(LOSS, optax.sgd, **settings)
        assert one_step(descent, network, batch)[0].weights.dtype == jnp.float32


def test_step_decay_multiplies_after_every_interval():
    schedule = StepDecay(0.8, 0.5, 10)
    steps = [0, 9, 10, 19, 20]
    found = [float(schedule(jnp.int32(step))) for step in steps]
    assert_allclose(found, [0.8, 0.8, 0.4, 0.4, 0.2], rtol=1e-12)


def test_a_part_that_does_not_exist_is_named(network, batch):
    with pytest.raises(ConfigError, match="no part `bias` to train"):
        Descent(LOSS, learning_rate=0.1, trained=("bias",)).init(network, key=KEY)
    with pytest.raises(ConfigError, match="no part `bias` to penalise"):
        L2Penalty({"bias": 1.0})(network)


def test_losses_against_numpy():
    rng = np.random.default_rng(0)
    outputs, labels = rng.normal(size=(7, 4)), rng.integers(0, 4, 7).astype(np.int32)
    log_sum = np.log(np.exp(outputs).sum(axis=1))
    expected = np.mean(log_sum - outputs[np.arange(7), labels])
    found = cross_entropy(jnp.asarray(outputs), jnp.asarray(labels))
    assert_allclose(found, expected, rtol=1e-12)
    share = np.mean(outputs.argmax(axis=1) == labels)
    assert accuracy(jnp.asarray(outputs), jnp.asarray(labels)) == share
    assert_allclose(
        half_squared_error(jnp.asarray(outputs), jnp.zeros((7, 4))),
        0.5 * np.mean(np.sum(outputs**2, axis=1)),
    )


def test_a_loss_is_found_by_its_name(network, batch):
    named, given = (
        Descent(loss, learning_rate=0.1) for loss in ("half-squared-error", LOSS)
    )
    one, other = (one_step(d, network, batch)[0] for d in (named, given))
    assert_array_equal(one.weights, other.weights)
    with pytest.raises(ConfigError, match="`loss` must be one of half-squared-error"):
        Descent("l1", learning_rate=0.1)


def test_settings_in_a_mapping_still_count():
    with pytest.warns(DeprecationWarning, match="by keyword"):
        descent = Descent(LOSS, settings={"learning_rate": 0.1})
    assert float(descent.settings["learning_rate"]) == 0.1


@pytest.mark.parametrize(
    ("optimiser", "settings", "sentence"),
    [
        (optax.sgd, {"learning_rate": -0.1}, "`learning_rate` must be at least 0"),
        (
            optax.sgd,
            {"learning_rate": float("nan")},
            "`learning_rate` must be finite and",
        ),
        (optax.sgd, {"learning_rate": "0.1"}, "`learning_rate` must be a number"),
        (optax.sgd, {}, "not those of `sgd`: missing.*'learning_rate'"),
        (optax.adam, {"learning_rate": 0.1, "b": 0.9}, "not those of `adam`.*'b'"),
        ("adam", {"learning_rate": 0.1}, r"factory such as `optax\.adam`.*'adam'"),
        (optax.adam(0.1), {}, r"a factory such as `optax\.adam`"),
    ],
)
def test_settings_that_are_none_of_the_optimiser_are_refused(
    optimiser, settings, sentence
):
    with pytest.raises(ConfigError, match=sentence):
        Descent(LOSS, optimiser, **settings)
    with pytest.raises(ConfigError, match=sentence):
        StochasticVarPro(0.1, optimiser=optimiser, **settings)


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"objective": None}, "`objective` must be the name of a loss.*got None"),
        ({"penalty": 0.1}, "`penalty` must be a function"),
        ({"rates": {"readout": -1.0}}, "`rates` must be at least 0, got -1"),
        ({"trained": "readout"}, r"`trained` must be a tuple.*\('readout',\)"),
    ],
)
def test_parts_that_are_none_are_refused(parts, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Descent(**{"objective": LOSS, "learning_rate": 0.1} | parts)


def test_rates_of_no_part_of_the_network_are_refused(network):
    descent = Descent(LOSS, learning_rate=0.1, rates={"reedout": 2.0})
    with pytest.raises(ConfigError, match="no part `reedout`"):
        descent.init(network, key=KEY)
