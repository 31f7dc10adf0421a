"""Ridge readouts against least squares on the stacked system."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.readouts import ridge_readout
from overparam.readouts.ridge import solve_positive


@pytest.mark.parametrize("centre", [0.0, 1.0, -2.5])
@pytest.mark.parametrize(("n", "m"), [(12, 5), (8, 8), (5, 12)])
def test_primal_and_dual_minimise_the_risk(n, m, centre, key):
    keys = jax.random.split(key)
    features = jax.random.normal(keys[0], (n, m))
    targets = jax.random.normal(keys[1], (n, 2))
    penalty, scale = 1e-3, 1 / m
    found = ridge_readout(
        features,
        targets,
        penalty=jnp.asarray(penalty),
        centre=jnp.asarray(centre),
        scale=scale,
    )
    # R = |A u - t|^2 with A = [s Phi/sqrt(2 lambda N); sqrt(s/2) I].
    data = scale / np.sqrt(2 * penalty * n)
    stacked = np.concatenate([data * features, np.sqrt(scale / 2) * np.eye(m)])
    goal = np.concatenate(
        [
            targets / np.sqrt(2 * penalty * n),
            np.full((m, 2), np.sqrt(scale / 2) * centre),
        ]
    )
    expected = np.linalg.lstsq(stacked, goal, rcond=None)[0]
    assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    gram = scale * features.T @ features / n
    right = features.T @ targets / n + penalty * centre
    residual = gram @ found + penalty * found - right
    # Backward stable solvers leave rounding times the size of the terms.
    assert jnp.linalg.norm(residual) <= 1e-12 * jnp.linalg.norm(right)


def test_a_centre_for_every_entry_is_a_shift_of_the_targets(key):
    keys = jax.random.split(key, 3)
    features = jax.random.normal(keys[0], (6, 9))
    targets = jax.random.normal(keys[1], (6, 1))
    centre = jax.random.normal(keys[2], (9, 1))
    common = {"penalty": jnp.asarray(0.1), "scale": 1 / 9}
    shifted = targets - features @ centre / 9
    expected = centre + ridge_readout(
        features, shifted, centre=jnp.asarray(0.0), **common
    )
    found = ridge_readout(features, targets, centre=centre, **common)
    assert_allclose(found, expected, rtol=1e-10)


def test_a_positive_system_is_solved(key):
    factor = jax.random.normal(key, (4, 2))
    matrix = factor @ factor.T
    found = solve_positive(matrix, jnp.eye(4), shift=jnp.asarray(0.5))
    assert_allclose(found @ (matrix + 0.5 * jnp.eye(4)), np.eye(4), atol=1e-12)
