"""ReLU features with a threshold."""

import jax
import jax.numpy as jnp
from numpy.testing import assert_allclose

from overparam.networks import ThresholdReLU


def test_features_are_relu_of_the_shifted_product(key):
    w = jax.random.normal(key, (3, 4))
    x = jax.random.normal(key, (5, 3))
    found = ThresholdReLU(w, jnp.ones((4, 1)), 0.5).features(x)
    assert_allclose(found, jnp.maximum(x @ w + 0.5, 0))


def test_the_threshold_does_not_move(key):
    network = ThresholdReLU(jnp.ones((2, 3)), jnp.ones((3, 1)), 0.5)
    gradient = jax.grad(lambda net: jnp.sum(net(jnp.ones((4, 2)))))(network)
    assert {leaf.shape for leaf in jax.tree.leaves(gradient)} == {(2, 3), (3, 1)}
