"""Stochastic variable projection: exact gradients, one forward pass, statistics."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam import two_layer
from overparam.data import Batch
from overparam.dynamics import StochasticVarPro
from overparam.dynamics.stochastic_varpro import feature_parts
from overparam.errors import ConfigError
from overparam.networks import resnet
from overparam.networks.stateful import train_features
from overparam.readouts import Running


PENALTY = 1e-2


@pytest.fixture(scope="module")
def network():
    return resnet(
        8, n_outputs=3, multiplier=0.25, dtype="float64", key=jax.random.key(1)
    )


@pytest.fixture(scope="module")
def batch():
    key = jax.random.key(2)
    x = jax.random.normal(key, (20, 8, 8, 3))
    return Batch(x, jax.random.randint(key, (20,), 0, 3))


def reduced_loss(network, batch):
    """The loss at the optimum, solved for without any of the code under test."""
    features, _ = train_features(network, batch.x)
    n, width = features.shape
    targets = jnp.eye(3)[batch.y]
    system = features.T @ features / (width * n) + PENALTY * jnp.eye(width)
    readout = jnp.linalg.solve(system, features.T @ targets / n)
    residual = features @ readout / width - targets
    return jnp.mean(residual**2) / (2 * PENALTY) + jnp.mean(readout**2) / 2


def test_without_average_a_step_follows_the_gradient_through_the_solve(network, batch):
    varpro = StochasticVarPro(PENALTY, Running(0.0), learning_rate=1.0)
    state = varpro.init(network, key=jax.random.key(0))
    step = eqx.filter_jit(lambda s: varpro.step(s, batch, key=jax.random.key(0)))
    moved, info = step(state)
    moving, fixed = eqx.partition(network, feature_parts(network))
    loss, gradient = eqx.filter_jit(
        jax.value_and_grad(lambda m: reduced_loss(eqx.combine(m, fixed), batch))
    )(moving)
    assert float(info.loss) == pytest.approx(float(loss), rel=1e-12)
    assert float(info.loss) == pytest.approx(
        float(info.data_term + info.penalty_term), rel=1e-12
    )
    after = eqx.filter(moved.network, feature_parts(network))
    for old, new, slope in zip(
        *map(jax.tree.leaves, (moving, after, gradient)), strict=True
    ):
        # Two ways to differentiate the same loss: rounding, amplified by 1/penalty.
        np.testing.assert_allclose(old - new, slope, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scaling", ["standard", "ntk", "mean-field"])
def test_no_readout_has_a_smaller_loss_than_that_of_the_batch(scaling):
    network = two_layer(
        5, 12, 3, scaling=scaling, dtype="float64", key=jax.random.key(1)
    )
    x = jax.random.normal(jax.random.key(2), (40, 5))
    batch = Batch(x, jnp.arange(40) % 3)
    varpro = StochasticVarPro(PENALTY, Running(0.0), learning_rate=1.0)
    moved, info = varpro.step(
        varpro.init(network, key=jax.random.key(0)), batch, key=jax.random.key(0)
    )
    best, values = moved.network.readout, network.features(x)
    change = (
        1e-3 * jnp.max(jnp.abs(best)) * jax.random.normal(jax.random.key(3), best.shape)
    )

    def loss(readout):
        residual = network.scale * values @ readout - jax.nn.one_hot(batch.y, 3)
        size = network.scale * 12 * jnp.mean(readout**2) / 2
        return jnp.mean(residual**2) / (2 * PENALTY) + size

    assert float(info.loss) == pytest.approx(float(loss(best)), rel=1e-12)
    slope = (loss(best + change) - loss(best - change)) / 2
    assert abs(slope) < 1e-6 * (loss(best + change) - loss(best))
    assert loss(best + change) > loss(best)


def test_running_statistics_move_once_per_step(network, batch):
    varpro = StochasticVarPro(PENALTY, learning_rate=0.0)
    step = eqx.filter_jit(lambda s: varpro.step(s, batch, key=jax.random.key(0)))
    state = varpro.init(network, key=jax.random.key(0))
    _, once = train_features(network, batch.x)
    first, _ = step(state)
    for a, b in zip(
        *map(jax.tree.leaves, (first.network.statistics, once)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    second, _ = step(first)
    start, end = network.statistics[0].mean, second.network.statistics[0].mean
    mean = (once[0].mean - 0.9 * start) / 0.1
    np.testing.assert_allclose(end, 0.19 * mean + 0.81 * start, rtol=1e-10)


def test_the_loss_falls_with_several_rules_and_momentum(network, batch):
    from overparam.readouts import EpochMean, Gram

    for rule in (Gram(), EpochMean(4), Running(0.5)):
        varpro = StochasticVarPro(PENALTY, rule, learning_rate=0.05, momentum=0.5)
        state = varpro.init(network, key=jax.random.key(0))
        step = eqx.filter_jit(
            lambda s, varpro=varpro: varpro.step(s, batch, key=jax.random.key(0))
        )
        losses = []
        for _ in range(12):
            state, info = step(state)
            losses.append(float(info.loss))
        assert losses[-1] < losses[1]


def test_a_penalty_of_zero_is_refused():
    with pytest.raises(
        ConfigError, match=r"must be positive, got 0\.0: the loss is div"
    ):
        StochasticVarPro(0.0, learning_rate=1.0)
