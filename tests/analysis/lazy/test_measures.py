"""Measures of a network against its start, where they are known."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from overparam.analysis.lazy.measures import (
    active,
    alignment,
    label_alignment,
    relative_change,
    weight_changes,
)
from overparam.networks import (
    MLP,
    RadialFeatures,
    StandardisedTwoLayer,
    TwoLayer,
    resnet,
    vgg11,
)


RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(8, 3))
KERNEL = FEATURES @ FEATURES.T


def test_changes_and_alignments_of_multiples():
    assert relative_change(KERNEL, KERNEL) == 0
    assert relative_change(3 * KERNEL, KERNEL) == pytest.approx(2)
    assert alignment(3 * KERNEL, KERNEL) == pytest.approx(1)
    assert alignment(np.diag([1.0, 0]), np.diag([0, 1.0])) == 0
    assert math.isnan(relative_change(KERNEL, 0 * KERNEL))
    assert math.isnan(alignment(KERNEL, 0 * KERNEL))


def test_the_kernel_of_the_targets_is_aligned_whatever_their_means():
    y = RNG.normal(size=(8, 2))
    centred = y - y.mean(axis=0)
    for kernel in (y @ y.T, 2 * centred @ centred.T + 5):
        assert label_alignment(kernel, y + 7) == pytest.approx(1)
    assert label_alignment(KERNEL, y) < 0.99


def test_constant_targets_have_no_alignment():
    # Their mean is rounded, so that what they are less it is no zero.
    for value in (0.1, 3.3e5):
        assert math.isnan(label_alignment(KERNEL, np.full((8, 1), value)))


def test_weights_change_by_layer():
    start = TwoLayer(jnp.asarray(FEATURES), jnp.ones((3, 1)))
    now = dataclasses.replace(start, weights=1.5 * start.weights)
    assert weight_changes(now, start) == {"weights": pytest.approx(0.5), "readout": 0}


def test_moments_that_a_network_carries_are_no_weights():
    start = StandardisedTwoLayer(jnp.asarray(FEATURES), jnp.ones((3, 1)))
    now = dataclasses.replace(start, mean=jnp.ones(3), std=jnp.ones(3))
    assert weight_changes(now, start) == {"weights": 0, "readout": 0}
    moved = dataclasses.replace(now, mean=2 * now.mean)
    assert weight_changes(moved, now) == {"weights": 0, "readout": 0}


def test_neurons_are_active_where_their_inputs_are_positive():
    x = jnp.asarray(RNG.normal(size=(5, 2)))
    first, second = (jnp.asarray(RNG.normal(size=s)) for s in ((2, 3), (3, 4)))
    bias = jnp.asarray(RNG.normal(size=3))
    network = MLP((first, second), jnp.ones((4, 1)), (bias, jnp.zeros(4)), "sigmoid")
    inner = x @ first + bias[None]
    deeper = (1 / (1 + jnp.exp(-inner))) @ second
    assert_allclose(active(network, x), np.concatenate([inner, deeper], axis=1) > 0)
    radial = RadialFeatures(first, jnp.ones((3, 1)))
    assert active(radial, x).all()


@pytest.mark.parametrize("make", [vgg11, resnet], ids=["vgg", "resnet"])
def test_the_one_of_an_output_bias_is_no_neuron(make):
    network = make(multiplier=1 / 16, key=jax.random.key(0))
    x = jnp.asarray(RNG.normal(size=(2, 32, 32, 3)), "float32")
    bias = jnp.ones_like(network.readout[:1])
    with_bias = dataclasses.replace(
        network, readout=jnp.concatenate([network.readout, bias])
    )
    assert with_bias.features(x).shape[1] == network.features(x).shape[1] + 1
    assert_array_equal(active(with_bias, x), active(network, x))
