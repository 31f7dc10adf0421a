import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from overparam.errors import ConfigError
from overparam.networks import ACTIVATIONS, MLP, from_arrays, mlp, to_arrays


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("bias", [False, True])
def test_outputs_are_those_of_numpy(activation, bias, key):
    network = mlp(
        (6, 5, 4, 3), activation=activation, bias=bias, dtype="float64", key=key
    )
    x = jax.random.normal(jax.random.key(1), (7, 2, 3), "float64")
    hidden = np.asarray(x).reshape(7, 6)
    for i, weights in enumerate(network.layers):
        hidden = hidden @ np.asarray(weights)
        if bias:
            hidden = hidden + np.asarray(network.biases[i])
        hidden = np.asarray(ACTIVATIONS[activation](jnp.asarray(hidden)))
    # Same operations in float64, other summation order.
    np.testing.assert_allclose(network(x), hidden @ network.readout, atol=1e-12)


def test_uniform_weights_and_biases_follow_pytorchs_law(key):
    network = mlp((50, 400, 30), bias=True, key=key)
    for values, fan_in in [
        (network.layers[0], 50),
        (network.biases[0], 50),
        (network.readout, 400),
    ]:
        bound = 1 / np.sqrt(fan_in)
        law = stats.uniform(-bound, 2 * bound)
        assert stats.kstest(np.asarray(values).ravel(), law.cdf).pvalue > 1e-4


@pytest.mark.parametrize(("init", "gain"), [("he", 2), ("lecun", 1)])
def test_gaussian_initialisations_have_their_variance_and_zero_biases(init, gain, key):
    network = mlp((50, 400, 30), init=init, bias=True, key=key)
    law = stats.norm(scale=np.sqrt(gain / 50))
    assert stats.kstest(np.asarray(network.layers[0]).ravel(), law.cdf).pvalue > 1e-4
    assert not np.any(network.biases[0])


def test_no_two_layers_share_random_numbers(key):
    network = mlp((5, 5, 5, 5), bias=True, key=key)
    drawn = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(network)])
    assert len(np.unique(drawn)) == len(drawn)


def test_a_stored_network_comes_back(key):
    network = mlp((4, 3, 3, 2), activation="gelu", bias=True, key=key)
    arrays, description = to_arrays(network)
    assert set(arrays) >= {"layers.0", "layers.1", "biases.0", "readout"}
    again = from_arrays(arrays, description)
    x = jnp.ones((2, 4), "float32")
    np.testing.assert_array_equal(again(x), network(x))
    assert again.activation == "gelu"


def test_depth_one_is_refused(key):
    with pytest.raises(ConfigError, match=r"`depth` counts .* at least 2, got 1\."):
        mlp((4, 2), key=key)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes": (4, 0, 2)}, r"`sizes\[1\]` must be at least 1, got 0"),
        ({"init": "zeros"}, "`init` must be one of uniform, he, lecun"),
        ({"activation": "step"}, "There is no activation .*Valid are"),
    ],
)
def test_bad_arguments_are_refused(changes, message, key):
    with pytest.raises(ConfigError, match=message):
        mlp(**({"sizes": (4, 3, 2)} | changes), key=key)


def test_matrices_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="must fit each other"):
        MLP((jnp.ones((4, 3)), jnp.ones((4, 3))), jnp.ones((3, 2)))
    with pytest.raises(ConfigError, match="at least one hidden matrix"):
        MLP((), jnp.ones((3, 2)))
    with pytest.raises(ConfigError, match="`biases` must be empty or one for each"):
        MLP((jnp.ones((4, 3)),), jnp.ones((3, 2)), (jnp.ones(3), jnp.ones(3)))


def test_a_last_row_of_the_readout_is_an_output_bias():
    alone = mlp((3, 4, 5, 2), bias=True, key=jax.random.key(0))
    row = jnp.asarray([[0.5, -2.0]], "float32")
    network = dataclasses.replace(
        alone, readout=jnp.concatenate([alone.readout, row]), scale=0.5
    )
    x = jax.random.normal(jax.random.key(1), (6, 3), "float32")
    np.testing.assert_allclose(network(x), 0.5 * (alone(x) + row), rtol=1e-6)
    assert np.array_equal(network.features(x)[:, -1], np.ones(6))
    with pytest.raises(ConfigError, match="must fit each other"):
        dataclasses.replace(network, readout=jnp.ones((7, 2)))
    layers = (network.layers[0], jnp.ones((5, 5)))
    with pytest.raises(ConfigError, match="must fit each other"):
        dataclasses.replace(network, layers=layers)
