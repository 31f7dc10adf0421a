"""Normal numbers for training loops."""

import jax
import numpy as np
import pytest
from scipy import stats

from overparam.data import standard_normal


def test_numbers_are_standard_normal(key):
    draws = np.asarray(standard_normal(key, (1000, 50), dtype="float64")).ravel()
    # A sound generator fails this once in 10 000 keys.
    assert stats.kstest(draws, "norm").pvalue > 1e-4
    assert len(np.unique(draws)) > 0.99 * draws.size


def test_neighbouring_keys_and_entries_are_uncorrelated(key):
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(np.arange(200))
    draws = np.stack([standard_normal(k, (300,), dtype="float32") for k in keys])
    limit = 4 / np.sqrt(draws[1:].size)
    assert abs(np.mean(draws[1:] * draws[:-1])) < limit
    assert abs(np.mean(draws[:, 1:] * draws[:, :-1])) < limit
    # The two halves of a draw come from the two words of one hash.
    assert abs(np.mean(draws[:, :150] * draws[:, 150:])) < 4 / np.sqrt(200 * 150)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_are_the_same_in_every_dtype_and_when_compiled(key, dtype):
    eager = standard_normal(key, (7, 3), dtype=dtype)
    compiled = jax.jit(lambda k: standard_normal(k, (7, 3), dtype=dtype))(key)
    assert eager.dtype == dtype
    np.testing.assert_array_equal(eager, compiled)
    single = standard_normal(key, (7, 3), dtype="float32")
    np.testing.assert_array_equal(eager, single.astype(dtype))
