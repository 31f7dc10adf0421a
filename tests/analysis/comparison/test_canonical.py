"""One form for all networks that compute the same function."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.analysis import canonical, sphere_measure
from overparam.errors import ConfigError
from overparam.networks import TwoLayer
from overparam.objectives import path_norm


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=10)


def _network(rng, width, **options):
    weights, readout = rng.normal(size=(5, width)), rng.normal(size=(width, 3))
    return TwoLayer(jnp.asarray(weights), jnp.asarray(readout), **options)


def _disguise(network, rng):
    """The same function: permuted, split, rescaled, with neurons that cancel."""
    width = network.weights.shape[1]
    parents = np.concatenate([rng.permutation(width), rng.integers(0, width, 2)])
    shares = rng.uniform(0.2, 1, len(parents))
    shares /= np.bincount(parents, shares)[parents]
    factors = rng.uniform(0.1, 10, len(parents))
    weights = np.asarray(network.weights)[:, parents] * factors
    readout = np.asarray(network.readout)[parents] * (shares / factors)[:, None]
    idle, opposite = rng.normal(size=(5, 1)), rng.normal(size=(1, 3))
    weights = np.concatenate([weights, idle, 2 * idle, np.zeros((5, 1))], axis=1)
    readout = np.concatenate([readout, opposite, -opposite / 2, opposite])
    return TwoLayer(
        jnp.asarray(weights),
        jnp.asarray(network.scale * readout / 3),
        network.activation,
        scale=3.0,
    )


@pytest.mark.parametrize("activation", ["relu", "leaky-relu"])
@FEW
@given(seed=SEEDS, width=st.integers(1, 6), scale=st.floats(0.1, 2))
def test_equal_functions_have_equal_canonical_forms(activation, seed, width, scale):
    rng = np.random.default_rng(seed)
    network = _network(rng, width, activation=activation, scale=scale)
    first, second = canonical(network), canonical(_disguise(network, rng))
    assert first.weights.shape == second.weights.shape == (5, width)
    # A few roundings each, relative to masses of order one.
    np.testing.assert_allclose(second.weights, first.weights, atol=1e-9)
    np.testing.assert_allclose(second.readout, first.readout, atol=1e-9)


@FEW
@given(seed=SEEDS, width=st.integers(1, 6))
def test_the_canonical_form_computes_the_same_function(seed, width):
    rng = np.random.default_rng(seed)
    network = _disguise(_network(rng, width), rng)
    form = canonical(network)
    x = jnp.asarray(rng.normal(size=(10, 5)))
    np.testing.assert_allclose(form(x), network(x), atol=1e-9)
    np.testing.assert_allclose(jnp.linalg.norm(form.weights, axis=0), 1, atol=1e-12)
    assert form.scale == 1.0
    np.testing.assert_array_equal(canonical(form).weights.shape, form.weights.shape)


@FEW
@given(seed=SEEDS, width=st.integers(1, 6), scale=st.floats(0.1, 2))
def test_a_network_is_the_integral_over_its_measure(seed, width, scale):
    rng = np.random.default_rng(seed)
    network = _network(rng, width, scale=scale)
    measure = sphere_measure(network)
    x = rng.normal(size=(10, 5))
    integral = np.maximum(x @ measure.atoms.T, 0) @ measure.masses
    np.testing.assert_allclose(network(jnp.asarray(x)), integral, atol=1e-12)
    expected = scale * float(path_norm(network))
    assert measure.total_variation == pytest.approx(expected)


def test_opposite_neurons_are_not_merged():
    weights = jnp.asarray([[1.0, -1.0], [0.5, -0.5]])
    assert canonical(TwoLayer(weights, jnp.ones((2, 1)))).weights.shape == (2, 2)


def test_a_network_of_zeros_has_no_neurons():
    form = canonical(TwoLayer(jnp.zeros((3, 2)), jnp.ones((2, 1))))
    assert form.weights.shape == (3, 0)
    assert not np.any(np.asarray(form(jnp.ones((4, 3)))))


def test_float32_networks_merge_what_rounding_separates():
    rng = np.random.default_rng(0)
    network = _network(rng, 4)
    low = TwoLayer(
        jnp.concatenate([network.weights, network.weights / 3], 1).astype("float32"),
        jnp.concatenate([network.readout, network.readout], 0).astype("float32"),
    )
    form = canonical(low)
    assert form.weights.shape == (5, 4)
    assert form.weights.dtype == "float32"


def test_networks_without_a_measure_are_refused():
    with pytest.raises(ConfigError, match=r"`sphere_measure` needs .*, got tanh"):
        canonical(TwoLayer(jnp.ones((2, 2)), jnp.ones((2, 1)), "tanh"))
    with pytest.raises(ConfigError, match="`tolerance` must be a positive"):
        canonical(TwoLayer(jnp.ones((2, 2)), jnp.ones((2, 1))), tolerance=0)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-9, 1e-12])
def test_directions_are_told_apart_at_any_tolerance(tolerance):
    turns = np.array([0.3, 0.3 + tolerance / 4, 0.3 + 4 * tolerance])
    weights = jnp.asarray(np.stack([np.cos(turns), np.sin(turns)]))
    network = TwoLayer(weights, jnp.ones((3, 1)))
    assert canonical(network, tolerance=tolerance).weights.shape == (2, 2)


def test_a_neuron_without_mass_is_left_out_in_silence():
    network = TwoLayer(jnp.asarray([[3.0, 1.0], [4.0, 1.0]]), jnp.asarray([[1.0], [0]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = canonical(network)
    np.testing.assert_allclose(found.weights, [[0.6], [0.8]], rtol=1e-6)
    np.testing.assert_allclose(found.readout, [[5.0]], rtol=1e-6)
