"""The loop: what it computes, what it records, when it stops."""

import os
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from overparam import memory
from overparam.dynamics import Descent
from overparam.errors import ConfigError, Interrupted, StoreError
from overparam.training import (
    Checkpointer,
    Plan,
    Training,
    Watch,
    below,
    draws,
    loop,
    train,
    train_together,
)
from overparam.training.chunk import step_work
from overparam.training.draws import largest_divisor
from overparam.training.loop import _member

from ..dynamics.problems import PLAN, stream, table, training


def by_hand(given: Training, plan: Plan, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """The same SGD in NumPy float64, gradients written out, samples from the source."""
    key = given.data_key
    assert key is not None
    weights = np.array(given.network.weights)  # pyright: ignore
    readout = np.array(given.network.readout)
    block = largest_divisor(
        plan.record_every, at_most=given.source.steps_per_draw(plan.batch_size)
    )
    for first in range(0, plan.n_steps, block):
        drawn = given.source.draw(key, jnp.int32(first), block, plan.batch_size)
        for step in range(block):
            batch = given.source.batch(jax.tree.map(lambda a, i=step: a[i], drawn))
            x, y = np.array(batch.x), np.array(batch.y)
            hidden = np.maximum(x @ weights, 0)
            error = (hidden @ readout - y) / len(x)
            back = (error @ readout.T) * (hidden > 0)
            weights, readout = (
                weights - rate * x.T @ back,
                readout - rate * hidden.T @ error,
            )
    return weights, readout


# A stream draws in float32, and two programs may round a draw differently.
ULP = 1e-6


@pytest.mark.parametrize(
    ("source", "tolerance"),
    [(stream(), ULP), (table(), 1e-10)],
    ids=["stream", "table"],
)
def test_training_is_sgd_written_out_in_numpy(source, tolerance):
    given = training(source=source, data_key=jax.random.key(9))
    network = train(given, PLAN).network
    weights, readout = by_hand(given, PLAN, 0.05)
    # Otherwise there are sixty steps of float64 rounding.
    assert_allclose(network.weights, weights, rtol=tolerance, atol=1e-2 * tolerance)
    assert_allclose(network.readout, readout, rtol=tolerance, atol=1e-2 * tolerance)


def test_how_often_one_records_does_not_change_the_samples_of_an_epoch_table():
    # A table draws whole epochs: 23 // 5 = 4 steps, whatever the records.
    often = Plan(n_steps=40, batch_size=5, record_every=4)
    rarely = Plan(n_steps=40, batch_size=5, record_every=20)
    networks = [
        train(training(source=table()), plan).network for plan in (often, rarely)
    ]
    assert_allclose(networks[0].weights, networks[1].weights, rtol=1e-12)


def test_same_seed_gives_the_same_bits():
    one, other = (train(training(), PLAN) for _ in range(2))
    assert_array_equal(one.network.weights, other.network.weights)
    assert [r["loss"] for r in one.records] == [r["loss"] for r in other.records]


def test_a_step_is_traced_once_for_intervals_of_every_length():
    traced = []

    def rate(step):
        traced.append(step)
        return 0.01 + 0.0 * step

    dynamics = Descent("half-squared-error", optax.sgd, learning_rate=rate)
    plan = Plan(n_steps=11, batch_size=5, record_every=4)  # 4, 4 and 3.
    train(training(dynamics=dynamics), plan)
    assert len(traced) == 1


def test_drawing_ahead_changes_nothing(monkeypatch):
    monkeypatch.setenv("NPROC", "2")
    ahead = train(training(), PLAN)
    monkeypatch.setenv("NPROC", "1")
    monkeypatch.setattr(draws, "ThreadPoolExecutor", None)  # No thread is started.
    inline = train(training(), PLAN)
    assert_array_equal(inline.network.weights, ahead.network.weights)


def test_a_run_alone_equals_the_same_run_in_a_group_and_beside_other_widths():
    key = jax.random.key(9)
    source = stream()
    given = [
        training(width=width, rate=rate, seed=seed, source=source, data_key=key)
        for width, rate, seed in [(7, 0.05, 2), (7, 0.1, 3), (4, 0.05, 4)]
    ]
    together = train_together(given, PLAN)
    for alone, run in zip(given, together, strict=True):
        assert_allclose(train(alone, PLAN).network.weights, run.network.weights, ULP)


def test_runs_with_their_own_samples_can_train_together():
    given = [training(seed=seed, source=stream(seed)) for seed in (2, 3)]
    together = train_together(given, PLAN)
    for alone, run in zip(given, together, strict=True):
        assert_allclose(train(alone, PLAN).network.weights, run.network.weights, ULP)


def test_each_run_of_a_group_stops_by_its_own_rule():
    key, source = jax.random.key(9), stream()
    slow = training(source=source, data_key=key, until=below("loss", 0.0))
    fast = training(source=source, data_key=key, until=below("loss", 1e9))
    finished, converged = train_together([slow, fast], PLAN)
    assert (finished.status, len(finished.records)) == ("finished", 3)
    assert (converged.status, len(converged.records)) == ("converged", 1)
    one_chunk = Plan(n_steps=20, batch_size=5, record_every=20)
    alone = train(fast, one_chunk).network
    assert_allclose(converged.network.weights, alone.weights, ULP)


def test_a_step_that_is_too_large_is_a_status_and_keeps_the_finite_records():
    run = train(training(rate=50.0), PLAN)
    assert run.status == "diverged"
    assert not np.isfinite(run.records[-1]["loss"])
    assert np.isfinite(run.network.readout).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", ["test_loss", "risk", "fixed_loss_full"])
def test_a_measured_loss_that_is_not_finite_is_a_divergence(name, value):
    seen = []

    def observe(step, network):
        seen.append(network)
        return {name: value if len(seen) == 2 else 1.0, "tail": np.nan}

    converges = lambda records: "converged" if len(records) == 2 else None  # noqa: E731
    run, other = train_together(
        [training(observe=observe, until=converges), training(seed=1)], PLAN
    )
    assert (run.status, other.status) == ("diverged", "finished")
    assert len(run.records) == 2
    assert run.final(name) is None
    # The network is the last one whose losses were finite.
    assert_array_equal(run.network.readout, seen[0].readout)


def test_a_start_of_infinite_loss_has_diverged_before_the_first_step():
    given = training(observe=lambda step, network: {"risk": np.inf}, record_start=True)
    run = train(given, PLAN)
    assert (run.status, len(run.records)) == ("diverged", 1)
    assert_array_equal(run.network.readout, given.network.readout)


def test_a_final_value_is_the_last_finite_one_of_a_run_that_did_not_diverge():
    values = iter([3.0, 2.0, np.nan])
    run = train(
        training(observe=lambda step, network: {"distance": next(values)}), PLAN
    )
    assert run.final("distance") == 2.0
    assert run.final("absent") is None


def test_records_hold_step_mean_loss_and_measures():
    given = training(
        observe=lambda step, network: {"width": float(network.readout.shape[0])}
    )
    columns = train(given, PLAN).columns()
    assert columns["step"].tolist() == [20, 40, 60]
    assert columns["width"].tolist() == [7, 7, 7]


def test_the_recorded_loss_is_the_mean_over_the_interval():
    plan = Plan(n_steps=12, batch_size=5, record_every=4)
    fine = Plan(n_steps=12, batch_size=5, record_every=1)
    given = training(source=table(20), data_key=jax.random.key(3))
    coarse = [r["loss"] for r in train(given, plan).records]
    losses = [r["loss"] for r in train(given, fine).records]
    assert_allclose(coarse, np.mean(np.reshape(losses, (3, 4)), axis=1), rtol=1e-12)


def test_a_record_before_the_first_step_measures_the_initial_network():
    def observe(step, network):
        return {"at": step, "norm": float(jnp.linalg.norm(network.readout))}

    given = training(observe=observe, record_start=True)
    run = train(given, PLAN)
    assert run.records[0]["norm"] == observe(0, given.network)["norm"]
    assert [r["at"] for r in run.records] == [0, 20, 40, 60]
    assert np.isnan(run.columns()["loss"][0])


def test_networks_of_chosen_steps_are_kept_as_they_were_observed():
    seen = {}
    given = training(
        observe=lambda step, network: seen.update({step: network}) or {},
        keep_steps=(0, 40, 60),
    )
    run = train(given, PLAN)
    assert list(run.kept) == [0, 40, 60]
    assert_array_equal(run.kept[0].readout, given.network.readout)
    assert_array_equal(run.kept[40].readout, seen[40].readout)
    assert_array_equal(run.kept[60].readout, run.network.readout)


def test_what_is_kept_may_be_the_network_in_another_form():
    given = training(
        keep_steps=[20], keep_as=lambda network: replace(network, scale=2.0)
    )
    assert train(given, PLAN).kept[20].scale == 2.0


@pytest.mark.parametrize("step", [-20, 10, 80])
def test_a_step_without_a_record_cannot_be_kept(step):
    with pytest.raises(ConfigError, match=f"step {step} cannot be kept"):
        train(training(keep_steps=[step]), PLAN)


def test_more_networks_than_the_memory_holds_are_refused_before_training(monkeypatch):
    given = training(keep_steps=[20, 40, 60])
    monkeypatch.setattr(memory, "memory", lambda: 10)
    with pytest.raises(ConfigError, match="kept networks"):
        train(given, PLAN)


def test_kept_networks_outlive_an_interruption(tmp_path):
    given = training(keep_steps=(0, 20, 40))
    whole = train(given, PLAN)
    asked = iter([None, 130])
    watch = Watch(
        checkpoint=Checkpointer(tmp_path / "c", every_seconds=1e9),
        stop_requested=lambda: next(asked, 130),
    )
    with pytest.raises(Interrupted):
        train(given, PLAN, watch=watch)
    again = Watch(checkpoint=Checkpointer(tmp_path / "c"))
    resumed = train(given, PLAN, watch=again)
    assert list(resumed.kept) == list(whole.kept)
    for step, network in whole.kept.items():
        assert_array_equal(resumed.kept[step].weights, network.weights)


def test_a_plan_that_is_no_multiple_of_the_interval_ends_at_the_last_step():
    run = train(training(), Plan(n_steps=50, batch_size=5, record_every=20))
    assert [r["step"] for r in run.records] == [20, 40, 50]


@pytest.mark.parametrize("optimiser", [optax.sgd, optax.adam])
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path, optimiser):
    dynamics = Descent("half-squared-error", optimiser, learning_rate=0.01)
    given = training(dynamics=dynamics, until=below("loss", 0.0))
    whole = train(given, PLAN)
    asked = iter([None, 143])
    watch = Watch(
        checkpoint=Checkpointer(tmp_path / "c", every_seconds=1e9),
        stop_requested=lambda: next(asked),
    )
    with pytest.raises(Interrupted, match="after 40 of 60 steps") as caught:
        train(given, PLAN, watch=watch)
    assert caught.value.exit_code == 143
    resumed = train(given, PLAN, watch=Watch(checkpoint=Checkpointer(tmp_path / "c")))
    assert_array_equal(resumed.network.weights, whole.network.weights)
    assert [r["loss"] for r in resumed.records] == [r["loss"] for r in whole.records]


