"""VGG11 in the study heavy-tails: what its noise touches, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.data import Batch
from overparam.errors import ConfigError
from overparam.networks.layers import parameters
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.data import Data
from overparam.studies.heavy_tails.problem import Problem


def problem(**changes):
    images = Batch(jnp.zeros((2, 32, 32, 3), jnp.float32), jnp.zeros(2, jnp.int32))
    config = HeavyTails(
        dataset="cifar-10", network="vgg11", multiplier=0.125, batch_size=2, **changes
    )
    return Problem(config, Data(images, images, n_classes=10))


@pytest.mark.parametrize("unit", ["filter", "kernel"])
def test_shared_noise_is_one_number_per_unit_of_hidden_convolutions(unit, key):
    found = problem(noise="shared", noise_unit=unit)
    drawn = found.noise.draw(
        found.network, learning_rate=0.1, step=jnp.zeros((), jnp.int32), key=key
    )
    noised = parameters(drawn)
    assert list(noised) == [f"kernels.{i}" for i in range(1, 8)]
    for index, noise in enumerate(noised.values()):
        *_, before, after = found.network.kernels[index + 1].shape
        expected = (1, 1, 1, after) if unit == "filter" else (1, 1, before, after)
        assert noise.shape == expected
        assert len(np.unique(noise)) == noise.size


def test_the_wide_form_doubles_every_filter():
    config = {"dataset": "cifar-10", "batch_size": 2, "multiplier": 0.125}
    images = Batch(jnp.zeros((2, 32, 32, 3), jnp.float32), jnp.zeros(2, jnp.int32))
    data = Data(images, images, n_classes=10)
    widths = [
        [
            kernel.shape[3]
            for kernel in jax.eval_shape(
                lambda name=name: (
                    Problem(HeavyTails(network=name, **config), data).network
                )
            ).kernels
        ]
        for name in ("vgg11", "vgg11-wide")
    ]
    assert widths[1] == [2 * width for width in widths[0]]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"noise_unit": "kernel"}, "applies to convolutions; the network mlp has none"),
        ({"network": "vgg11", "dataset": "mnist"}, "at least 32 x 32, got mnist"),
        (
            {
                "network": "vgg11",
                "dataset": "cifar-10",
                "parametrisation": "mean-field",
            },
            "mean-field needs a two-layer network, got vgg11",
        ),
    ],
)
def test_settings_without_effect_or_meaning_are_refused(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        HeavyTails(**changes)
