"""Moments over blocks against two passes in extended precision."""

import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.shallow import feature_moments
from overparam.networks import StandardisedTwoLayer, TwoLayer, with_moments


@pytest.mark.parametrize(
    ("dtype", "mean", "tolerance"), [("float32", 1e4, 1e-4), ("float64", 1e8, 1e-9)]
)
def test_deviations_survive_means_that_are_much_larger(dtype, mean, tolerance):
    x = (np.random.default_rng(0).standard_normal((5000, 3)) + mean).astype(dtype)
    exact = x.astype(np.longdouble).std(axis=0)
    parts = {"weights": jnp.eye(3, dtype=dtype), "readout": jnp.ones((3, 1), dtype)}
    network = StandardisedTwoLayer(**parts, activation="linear")
    # Blocks have means that are rounded to 1e-3 (float32) or 1e-8 (float64).
    for rows in (256, 8192):
        found = with_moments(network, jnp.asarray(x), block_rows=rows)
        np.testing.assert_allclose(found.std, exact.astype(float), rtol=tolerance)
    plain = TwoLayer(**parts, activation="linear")
    found = feature_moments(plain, jnp.asarray(x)).std
    np.testing.assert_allclose(found, exact.astype(float), rtol=tolerance)
