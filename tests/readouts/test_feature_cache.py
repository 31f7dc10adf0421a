"""Stored, streamed and plain features are one matrix, whatever the block size."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam import two_layer
from overparam.errors import ConfigError
from overparam.readouts import (
    StoredFeatures,
    StreamedFeatures,
    cache_features,
    feature_cache,
)
from overparam.readouts.feature_cache import WithIntercept, gram


@pytest.fixture
def network(key):
    return two_layer(5, 11, 3, activation="tanh", dtype="float64", key=key)


@pytest.mark.parametrize("block_rows", [8, 32, 100])
def test_products_do_not_depend_on_blocks(network, block_rows, monkeypatch):
    monkeypatch.setattr(feature_cache, "BLOCK_ROWS", block_rows)
    rng = np.random.default_rng(block_rows)
    x = jnp.asarray(rng.standard_normal((37, 5)))
    F = np.asarray(network.features(x))
    P, R = rng.standard_normal((11, 2)), rng.standard_normal((37, 2))
    for limit, kind in ((1e9, StoredFeatures), (100.0, StreamedFeatures)):
        matrix = cache_features(network, x, memory_limit=limit)
        assert isinstance(matrix, kind)
        assert matrix.shape == (37, 11)
        np.testing.assert_allclose(matrix.times(jnp.asarray(P)), F @ P, atol=1e-13)
        transposed = matrix.transposed_times(jnp.asarray(R))
        np.testing.assert_allclose(transposed, F.T @ R, atol=1e-13)
        np.testing.assert_allclose(gram(matrix), F.T @ F / 37, atol=1e-14)
        np.testing.assert_array_equal(gram(matrix), gram(matrix).T)


def test_an_intercept_is_a_column_of_ones(network):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((9, 5)))
    F = np.hstack([np.asarray(network.features(x)), np.ones((9, 1))])
    matrix = WithIntercept(cache_features(network, x))
    P, R = rng.standard_normal((12, 2)), rng.standard_normal((9, 2))
    assert matrix.shape == F.shape
    np.testing.assert_allclose(matrix.times(jnp.asarray(P)), F @ P, atol=1e-13)
    transposed = matrix.transposed_times(jnp.asarray(R))
    np.testing.assert_allclose(transposed, F.T @ R, atol=1e-13)
    np.testing.assert_allclose(gram(matrix), F.T @ F / 9, atol=1e-14)


def test_fewer_features_than_panels(network):
    F = jnp.asarray(np.random.default_rng(1).standard_normal((6, 2)))
    np.testing.assert_allclose(gram(StoredFeatures(F)), F.T @ F / 6, atol=1e-14)


def test_no_samples_and_no_memory_are_refused(network):
    with pytest.raises(ConfigError, match="`n_samples` must be at least 1"):
        cache_features(network, jnp.zeros((0, 5)))
    with pytest.raises(ConfigError, match="`memory_limit` must be a positive"):
        cache_features(network, jnp.zeros((2, 5)), memory_limit=0.0)
