"""Students without their lightest neurons."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from overparam import two_layer
from overparam.analysis.surplus.removal import (
    heaviest,
    merged,
    pruned_losses,
    pruned_risks,
)
from overparam.errors import ConfigError
from overparam.limits import signal_power
from overparam.networks import TwoLayer
from overparam.networks.view import TwoLayerView
from overparam.objectives import cross_entropy, half_squared_error


def test_the_heaviest_neurons_are_kept_in_their_order():
    # Masses 3, 1, 2: heavy input weights count as much as heavy output weights.
    weights = jnp.asarray([[3.0, 0.5, 1.0], [0.0, 0.0, 0.0]])
    network = TwoLayer(weights, jnp.asarray([[1.0], [2.0], [-2.0]]))
    kept = heaviest(network, 2)
    assert_array_equal(kept.weights, weights[:, [0, 2]])
    assert_array_equal(kept.readout, [[1.0], [-2.0]])


def test_a_surplus_of_light_neurons_costs_their_own_power_and_then_nothing():
    teacher = two_layer(6, 3, 1, dtype="float64", key=jax.random.key(0))
    # Two surplus neurons cancel; one alone computes c relu(z), of power c^2 / 2.
    light = 0.01
    unit = jnp.eye(6)[:, :1]
    weights = jnp.concatenate([teacher.weights, unit, unit], axis=1)
    readout = jnp.concatenate([teacher.readout, jnp.asarray([[light], [-light]])])
    risks = pruned_risks(TwoLayer(weights, readout), teacher, [5, 4, 3, 0])
    assert_allclose(risks[:3], [0, light**2 / 4, 0], atol=1e-14)
    assert risks[3] == pytest.approx(signal_power(teacher) / 2)


def test_more_neurons_than_there_are_cannot_be_kept():
    network = two_layer(6, 3, 1, key=jax.random.key(0))
    with pytest.raises(ConfigError, match=r"`count` must lie in \[0, 3\], got 4."):
        heaviest(network, 4)


def test_losses_over_samples_are_those_of_the_pruned_networks():
    rng = np.random.default_rng(0)
    network = TwoLayerView(
        weights=jnp.asarray(rng.normal(size=(3, 6))),
        readout=jnp.asarray(rng.normal(size=(6, 2))),
        bias=jnp.asarray(rng.normal(size=6)),
        skip=jnp.asarray(rng.normal(size=(3, 2))),
        output_bias=jnp.asarray(rng.normal(size=2)),
        scale=0.5,
    )
    x, y = (jnp.asarray(rng.normal(size=shape)) for shape in ((20, 3), (20, 2)))
    counts = [6, 0, 4, 1]
    found = pruned_losses(network, counts, x, y, loss=half_squared_error)
    expected = [half_squared_error(heaviest(network, k)(x), y) for k in counts]
    assert_allclose(found, expected, rtol=1e-12)


def test_losses_of_classes_are_those_of_the_pruned_networks():
    network = two_layer(6, 3, 4, key=jax.random.key(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(20, 6)), jnp.float32)
    y = jnp.arange(20) % 4
    found = pruned_losses(network, [3, 2], x, y, loss=cross_entropy)
    expected = [cross_entropy(heaviest(network, k)(x), y) for k in (3, 2)]
    # Single precision on both sides.
    assert_allclose(found, expected, rtol=1e-5)


def test_merging_leaves_the_function_with_its_biases_and_skip_weights():
    rng = np.random.default_rng(0)
    twice = np.array([0, 1, 2, 0])
    view = TwoLayerView(
        weights=jnp.asarray(rng.normal(size=(3, 3)))[:, twice],
        readout=jnp.asarray(rng.normal(size=(4, 2))),
        bias=jnp.asarray(rng.normal(size=3))[twice],
        skip=jnp.asarray(rng.normal(size=(3, 2))),
        output_bias=jnp.asarray(rng.normal(size=2)),
        scale=0.5,
    )
    fewer = merged(view, tolerance=1e-6)
    x = jnp.asarray(rng.normal(size=(20, 3)))
    assert len(fewer.readout) == 3
    assert_allclose(fewer(x), view(x), rtol=1e-10, atol=1e-12)
