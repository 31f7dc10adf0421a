import equinox as eqx
import jax.numpy as jnp
import pytest

from overparam.errors import ConfigError
from overparam.networks import TwoLayer, mlp
from overparam.networks.layers import check_start, hidden_layers, parameters


class Convolutional(eqx.Module):
    """Names and ranks of a small VGG."""

    kernels: tuple
    gain: jnp.ndarray
    readout: jnp.ndarray


def convolutional():
    kernels = jnp.ones((3, 3, 3, 8)), jnp.ones((3, 3, 8, 10))
    return Convolutional(kernels, jnp.ones(8), jnp.ones((10, 10)))


def test_hidden_layers_are_known_by_path_and_not_by_a_shape_that_equals_the_classes(
    key,
):
    network = mlp((7, 10, 10, 10), bias=True, key=key)
    assert hidden_layers(network) == ("layers.0", "layers.1")


def test_first_convolution_readout_and_vectors_are_left_out():
    assert hidden_layers(convolutional()) == ("kernels.1",)


def test_patterns_may_name_anything(key):
    network = mlp((4, 5, 6, 2), bias=True, key=key)
    assert hidden_layers(network, patterns=["biases.*"]) == ("biases.0", "biases.1")
    assert hidden_layers(network, patterns=["readout", "layers.1"]) == (
        "layers.1",
        "readout",
    )


def test_a_pattern_without_a_match_names_what_there_is(key):
    network = mlp((4, 5, 2), key=key)
    with pytest.raises(
        ConfigError, match=r"'conv9' matches no parameter; there are layers.0, readout"
    ):
        hidden_layers(network, patterns=["conv9"])


def test_parameters_come_in_the_order_of_the_tree():
    assert list(parameters(convolutional())) == [
        "kernels.0",
        "kernels.1",
        "gain",
        "readout",
    ]


def test_a_start_may_spell_its_settings_otherwise():
    weights, readout = jnp.ones((3, 4)), jnp.ones((4, 1))
    check_start(TwoLayer(weights, readout, scale=1), TwoLayer(weights, readout))
    with pytest.raises(ConfigError, match=r"`scale`, which is 2 in the start and 1\.0"):
        check_start(TwoLayer(weights, readout, scale=2), TwoLayer(weights, readout))
