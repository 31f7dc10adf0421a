"""Intervals of the error without refit: neurons too rare for the draws are counted."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from overparam.analysis.resampling.analyse import _unseen
from overparam.analysis.resampling.efficiency import sampling_errors
from overparam.analysis.resampling.options import ResampleOptions
from overparam.networks import TwoLayer


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(5).standard_normal((60, 4)))


def network(*, n_tiny, tiny=1e-7):
    """Eight neurons that make the function, and many that weight decay left over."""
    rng = np.random.default_rng(3)
    sizes = np.concatenate([np.ones(8), np.full(n_tiny, tiny)])
    return TwoLayer(
        weights=jnp.asarray(rng.standard_normal((4, len(sizes)))),
        readout=jnp.asarray(rng.standard_normal((len(sizes), 1)) * sizes[:, None]),
    )


OPTIONS = ResampleOptions(
    n_features=(3, 10, 30), sampling=("uniform", "importance", "squared"), n_draws=5
)


@pytest.mark.parametrize("n_draws", [1, 5])
def test_a_prediction_lies_in_its_interval_where_draws_miss_rare_neurons(x, n_draws):
    options = ResampleOptions(
        n_features=(10, 30), sampling=("squared",), n_draws=n_draws
    )
    found = sampling_errors(network(n_tiny=300), x, options)
    for row in found.iter_rows(named=True):
        # Under this law every neuron adds about as much to the exact error.
        assert row["predicted"] > 20 * row["monte_carlo"]
        assert 0 <= row["low"] <= row["monte_carlo"] <= row["high"]
        assert row["low"] <= row["predicted"] <= row["high"]
    (note,) = _unseen(found)
    assert "squared at k = 10, 30" in note


def test_no_squared_error_has_a_negative_end(x):
    found = sampling_errors(network(n_tiny=300), x, OPTIONS)
    assert (found["low"] >= 0).all()


def test_nothing_is_unseen_where_every_neuron_is_drawn(x):
    options = ResampleOptions(n_features=(400,), sampling=("importance",), n_draws=5)
    found = sampling_errors(network(n_tiny=0), x, options)
    assert_allclose(found["unseen"], 0)
    assert not _unseen(found)
