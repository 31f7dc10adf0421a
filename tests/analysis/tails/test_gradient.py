import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.analysis.tails.gradient import gradient_noise
from overparam.data import Batch
from overparam.errors import ConfigError
from overparam.networks import mlp
from overparam.objectives import BatchLoss, half_squared_error


OBJECTIVE = BatchLoss(half_squared_error)


def problem(key, n=40):
    network = mlp((3, 4, 2), dtype="float64", key=key)
    x = jax.random.normal(jax.random.key(1), (n, 3), "float64")
    return network, Batch(x, jnp.ones((n, 2)))


def test_a_batch_of_all_samples_has_no_noise(key):
    network, data = problem(key)
    found = gradient_noise(
        network, data, objective=OBJECTIVE, batch_size=40, n_batches=2, key=key
    )
    # The same sum in another order.
    assert max(np.abs(noise).max() for noise in found.values()) < 1e-14


def test_the_variance_is_that_of_sampling_without_replacement(key):
    network, data = problem(key)
    n, size, repeats = 40, 10, 400
    found = gradient_noise(
        network, data, objective=OBJECTIVE, batch_size=size, n_batches=repeats, key=key
    )["readout"].reshape(repeats, -1)

    def single(x, y):
        return jax.grad(OBJECTIVE)(network, Batch(x[None], y[None])).readout

    each = np.asarray(jax.vmap(single)(*data)).reshape(n, -1)
    expected = each.var(axis=0, ddof=1) * (1 - size / n) / size
    # Relative error of a variance of 400 repeats is 7 %.
    np.testing.assert_allclose(found.var(axis=0), expected, rtol=0.4)
    assert abs(found.mean()) < 5 * np.sqrt(expected.max() / repeats)


def test_batches_larger_than_the_data_are_refused(key):
    network, data = problem(key)
    with pytest.raises(
        ConfigError, match=r"`batch_size` must lie in \[1, 40\], got 41"
    ):
        gradient_noise(network, data, objective=OBJECTIVE, batch_size=41, key=key)
