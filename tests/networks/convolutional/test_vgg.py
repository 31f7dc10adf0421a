"""VGG11: published sizes and shapes, and what noise and pruning touch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.errors import ConfigError
from overparam.networks import vgg11
from overparam.networks.layers import hidden_layers


def test_the_wide_form_has_the_published_weights(key):
    network = jax.eval_shape(lambda: vgg11(multiplier=2, key=key))
    sizes = [kernel.size for kernel in network.kernels]
    wide = 9_437_184
    assert sizes == [3456, 294_912, 1_179_648, 2_359_296, 4_718_592, wide, wide, wide]
    assert sum(sizes) == 36_867_456
    assert network.readout.size == 10_240


def test_outputs_and_classes(key):
    network = vgg11(100, multiplier=1 / 8, key=key)
    assert network(jnp.zeros((2, 32, 32, 3), jnp.float32)).shape == (2, 100)
    assert vgg11(channels=1, multiplier=1 / 8, key=key).features(
        jnp.zeros((1, 40, 33, 1), jnp.float32)
    ).shape == (1, 64)


def test_initial_weights_have_the_law_of_the_document(key):
    network = vgg11(multiplier=1 / 4, key=key)
    for kernel in network.kernels:
        wanted = np.sqrt(2 / (9 * kernel.shape[3]))
        values = np.asarray(kernel, np.float64)
        # Standard error of a Gaussian sample's standard deviation.
        error = 4 / np.sqrt(2 * values.size)
        assert values.std() / wanted == pytest.approx(1, abs=error)
    assert float(jnp.abs(network.readout).max()) <= 1 / np.sqrt(128)


def test_noise_and_pruning_leave_the_first_convolution_and_the_readout(key):
    layers = hidden_layers(vgg11(multiplier=1 / 8, key=key))
    assert layers == tuple(f"kernels.{i}" for i in range(1, 8))


def test_small_images_are_refused(key):
    network = vgg11(channels=1, multiplier=1 / 8, key=key)
    with pytest.raises(ConfigError, match="at least 32 x 32, got 28 x 28; use mlp"):
        network.features(jnp.zeros((1, 28, 28, 1), jnp.float32))
