"""Batch normalisation against NumPy, and its explicit state."""

import jax
import jax.numpy as jnp
import numpy as np

from overparam.networks.convolutional.batch_norm import (
    BatchNorm,
    Moments,
    Normaliser,
    batch_norm,
)


def test_training_normalises_with_the_moments_of_the_batch(key):
    x = 3 + 2 * jax.random.normal(key, (4, 5, 5, 3))
    norm = BatchNorm(jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 1.0, -1.0]))
    _, moments = batch_norm(3, "float64")
    found = Normaliser([moments], training=True)(norm, x)
    flat = np.asarray(x).reshape(-1, 3)
    wanted = (flat - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    wanted = wanted * [1, 2, 3] + [0, 1, -1]
    # Rounding of float64, cancellation of the mean included.
    np.testing.assert_allclose(np.asarray(found).reshape(-1, 3), wanted, atol=1e-12)


def test_running_moments_follow_the_recursion_with_unbiased_variances(key):
    norm, moments = batch_norm(2, "float64")
    mean, variance = np.zeros(2), np.ones(2)
    for step in range(3):
        x = step + jax.random.normal(jax.random.fold_in(key, step), (3, 2, 2, 2))
        normalise = Normaliser([moments], training=True)
        normalise(norm, x)
        (moments,) = normalise.moved
        flat = np.asarray(x).reshape(-1, 2)
        mean = 0.9 * mean + 0.1 * flat.mean(0)
        variance = 0.9 * variance + 0.1 * flat.var(0, ddof=1)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.variance, variance, rtol=1e-12)


def test_evaluation_uses_the_running_moments_and_leaves_them(key):
    norm = BatchNorm(jnp.ones(2), jnp.zeros(2))
    moments = Moments(jnp.array([1.0, -1.0]), jnp.array([4.0, 9.0]))
    normalise = Normaliser([moments], training=False)
    x = jax.random.normal(key, (3, 2, 2, 2))
    wanted = (np.asarray(x) - [1, -1]) / np.sqrt(np.array([4, 9]) + 1e-5)
    np.testing.assert_allclose(normalise(norm, x), wanted, atol=1e-14)
    assert normalise.moved == []


def test_no_gradient_flows_into_running_moments(key):
    norm, moments = batch_norm(2, "float64")
    x = jax.random.normal(key, (3, 2, 2, 2))

    def total(moments):
        return jnp.sum(Normaliser([moments], training=False)(norm, x) ** 2)

    gradient = jax.grad(total)(moments)
    assert all(not leaf.any() for leaf in jax.tree.leaves(gradient))
