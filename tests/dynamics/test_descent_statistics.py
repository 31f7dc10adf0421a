"""Descent on networks with running statistics: they move, but are never trained."""

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from overparam.data import Batch
from overparam.dynamics import Descent
from overparam.errors import ConfigError
from overparam.networks import resnet
from overparam.networks.stateful import train_features


@pytest.fixture(scope="module")
def network():
    return resnet(8, multiplier=0.25, dtype="float64", key=jax.random.key(1))


def test_an_optimiser_with_decay_leaves_statistics_to_the_batches(network, key):
    batch = Batch(jax.random.normal(key, (4, 8, 8, 3)), np.arange(4, dtype=np.int32))
    descent = Descent(
        "cross-entropy",
        optax.adamw,
        learning_rate=0.1,
        weight_decay=1.0,
    )
    state = descent.init(network, key=key)
    moved, _ = eqx.filter_jit(descent.step)(state, batch, key=key)
    _, wanted = train_features(network, batch.x)
    for found, expected in zip(
        *map(jax.tree.leaves, (moved.network.statistics, wanted)), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert not np.allclose(moved.network.stem, network.stem)


def test_objectives_that_cannot_move_statistics_are_refused(network, key):
    descent = Descent(lambda network, batch: 0.0, learning_rate=0.1)
    with pytest.raises(ConfigError, match="running statistics, which only the obj"):
        descent.init(network, key=key)
