"""Planted streams: what is drawn, and on what it depends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overparam.data import PlantedStream, teacher
from overparam.errors import ConfigError


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=3)
# A standard error is exceeded 4 times once in 16 000 draws.
STANDARD_ERRORS = 4


def _stream(key, *, input_dim=7, width=5, n_outputs=3, dtype="float64", **options):
    planted = teacher(input_dim, width, n_outputs, dtype=dtype, key=key)
    return PlantedStream(planted, **options)


@pytest.mark.parametrize(("batch_size", "n_steps"), [(10, 50), (100, 20)])
def test_draws_serve_the_published_number_of_steps(key, batch_size, n_steps):
    assert _stream(key).steps_per_draw(batch_size) == n_steps


@given(batch_size=st.integers(1, 5000))
def test_a_draw_holds_500_to_2000_samples_or_one_batch(batch_size):
    n_steps = _stream(jax.random.key(0)).steps_per_draw(batch_size)
    assert n_steps == 1 or (n_steps + 1) * batch_size > 500
    assert n_steps == 1 or n_steps * batch_size <= 2000


@FEW
@given(seed=SEEDS, step=st.integers(0, 10**6))
def test_samples_depend_on_key_and_step_alone(seed, step):
    key = jax.random.key(seed)
    narrow = _stream(key, width=2)
    wide = _stream(key, width=11)
    first = narrow.draw(key, jnp.asarray(step), 3, 4)
    compiled = jax.jit(lambda s: wide.draw(key, s, 3, 4))(jnp.asarray(step))
    np.testing.assert_array_equal(first.x, compiled.x)
    other = narrow.draw(key, jnp.asarray(step + 3), 3, 4)
    assert not np.any(np.asarray(first.x) == np.asarray(other.x))


@FEW
@given(seed=SEEDS, n_steps=st.integers(1, 5), batch_size=st.integers(1, 6))
def test_labels_are_those_of_the_teacher(seed, n_steps, batch_size):
    key = jax.random.key(seed)
    stream = _stream(key)
    x, y = stream.batch(stream.draw(key, jnp.asarray(0), n_steps, batch_size))
    assert x.shape == (n_steps, batch_size, 7)
    hidden = np.maximum(np.asarray(x) @ np.asarray(stream.teacher.weights), 0)
    np.testing.assert_allclose(y, hidden @ stream.teacher.readout, atol=1e-13)


def test_noise_has_its_standard_deviation_and_leaves_the_inputs_alone(key):
    planted = teacher(7, 5, 3, dtype="float64", key=key)
    clean = PlantedStream(planted).draw(key, jnp.asarray(0), 100, 100)
    noisy = PlantedStream(planted, noise=0.3).draw(key, jnp.asarray(0), 100, 100)
    np.testing.assert_array_equal(clean.x, noisy.x)
    noise = np.asarray(noisy.y - clean.y).ravel()
    # The variance of a sample variance of n normal numbers is 2 sigma^4 / n.
    error = 0.09 * np.sqrt(2 / noise.size)
    assert abs(noise.var() - 0.09) < STANDARD_ERRORS * error
    inputs = np.asarray(clean.x)[:, :, 0].ravel()
    correlation = np.corrcoef(inputs, noise.reshape(-1, 3)[:, 0])[0, 1]
    assert abs(correlation) < STANDARD_ERRORS / np.sqrt(inputs.size)


def test_noise_is_a_leaf_that_changes_without_a_new_compilation(key):
    stream = _stream(key, noise=0.1)
    assert any(leaf.shape == () for leaf in jax.tree.leaves(stream))


@FEW
@given(seed=SEEDS)
def test_mixed_inputs_have_their_covariance(seed):
    key = jax.random.key(seed)
    mixing = jax.random.normal(jax.random.fold_in(key, 1), (4, 4), jnp.float64)
    stream = _stream(key, input_dim=4, mixing=mixing)
    x = np.asarray(stream.draw(key, jnp.asarray(0), 200, 100).x).reshape(-1, 4)
    products = x[:, :, None] * x[:, None, :]
    errors = products.std(axis=0) / np.sqrt(len(x))
    expected = np.asarray(mixing.T @ mixing)
    # Ten distinct entries: five standard errors keep a false alarm below 1e-5.
    assert np.all(np.abs(products.mean(axis=0) - expected) < 5 * errors)


def test_entries_of_a_teacher_have_the_stated_variances(key):
    planted = teacher(150, 60, 10, dtype="float64", key=key)
    for entries, variance in ((planted.weights, 1 / 150), (planted.readout, 1 / 60)):
        sample = np.asarray(entries).ravel()
        error = variance * np.sqrt(2 / sample.size)
        assert abs((sample**2).mean() - variance) < STANDARD_ERRORS * error


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_have_the_dtype_of_the_teacher(key, dtype):
    batch = _stream(key, dtype=dtype, noise=0.1).draw(key, jnp.asarray(0), 2, 3)
    assert batch.x.dtype == batch.y.dtype == dtype


def test_float64_samples_are_the_float32_ones(key):
    low = _stream(key, dtype="float32").draw(key, jnp.asarray(5), 2, 3)
    high = _stream(key, dtype="float64").draw(key, jnp.asarray(5), 2, 3)
    np.testing.assert_array_equal(low.x.astype("float64"), high.x)


def test_mixing_of_the_wrong_shape_is_refused(key):
    with pytest.raises(ConfigError, match=r"`mixing` must have shape \(7, 7\), got"):
        _stream(key, mixing=jnp.eye(6))