def test_a_checkpoint_with_another_plan_is_refused(tmp_path):
    watch = Watch(checkpoint=Checkpointer(tmp_path / "c", every_seconds=0.0))
    train(training(), PLAN, watch=watch)
    other = Plan(n_steps=60, batch_size=6, record_every=20)
    with pytest.raises(StoreError, match="other settings"):
        train(training(), other, watch=watch)


def huge(path):
    array = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9000000000000,)}"
    header = b"\x93NUMPY\x01\x00" + len(array).to_bytes(2, "little") + array
    path.write_bytes(b"{}\n" + header)


def pickled(path):
    with path.open("wb") as file:
        file.write(b"{}\n")
        np.save(file, np.array([{}]), allow_pickle=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b'{"step": 20}\nnonsense'),
        lambda path: path.write_bytes(b"[" * 10**5 + b"\n"),
        lambda path: path.symlink_to("/dev/zero"),
        os.mkfifo,
        huge,
        pickled,
    ],
    ids=["nonsense", "deep", "a device", "a pipe", "huge", "pickled"],
)
def test_what_is_no_checkpoint_starts_the_run_from_its_beginning(
    tmp_path, caplog, write
):
    write(tmp_path / "c")
    given = training()
    whole = train(given, PLAN)
    found = train(given, PLAN, watch=Watch(checkpoint=Checkpointer(tmp_path / "c")))
    assert_array_equal(found.network.weights, whole.network.weights)
    assert "starts from its beginning" in caplog.text


