"""Radial features on the torus."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.errors import ConfigError
from overparam.networks import RadialFeatures
from overparam.networks.radial import KERNELS, wrap


FORMULAS = {
    "laplace": lambda d: 8 * np.exp(-2 * np.hypot(*d)),
    "gaussian": lambda d: np.exp(-(d[0] ** 2 + d[1] ** 2) / 0.5),
    "cosine": lambda d: np.prod((1 + np.cos(np.pi * d / 2)) / 2, axis=0),
}


def network(weights, kernel="laplace"):
    width = weights.shape[1]
    return RadialFeatures(weights, jnp.ones((width, 1)), kernel, scale=1 / width)


@pytest.mark.parametrize("kernel", KERNELS)
def test_features_are_the_kernel_of_the_nearest_image(kernel, key):
    x = np.asarray(3 * jax.random.normal(key, (7, 2)))
    w = np.asarray(jax.random.uniform(key, (2, 5), minval=-2, maxval=2))
    found = network(jnp.asarray(w), kernel).features(jnp.asarray(x))
    images = 4 * np.stack(np.meshgrid([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2]), -1)
    offsets = x[:, None, None] - w.T[None, :, None] + images.reshape(1, 1, -1, 2)
    nearest = np.argmin(np.sum(offsets**2, axis=-1), axis=-1)
    chosen = np.take_along_axis(offsets, nearest[..., None, None], axis=2)[:, :, 0]
    assert_allclose(found, FORMULAS[kernel](np.moveaxis(chosen, -1, 0)), rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_differences_and_zero_on_the_point(kernel, key):
    w = jax.random.uniform(key, (2, 3), minval=-1, maxval=1)
    x = jnp.concatenate([w.T[:1], jnp.array([[0.3, -0.4]])])

    def total(w):
        return jnp.sum(network(w, kernel).features(x)[1])

    gradient = jax.grad(total)(w)
    step = 1e-6
    for index in np.ndindex(2, 3):
        shift = jnp.zeros((2, 3)).at[index].set(step)
        difference = (total(w + shift) - total(w - shift)) / (2 * step)
        # Central differences at 1e-6: error 1e-12 by truncation, 1e-10 by rounding.
        assert_allclose(gradient[index], difference, atol=1e-7)
    own = jax.grad(lambda w: network(w, kernel).features(x)[0, 0])(w)
    assert_allclose(own, 0, atol=1e-12)


def test_moving_a_point_once_around_changes_nothing(key):
    w = jax.random.uniform(key, (2, 4))
    x = jax.random.normal(key, (6, 2))
    around = network(w + jnp.array([[4.0], [-8.0]]))
    assert_allclose(around.features(x), network(w).features(x), rtol=1e-12)
    assert_allclose(wrap(jnp.array([2.0, -2.0, 5.0])), [-2, -2, 1])


def test_unknown_kernels_and_lengths_are_refused():
    with pytest.raises(ConfigError, match="`kernel` must be one of laplace"):
        network(jnp.zeros((2, 1)), "cauchy")
    with pytest.raises(ConfigError, match="`length` must be a positive"):
        RadialFeatures(jnp.zeros((2, 1)), jnp.zeros((1, 1)), length=0.0)
