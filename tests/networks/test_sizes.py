"""Networks of sizes that are none, or that no memory holds, are refused when made."""

import jax
import numpy as np
import pytest

from overparam import two_layer
from overparam.errors import ConfigError
from overparam.networks import mlp, random_features, resnet, vgg11


KEY = jax.random.key(0)
MADE = {
    "two_layer": lambda size: two_layer(30, size, 2, key=KEY),
    "mlp": lambda size: mlp((30, size, 2), key=KEY),
    "random_features": lambda size: random_features("unit", 30, size, key=KEY),
    "vgg11": lambda size: vgg11(size, key=KEY),
    "resnet": lambda size: resnet(8, n_outputs=size, key=KEY),
    "multiplied vgg11": lambda size: vgg11(multiplier=size, key=KEY),
    "multiplied resnet": lambda size: resnet(8, multiplier=size, key=KEY),
}


@pytest.mark.parametrize("size", [10**12, 2**62, 2**63, 10**400, 0, -1, float("nan")])
@pytest.mark.parametrize("name", MADE)
def test_a_size_that_cannot_be_is_refused_in_a_sentence(name, size):
    with pytest.raises(ConfigError):
        MADE[name](size)


@pytest.mark.parametrize("size", [2.5, None, True, "7", 1e300])
@pytest.mark.parametrize("name", ["two_layer", "mlp", "random_features", "resnet"])
def test_a_size_is_a_whole_number(name, size):
    with pytest.raises(ConfigError, match="must be a whole number"):
        MADE[name](size)


def test_the_sentence_has_the_bytes_and_the_size_to_lower():
    with pytest.raises(ConfigError, match="lower `width`") as error:
        two_layer(30, 10**11, 2, key=KEY)
    assert "12,800,000,000,000 bytes" in str(error.value)


def test_whole_numbers_of_numpy_are_sizes():
    assert two_layer(np.int64(3), np.int32(2), 1, key=KEY).weights.shape == (3, 2)