def test_no_training_at_all_is_an_error():
    with pytest.raises(ConfigError, match="at least one"):
        train_together([], PLAN)


@pytest.mark.parametrize(
    ("number", "at_most", "found"), [(12, 5, 4), (7, 5, 1), (6, 9, 6)]
)
def test_largest_divisor(number, at_most, found):
    assert largest_divisor(number, at_most=at_most) == found


def test_a_run_stopped_between_two_records_goes_on_bit_for_bit(tmp_path, monkeypatch):
    # Pieces of 5 steps: steps of more work than a piece may have.
    monkeypatch.setattr(loop, "_LITTLE_WORK", 0.0)
    monkeypatch.setattr(loop, "step_work", lambda *_: loop._MOST_WORK / 5)
    whole = train(training(), PLAN)
    asked = iter([None] * 5 + [130])
    watch = Watch(
        checkpoint=Checkpointer(tmp_path / "c", every_seconds=1e9),
        stop_requested=lambda: next(asked),
    )
    with pytest.raises(Interrupted, match="after 30 of 60 steps"):
        train(training(), PLAN, watch=watch)
    longer = Plan(n_steps=80, batch_size=5, record_every=20)
    with pytest.raises(StoreError, match="other settings"):
        train(training(), longer, watch=watch)
    resumed = train(
        training(), PLAN, watch=Watch(checkpoint=Checkpointer(tmp_path / "c"))
    )
    assert_array_equal(resumed.network.weights, whole.network.weights)
    assert [r["loss"] for r in resumed.records] == [r["loss"] for r in whole.records]


