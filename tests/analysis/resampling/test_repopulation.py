"""Repopulated and split networks compute what they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam import two_layer
from overparam.analysis import sampling_law
from overparam.analysis.resampling.repopulation import repopulate, split
from overparam.analysis.shallow import readout_norms
from overparam.errors import ConfigError
from overparam.networks import StandardisedTwoLayer, with_moments


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(3).standard_normal((40, 4)))


@pytest.fixture
def network(x):
    rng = np.random.default_rng(4)
    plain = StandardisedTwoLayer(
        weights=jnp.asarray(rng.standard_normal((4, 9))),
        readout=jnp.asarray(rng.standard_normal((9, 2))),
    )
    return with_moments(plain, x)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_splitting_neurons_keeps_the_function(seed):
    rng = np.random.default_rng(seed)
    network = two_layer(
        3, 5, 2, activation="relu", dtype="float64", key=jax.random.key(seed)
    )
    x = jnp.asarray(rng.standard_normal((6, 3)))
    wide = split(network, rng.integers(1, 5, 5))
    np.testing.assert_allclose(wide(x), network(x), atol=1e-12)


def test_splitting_by_strength_gives_the_smallest_penalty(network):
    norms = readout_norms(network)

    def counts(strengths):
        return np.maximum(1, np.round(9000 * strengths / strengths.sum()).astype(int))

    best = split(network, counts(norms))
    penalty = float(jnp.sum(best.readout**2))
    # At equal strength the penalty is (sum of norms)^2 / copies; counts are rounded.
    np.testing.assert_allclose(
        penalty, norms.sum() ** 2 / best.readout.shape[0], rtol=1e-3
    )
    spread = readout_norms(best).std() / readout_norms(best).mean()
    assert spread < 1e-2
    rng = np.random.default_rng(0)
    for _ in range(20):
        share = norms * np.exp(0.2 * rng.standard_normal(9))
        other = split(network, counts(share))
        ratio = other.readout.shape[0] / best.readout.shape[0]
        assert float(jnp.sum(other.readout**2)) * ratio > penalty * (1 - 1e-3)


def test_repopulation_keeps_the_function_on_average(network, x):
    law = sampling_law(network, "importance", data=x)
    outputs = np.stack(
        [
            np.asarray(repopulate(network, law, key=key)(x[:3]))
            for key in jax.random.split(jax.random.key(0), 150)
        ]
    )
    errors = outputs.std(axis=0, ddof=1) / np.sqrt(len(outputs))
    assert np.all(np.abs(outputs.mean(axis=0) - network(x[:3])) < 4 * errors)


def test_jitter_moves_every_copy_by_itself(network):
    law = np.eye(9)[2]
    still = repopulate(network, law, key=jax.random.key(1))
    assert np.all(still.weights == network.weights[:, 2:3])
    moved = repopulate(network, law, jitter=0.1, key=jax.random.key(1))
    steps = np.asarray(moved.weights - still.weights)
    # The reference added one common number to all entries.
    assert np.linalg.matrix_rank(steps) == 4
    assert len(np.unique(steps)) == steps.size
    rms = np.sqrt(np.mean(np.asarray(network.weights[:, 2]) ** 2))
    assert 0.05 < steps.std() / rms < 0.2


def test_counts_below_one_are_refused(network):
    with pytest.raises(ConfigError, match="one number of copies, at least 1"):
        split(network, np.zeros(9, int))
    with pytest.raises(ConfigError, match="each of the 9 neurons"):
        split(network, np.ones(8, int))
