"""Full batches without copies."""

import jax.numpy as jnp
import pytest

from overparam.data import Batch
from overparam.data.whole import Whole


@pytest.mark.parametrize("n_steps", [1, 5])
def test_every_step_sees_the_same_arrays(key, n_steps):
    batch = Batch(jnp.ones((3, 2)), jnp.zeros(3))
    source = Whole(batch)
    drawn = source.draw(key, jnp.int32(0), n_steps, 3)
    assert drawn.shape[0] == n_steps
    assert source.batch(drawn[0]) is batch
