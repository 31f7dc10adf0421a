"""Tables: every sample once an epoch, in an order that the key alone decides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from overparam.data import Table
from overparam.errors import ConfigError


def numbers(n: int) -> Table:
    return Table(jnp.arange(n), jnp.arange(n))


@settings(max_examples=6)  # Each example compiles its own shapes.
@given(st.integers(2, 30), st.integers(1, 30), st.integers(0, 40), st.integers(1, 20))
def test_any_stretch_of_steps_equals_the_steps_one_by_one(
    n, batch_size, first, n_steps
):
    batch_size = min(n, batch_size)
    table, key = numbers(n), jax.random.key(n)
    stretch = table.draw(key, jnp.int32(first), n_steps, batch_size)
    for offset in range(n_steps):
        single = table.draw(key, jnp.int32(first + offset), 1, batch_size)
        assert_array_equal(stretch[offset], single[0])


def test_an_epoch_visits_every_sample_once_and_epochs_differ():
    table, key = numbers(12), jax.random.key(0)
    drawn = np.asarray(table.draw(key, jnp.int32(0), 8, 3)).reshape(2, 12)
    for epoch in drawn:
        assert sorted(epoch) == list(range(12))
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_last_short_batch_is_dropped():
    assert numbers(11).steps_per_epoch(3) == 3


def test_a_full_batch_is_the_table_itself():
    drawn = numbers(7).draw(jax.random.key(0), jnp.int32(3), 2, 7)
    assert_array_equal(drawn, np.tile(np.arange(7), (2, 1)))


def test_bad_sizes_are_one_sentence():
    with pytest.raises(ConfigError, match=r"`batch_size` must lie in \[1, 7\], got 8"):
        numbers(7).draw(jax.random.key(0), jnp.int32(0), 1, 8)
    with pytest.raises(ConfigError, match="equally many, got 3 and 4"):
        Table(jnp.zeros(3), jnp.zeros(4))
