"""Descent of the exact risk, split neurons and the ways out that they open."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from overparam import two_layer
from overparam.analysis import ExactRisk, smallest_curvatures
from overparam.analysis.hessian.landscape import escape, settle, split_neuron
from overparam.errors import ConfigError
from overparam.limits import risk
from overparam.networks import TwoLayer


SEEDS = st.integers(0, 2**31 - 1)
FEW = settings(max_examples=2)


@FEW
@given(seed=SEEDS, neuron=st.integers(0, 3), share=st.floats(0, 1))
def test_a_split_network_computes_the_same_function(seed, neuron, share):
    network = two_layer(3, 4, 2, dtype="float64", key=jax.random.key(seed))
    split = split_neuron(network, neuron, share=share)
    x = jnp.asarray(np.random.default_rng(seed).normal(size=(10, 3)))
    assert split.readout.shape[0] == 5
    assert_allclose(split(x), network(x), atol=1e-14)


@FEW
@given(seed=SEEDS)
def test_settling_near_the_teacher_finds_it(seed):
    rng = np.random.default_rng(seed)
    teacher = two_layer(6, 3, 2, dtype="float64", key=jax.random.key(seed))
    near = jax.tree.map(
        lambda w: w + 0.01 * jnp.asarray(rng.normal(size=w.shape)), teacher
    )
    settled = settle(near, ExactRisk(teacher))
    # The floor is the rounding of the signal power, 1e-16 times a few.
    assert settled.risk <= 1e-13 < risk(near, teacher)
    assert risk(settled.network, teacher) <= 1e-13


def test_descent_that_is_cut_short_has_lowered_the_risk():
    teacher = two_layer(6, 3, 2, dtype="float64", key=jax.random.key(0))
    student = two_layer(6, 3, 2, dtype="float64", key=jax.random.key(1))
    settled = settle(student, ExactRisk(teacher), n_steps=3)
    assert settled.n_steps == 3
    assert settled.gradient_norm > 1e-6
    assert settled.risk < risk(student, teacher)


def test_splitting_opens_the_way_out_of_a_local_minimum():
    """One neuron for two orthogonal ones settles between them; split, it finds both."""
    teacher = TwoLayer(jnp.eye(4)[:, :2], jnp.ones((2, 1)))
    start = TwoLayer(jnp.asarray([[1.0, 0.8, 0.1, 0.0]]).T, jnp.ones((1, 1)))
    settled = settle(start, ExactRisk(teacher))
    stuck = smallest_curvatures(settled.network, ExactRisk(teacher), count=2)
    assert settled.risk > 1e-2
    assert stuck.gradient_norm < 1e-6
    assert stuck.values[0] > -1e-8  # A minimum; 0 is the rescaling of its neuron.
    back = escape(settled.network, stuck.direction, ExactRisk(teacher))
    assert back.risk == pytest.approx(settled.risk)
    split = split_neuron(settled.network, 0)
    way_out = smallest_curvatures(split, ExactRisk(teacher), count=1)
    assert way_out.values[0] < -1e-3
    assert escape(split, way_out.direction, ExactRisk(teacher)).risk <= 1e-13


def test_a_neuron_that_is_not_there_cannot_be_split():
    network = two_layer(3, 4, 2, key=jax.random.key(0))
    with pytest.raises(ConfigError, match=r"`neuron` must lie in \[0, 3\], got 4."):
        split_neuron(network, 4)
