"""Convolutions against XLA's own, whose gradients JAX derives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.networks.convolutional.convolution import (
    _by_windows,
    check_images,
    conv1x1,
    conv3x3,
    max_pool2x2,
)


# Sums of at most a few hundred products of order one in float64.
TOLERANCE = 1e-12


def direct(x, kernel, stride):
    side = kernel.shape[0] // 2
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=((side, side), (side, side)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def value_and_gradients(convolve, x, kernel):
    weights = jnp.cos(jnp.arange(convolve(x, kernel).size, dtype=x.dtype))

    def total(x, kernel):
        return jnp.sum(weights * convolve(x, kernel).ravel())

    return convolve(x, kernel), *jax.grad(total, argnums=(0, 1))(x, kernel)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 2, 2), (2, 3, 3), (1, 4, 4), (2, 5, 8)]
)
def test_values_and_both_gradients_are_those_of_xla(shape, stride, key):
    x = jax.random.normal(key, (*shape, 3))
    kernel = jax.random.normal(jax.random.fold_in(key, 1), (3, 3, 3, 5))
    wanted = value_and_gradients(lambda x, k: direct(x, k, stride), x, kernel)
    for ours in (conv3x3, lambda x, k, stride: _by_windows(x, k, stride)):
        found = value_and_gradients(
            lambda x, k, ours=ours: ours(x, k, stride=stride), x, kernel
        )
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=TOLERANCE)


def test_every_convolution_of_a_training_step_has_the_layout_that_is_fast_in_loops(key):
    x = jax.random.normal(key, (2, 8, 8, 3), jnp.float32)
    kernel = jax.random.normal(key, (3, 3, 3, 3), jnp.float32)

    def step(kernel, _):
        def loss(kernel):
            hidden = jax.nn.relu(conv3x3(x, kernel))
            return jnp.sum(conv3x3(hidden, kernel, stride=2) ** 2)

        return kernel - 1e-3 * jax.grad(loss)(kernel), None

    program = jax.jit(lambda k: jax.lax.scan(step, k, None, length=3)[0])
    text = program.lower(kernel).compile().as_text()
    lines = [line for line in text.splitlines() if "dim_labels=" in line]
    assert len(lines) == 5
    assert all("dim_labels=b01f_01io->b01f" in line for line in lines)


def test_one_by_one_convolution_is_that_of_xla(key):
    x = jax.random.normal(key, (2, 6, 4, 3))
    kernel = jax.random.normal(key, (1, 1, 3, 5))
    for stride in (1, 2):
        np.testing.assert_allclose(
            conv1x1(x, kernel, stride=stride),
            direct(x, kernel, stride),
            atol=TOLERANCE,
        )


@pytest.mark.parametrize("size", [2, 5, 8])
def test_pooling_takes_the_largest_value_of_each_square(size, key):
    x = jax.random.normal(key, (2, size, size, 3))
    found = max_pool2x2(x)
    for i in range(size // 2):
        for j in range(size // 2):
            square = np.asarray(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
            assert np.array_equal(found[:, i, j], square.max(axis=(1, 2)))


def test_unfit_images_are_refused_with_the_remedy():
    kernel = jnp.zeros((3, 3, 3, 8))
    with pytest.raises(ConfigError, match="at least 32 x 32, got 28 x 28; use mlp"):
        check_images(jnp.zeros((1, 28, 28, 3)), kernel, name="vgg11", smallest=32)
    with pytest.raises(ConfigError, match="built for 3 channels, got 1; set `channels"):
        check_images(jnp.zeros((1, 32, 32, 1)), kernel, name="ResNet", smallest=1)
    with pytest.raises(ConfigError, match="use mlp"):
        check_images(jnp.zeros((1, 784)), kernel, name="vgg11", smallest=32)
