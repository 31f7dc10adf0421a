"""A rule that is interrupted changes the network on time and nowhere else."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest
from numpy.testing import assert_array_equal

from overparam.data import Batch
from overparam.dynamics import Descent, Periodic
from overparam.errors import Interrupted
from overparam.training import Checkpointer, Watch, train, train_together

from .problems import PLAN, training


class Halved(eqx.Module):
    """A change that is easy to see, and exact in floating point."""

    def __call__(self, network):
        return jax.tree.map(lambda w: w / 2, network)


def still():
    return Descent("half-squared-error", optax.sgd, learning_rate=0.0)


def moving():
    return Descent("half-squared-error", optax.adam, learning_rate=0.01)


def test_the_network_changes_after_every_third_step_alone():
    rule = Periodic(still(), Halved(), 3)
    start = training().network
    state = rule.init(start, key=jax.random.key(0))
    step = eqx.filter_jit(rule.step)
    batch = Batch(jnp.ones((5, 6)), jnp.ones((5, 2)))
    for done in range(1, 8):
        state, _ = step(state, batch, key=jax.random.key(0))
        expected = start.weights / 2 ** (done // 3)  # pyright: ignore
        assert_array_equal(state.network.weights, expected)  # pyright: ignore


def test_between_changes_it_is_the_rule_itself():
    given = training(dynamics=moving())
    never = dataclasses.replace(given, dynamics=Periodic(moving(), Halved(), 61))
    plain, wrapped = train(given, PLAN), train(never, PLAN)
    assert_array_equal(wrapped.network.weights, plain.network.weights)
    assert_array_equal(wrapped.columns()["loss"], plain.columns()["loss"])


@pytest.mark.parametrize("every", [7, 20])
def test_an_interrupted_run_goes_on_bit_for_bit_with_its_changes(tmp_path, every):
    given = training(dynamics=Periodic(moving(), Halved(), every))
    whole = train(given, PLAN)
    asked = iter([143])
    watch = Watch(
        checkpoint=Checkpointer(tmp_path / "c", every_seconds=1e9),
        stop_requested=lambda: next(asked),
    )
    with pytest.raises(Interrupted, match="after 20 of 60 steps"):
        train(given, PLAN, watch=watch)
    resumed = train(given, PLAN, watch=Watch(checkpoint=Checkpointer(tmp_path / "c")))
    assert_array_equal(resumed.network.weights, whole.network.weights)
    assert_array_equal(resumed.columns()["loss"], whole.columns()["loss"])


def test_runs_trained_together_are_changed_like_each_alone():
    runs = [
        training(dynamics=Periodic(moving(), Halved(), 7), seed=seed) for seed in (2, 3)
    ]
    for together, given in zip(train_together(runs, PLAN), runs, strict=True):
        alone = train(given, PLAN).network
        assert_array_equal(together.network.weights, alone.weights)  # pyright: ignore
