"""The square loss of classes and its penalty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from overparam.dynamics import Tail
from overparam.errors import ConfigError
from overparam.networks import TwoLayer
from overparam.objectives import ClassSquares
from overparam.objectives.class_loss import readout_penalty


def test_loss_and_penalty_are_the_formulas(key):
    outputs = jax.random.normal(key, (5, 3))
    labels = jnp.array([0, 2, 1, 1, 0])
    wanted = np.mean((np.asarray(outputs) - np.eye(3)[np.asarray(labels)]) ** 2) / 0.02
    assert float(ClassSquares(0.01)(outputs, labels)) == pytest.approx(wanted)
    readout = jax.random.normal(key, (4, 3))
    network = TwoLayer(jnp.zeros((2, 4)), readout, scale=0.25)
    half_mean_square = float(jnp.mean(readout**2)) / 2
    assert float(readout_penalty(network)(network)) == pytest.approx(half_mean_square)


def test_equal_penalties_make_one_compiled_loss():
    assert hash(ClassSquares(0.01)) == hash(ClassSquares(0.01))
    with pytest.raises(ConfigError, match="got -1: the loss is divided by it"):
        ClassSquares(-1)


@pytest.mark.parametrize("cosine", [False, True])
def test_the_step_size_has_a_tail(cosine):
    schedule = Tail(2.0, 0.5, 10, cosine=cosine)
    found = [float(schedule(jnp.asarray(t))) for t in (0, 5, 9, 10, 50)]
    head = [2.0, 1.0, 1 + np.cos(0.9 * np.pi)] if cosine else [2.0, 2.0, 2.0]
    assert found == pytest.approx([*head, 1.0, 1.0])
