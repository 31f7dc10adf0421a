"""Two-layer networks: values, symmetries, shapes, storage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from overparam import two_layer
from overparam.errors import ConfigError, StoreError
from overparam.networks import (
    ACTIVATIONS,
    NormalisedTwoLayer,
    TwoLayer,
    from_arrays,
    to_arrays,
)
from overparam.networks.activations import activation, traits
from overparam.networks.initialise import output_scale


SIZES = st.integers(1, 6)


def draw(seed, shape):
    return jax.random.normal(jax.random.key(seed), shape, jnp.float64)


@pytest.mark.parametrize("scaling", ["standard", "mean-field", "ntk"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_output_is_scale_times_features_times_readout(name, scaling):
    network = two_layer(
        3,
        5,
        2,
        scaling=scaling,
        activation=name,
        dtype="float64",
        key=jax.random.key(0),
    )
    x = draw(1, (4, 3))
    hidden = np.asarray(ACTIVATIONS[name](np.asarray(x) @ np.asarray(network.weights)))
    expected = output_scale(scaling, 5) * hidden @ np.asarray(network.readout)
    assert_allclose(network(x), expected, rtol=1e-12)


@settings(max_examples=8)
@given(SIZES, SIZES, SIZES, st.integers(0, 99), st.sampled_from(sorted(ACTIVATIONS)))
def test_permuting_neurons_changes_nothing(d, width, n_outputs, seed, name):
    network = two_layer(
        d, width, n_outputs, activation=name, dtype="float64", key=jax.random.key(seed)
    )
    order = np.random.default_rng(seed).permutation(width)
    permuted = TwoLayer(
        network.weights[:, order], network.readout[order], activation=name
    )
    x = draw(seed, (3, d))
    assert_allclose(permuted(x), network(x), rtol=1e-10, atol=1e-13)


@settings(max_examples=8)
@given(
    SIZES,
    SIZES,
    st.integers(0, 99),
    st.sampled_from([name for name in ACTIVATIONS if traits(name).homogeneous]),
)
def test_rescaling_a_homogeneous_neuron_changes_nothing(d, width, seed, name):
    network = two_layer(
        d, width, 2, activation=name, dtype="float64", key=jax.random.key(seed)
    )
    factors = np.exp(np.random.default_rng(seed).normal(size=width))
    rescaled = TwoLayer(
        network.weights * factors[None, :],
        network.readout / factors[:, None],
        activation=name,
    )
    x = draw(seed, (3, d))
    assert_allclose(rescaled(x), network(x), rtol=1e-10, atol=1e-13)


def test_zero_padding_adds_nothing_and_gets_no_gradient():
    network = two_layer(3, 4, 2, dtype="float64", key=jax.random.key(0))
    padded = TwoLayer(
        jnp.pad(network.weights, ((0, 0), (0, 3))),
        jnp.pad(network.readout, ((0, 3), (0, 0))),
    )
    x, y = draw(1, (5, 3)), draw(2, (5, 2))
    assert_array_equal(padded(x), network(x))
    gradient = jax.grad(lambda net: jnp.sum((net(x) - y) ** 2))(padded)
    assert_array_equal(gradient.weights[:, 4:], 0)
    assert_array_equal(gradient.readout[4:], 0)


def test_relu_has_derivative_zero_at_zero():
    assert jax.grad(activation("relu"))(0.0) == 0


def test_skip_inputs_are_the_last_features():
    weights, readout = draw(0, (3, 4)), draw(1, (7, 2))
    x = draw(2, (5, 3))
    plain = TwoLayer(weights, readout[:4])
    expected = plain(x) + x @ readout[4:]
    assert_allclose(TwoLayer(weights, readout, skip=True)(x), expected, rtol=1e-12)


def test_normalised_features_are_unit_vectors_over_the_batch():
    network = NormalisedTwoLayer(draw(0, (3, 4)), draw(1, (4, 1)))
    features = network.features(draw(2, (50, 3)))
    assert_allclose(np.linalg.norm(features, axis=0), 1, rtol=1e-12)


def test_a_neuron_that_is_off_gives_zero_and_a_finite_gradient():
    network = NormalisedTwoLayer(-jnp.ones((2, 1)), jnp.ones((1, 1)))
    x = jnp.abs(draw(0, (5, 2)))
    assert_array_equal(network(x), 0)
    gradient = jax.grad(lambda net: jnp.sum(net(x)))(network)
    assert np.isfinite(gradient.weights).all()


def test_initial_variances_are_those_of_the_scaling():
    d, width = 200, 300
    n = d * width
    for scaling, expected in [
        ("standard", 0.1 / width),
        ("mean-field", 0.1),
        ("ntk", 0.1),
    ]:
        network = two_layer(
            d, width, 200, scaling=scaling, init_scale=0.1, key=jax.random.key(3)
        )
        # Variance of a variance estimate: 2 sigma^4 / n; four standard errors.
        band = 4 * np.sqrt(2 / n)
        assert abs(np.asarray(network.weights).var() / (0.1 / d) - 1) < band
        assert abs(np.asarray(network.readout).var() / expected - 1) < band


@pytest.mark.parametrize(
    "network",
    [
        two_layer(3, 4, 2, activation="tanh", scaling="ntk", key=jax.random.key(0)),
        TwoLayer(jnp.ones((3, 4)), jnp.ones((7, 1)), skip=True),
        NormalisedTwoLayer(jnp.ones((3, 4)), jnp.ones((4, 1))),
    ],
)
def test_a_network_survives_storage(network):
    arrays, description = to_arrays(network)
    again = from_arrays(arrays, description)
    assert jax.tree.structure(again) == jax.tree.structure(network)
    for one, other in zip(
        jax.tree.leaves(again), jax.tree.leaves(network), strict=True
    ):
        assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_description_cannot_import_what_it_likes():
    with pytest.raises(StoreError, match="unknown class"):
        from_arrays({}, {"class": "os:system", "fields": {}})


def test_a_missing_array_is_named():
    arrays, description = to_arrays(two_layer(3, 4, 2, key=jax.random.key(0)))
    del arrays["readout"]
    with pytest.raises(StoreError, match="`readout`"):
        from_arrays(arrays, description)


def test_wrong_shapes_and_names_are_one_sentence():
    with pytest.raises(ConfigError, match="must have 4 rows"):
        TwoLayer(jnp.ones((3, 4)), jnp.ones((5, 1)))
    with pytest.raises(ConfigError, match="must be matrices"):
        TwoLayer(jnp.ones(3), jnp.ones((5, 1)))
    with pytest.raises(ConfigError, match="Valid are: relu"):
        TwoLayer(jnp.ones((3, 4)), jnp.ones((4, 1)), activation="swish")
