"""Standardised networks: batch moments, stored moments, gradients, permutations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.networks import (
    StandardisedTwoLayer,
    from_arrays,
    to_arrays,
    with_moments,
)


def random_network(seed=0, **settings):
    rng = np.random.default_rng(seed)
    return StandardisedTwoLayer(
        weights=jnp.asarray(rng.standard_normal((4, 6))),
        readout=jnp.asarray(rng.standard_normal((6, 3))),
        **settings,
    )


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(9).standard_normal((50, 4)))


def test_batch_features_have_mean_zero_and_nearly_unit_variance(x):
    features = random_network().features(x)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-12)
    hidden = np.tanh(np.asarray(x) @ np.asarray(random_network().weights))
    variance = hidden.var(axis=0)
    np.testing.assert_allclose(features.var(axis=0), variance / (variance + 1e-5))


@pytest.mark.parametrize("block_rows", [7, 50, 1000])
def test_stored_moments_are_those_of_the_whole_set(x, block_rows):
    network = with_moments(random_network(), x, block_rows=block_rows)
    hidden = np.tanh(np.asarray(x) @ np.asarray(network.weights))
    np.testing.assert_allclose(network.mean, hidden.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(network.std, hidden.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(network(x), random_network()(x), rtol=1e-10)


def test_with_stored_moments_a_sample_does_not_see_its_batch(x):
    network = with_moments(random_network(), x)
    np.testing.assert_allclose(network(x[:3]), network(x)[:3], rtol=1e-12)
    fresh = random_network()
    assert not np.allclose(fresh(x[:3]), fresh(x)[:3])


def test_a_constant_neuron_gives_a_zero_feature(x):
    network = eqx.tree_at(
        lambda n: n.weights, random_network(), random_network().weights.at[:, 2].set(0)
    )
    assert np.all(network.features(x)[:, 2] == 0)
    gradient = jax.grad(lambda n: jnp.sum(n(x) ** 2))(network)
    assert np.all(np.isfinite(gradient.weights))


@pytest.mark.parametrize("stopped", [False, True])
def test_gradient_is_that_of_finite_differences(x, stopped):
    network = random_network(stop_gradient_moments=stopped)
    mean, std = with_moments(network, x).mean, with_moments(network, x).std

    def loss(weights):
        moved = eqx.tree_at(lambda n: n.weights, network, weights)
        if stopped:
            # What stopping means: the moments stay those of the point.
            moved = random_network(mean=mean, std=std)
            moved = eqx.tree_at(lambda n: n.weights, moved, weights)
        return jnp.sum(jnp.sin(moved(x)))

    direction = jnp.asarray(np.random.default_rng(1).standard_normal((4, 6)))
    step = 1e-5
    difference = (
        loss(network.weights + step * direction)
        - loss(network.weights - step * direction)
    ) / (2 * step)
    gradient = jax.grad(lambda n: jnp.sum(jnp.sin(n(x))))(network).weights
    # Central differences of step h are off by h^2 times a third derivative.
    np.testing.assert_allclose(jnp.vdot(gradient, direction), difference, rtol=1e-6)


def test_permuting_neurons_changes_nothing(x):
    network = with_moments(random_network(), x)
    order = np.random.default_rng(2).permutation(6)
    shuffled = StandardisedTwoLayer(
        weights=network.weights[:, order],
        readout=network.readout[order],
        mean=network.mean[order],
        std=network.std[order],
    )
    np.testing.assert_allclose(shuffled(x), network(x), rtol=1e-12)


def test_storing_keeps_the_moments_and_the_outputs(x):
    network = with_moments(random_network(), x)
    arrays, description = to_arrays(network)
    assert set(arrays) == {"weights", "readout", "mean", "std"}
    np.testing.assert_array_equal(from_arrays(arrays, description)(x), network(x))


def test_half_of_the_moments_is_refused():
    with pytest.raises(ConfigError, match="`mean` and `std` must be given together"):
        random_network(mean=jnp.zeros(6))
