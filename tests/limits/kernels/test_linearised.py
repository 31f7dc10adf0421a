"""Linearised networks: tangents of networks that train as their networks do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose

from overparam import Descent, Plan, Table, Training, linearised, train
from overparam.dynamics import (
    NoisyDescent,
    Ridge,
    StochasticVarPro,
    TwoTimescale,
    VarPro,
    decoupled,
)
from overparam.errors import ConfigError
from overparam.limits import KernelTraining, tangent_kernel
from overparam.limits.kernels.linearised import Linearised
from overparam.networks import TwoLayer, mlp, resnet
from overparam.networks.layers import hidden_layers, parameters
from overparam.networks.stateful import train_outputs
from overparam.noise import HeavyTailNoise
from overparam.objectives import L2Penalty


RNG = np.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape))


NETWORK = TwoLayer(normal(3, 8), normal(8, 2) / 3, "tanh")
X, Y = normal(6, 3), normal(6, 2)


def moved(network, by):
    shift = jax.tree.map(
        lambda w: by * jnp.cos(jnp.arange(w.size).reshape(w.shape)).astype(w.dtype),
        eqx.filter(network, eqx.is_inexact_array),
    )
    return eqx.apply_updates(network, shift)


@pytest.mark.parametrize("make", ["two-layer", "resnet"])
def test_it_is_the_tangent_of_the_network(make, key):
    network, x = NETWORK, X
    if make == "resnet":
        network = resnet(8, n_outputs=2, multiplier=0.07, dtype="float64", key=key)
        x = normal(2, 4, 4, 3)
    outputs = eqx.filter_jit(lambda network: network(x))
    assert_allclose(outputs(linearised(network)), outputs(network), rtol=1e-13)
    near, far = (
        outputs(Linearised(moving=moved(network, by), fixed=network)) - outputs(network)
        for by in (1e-3, 1)
    )
    # Along a line it is affine, and its slope is that of central differences.
    assert_allclose(far, 1e3 * near, rtol=1e-9, atol=1e-9)
    if make == "two-layer":
        ends = [moved(network, by)(x) for by in (-1e-4, 1e-4)]
        slope = (ends[1] - ends[0]) / 2e-4
        assert_allclose(far, slope, rtol=1e-5, atol=1e-6)


def test_in_training_moments_of_the_batch_move_with_the_weights(key):
    network = resnet(8, n_outputs=2, multiplier=0.07, dtype="float64", key=key)
    x = normal(5, 4, 4, 3)
    outputs = eqx.filter_jit(lambda network: train_outputs(network, x)[0])
    tangent = outputs(linearised(network, in_training=True))
    assert_allclose(tangent, outputs(network), rtol=1e-13)
    there = Linearised(moving=moved(network, 1), fixed=network, in_training=True)
    ends = [outputs(moved(network, by)) for by in (-1e-6, 1e-6)]
    slope = (ends[1] - ends[0]) / 2e-6
    assert_allclose(outputs(there) - tangent, slope, rtol=1e-5, atol=1e-6)


def test_its_weights_have_the_names_of_the_network():
    assert list(parameters(linearised(NETWORK))) == list(parameters(NETWORK))
    deep = mlp((3, 4, 4, 2), key=jax.random.key(0))
    assert hidden_layers(linearised(deep)) == hidden_layers(deep)


def trained(network, dynamics, n_steps=30):
    return train(
        network,
        Table(X, Y),
        dynamics,
        n_steps=n_steps,
        batch_size=2,
        record_every=n_steps,
        key=jax.random.key(0),
        progress=False,
    ).network


def descent(**settings):
    return Descent("half-squared-error", **settings)


@pytest.mark.parametrize(
    "dynamics",
    [
        descent(learning_rate=0.1),
        descent(optimiser=optax.adam, learning_rate=0.01),
        descent(learning_rate=0.1, rates={"readout": 0.1}, trained=("readout",)),
        descent(learning_rate=0.1, penalty=L2Penalty({"weights": 0.1})),
        descent(optimiser=decoupled, learning_rate=0.1, coefficients={"readout": 0.1}),
        NoisyDescent(
            descent(learning_rate=0.1),
            HeavyTailNoise(alpha=1.9, sigma=0.01),
            0.1,
            jax.random.key(1),
        ),
    ],
)
def test_every_gradient_dynamics_trains_it_as_its_network(dynamics):
    one = trained(NETWORK, dynamics, 1)
    other = trained(linearised(NETWORK), dynamics, 1)
    # The gradient at the start is the same, whatever is made of it.
    assert_allclose(other.moving.weights, one.weights, rtol=1e-12)
    assert_allclose(other.moving.readout, one.readout, rtol=1e-12)
    later = trained(linearised(NETWORK), dynamics)
    assert_allclose(later.fixed.weights, NETWORK.weights, rtol=0)
    assert not np.allclose(later.moving.readout, NETWORK.readout)


def test_trained_on_all_samples_it_is_the_kernel_predictor():
    network, n_steps, rate = NETWORK, 400, 0.5
    training = Training(
        dynamics=descent(learning_rate=rate, momentum=0.5),
        network=linearised(network),
        source=Table(X, Y),
        key=jax.random.key(0),
    )
    plan = Plan(n_steps=n_steps, batch_size=6, record_every=n_steps)
    found = train(training, plan).network
    x = normal(3, 3)
    kernels = [
        tangent_kernel(network, a, b, outputs="full") for a, b in ((X, None), (x, X))
    ]
    fitted = KernelTraining(kernels[0]).descent(
        learning_rate=rate, n_steps=n_steps, momentum=0.5
    )
    expected = fitted.outputs(kernels[1], Y, start=network(X), start_at=network(x))
    assert_allclose(found(x), expected, rtol=1e-9, atol=1e-9)
    assert_allclose(found(X), fitted.at_samples(Y, network(X)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "dynamics",
    [
        VarPro(Ridge(0.1, 0.0), 0.1),
        TwoTimescale(Ridge(0.1, 0.0), 0.1, 1.0),
        StochasticVarPro(0.1, learning_rate=0.1),
    ],
)
def test_dynamics_with_an_exact_readout_refuse_it(dynamics):
    with pytest.raises(ConfigError, match="has no features before its readout"):
        trained(linearised(NETWORK), dynamics)