def test_a_divergence_after_a_stop_goes_back_to_the_last_record(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_LITTLE_WORK", 0.0)
    monkeypatch.setattr(loop, "step_work", lambda *_: loop._MOST_WORK / 5)
    seen = []

    def observe(step, network):
        seen.append(network)
        return {"risk": np.inf if len(seen) == 2 else 1.0}

    asked = iter([None] * 5 + [130])
    watch = Watch(
        checkpoint=Checkpointer(tmp_path / "c", every_seconds=1e9),
        stop_requested=lambda: next(asked),
    )
    with pytest.raises(Interrupted, match="after 30 of 60 steps"):
        train(training(observe=observe), PLAN, watch=watch)
    resumed = train(
        training(observe=observe),
        PLAN,
        watch=Watch(checkpoint=Checkpointer(tmp_path / "c")),
    )
    assert resumed.status == "diverged"
    assert_array_equal(resumed.network.weights, seen[0].weights)


def test_the_work_of_a_step_counts_its_products():
    given = training(width=64)
    member = _member(given, shares_stream=False)
    assert member.stream is not None
    x = jax.eval_shape(
        lambda: given.source.draw(jax.random.key(0), jnp.int32(0), 1, 32)
    )
    input_dim, n_outputs = (leaf.shape[-1] for leaf in jax.tree.leaves(x))
    # Forwards, and backwards to both layers and through the readout.
    products = 2 * 32 * 64 * (2 * input_dim + 3 * n_outputs)
    assert products < step_work(member, member.stream, 32) < 3 * products


def test_too_many_steps_are_refused_without_a_field_that_configs_lack():
    for n_steps in (2**31, np.int64(2**31), 2**63, 10**400):
        with pytest.raises(ConfigError, match="at most 2\\^31 - 1 steps") as error:
            Plan(n_steps=n_steps, batch_size=1, record_every=1)
        assert "`" not in str(error.value)
