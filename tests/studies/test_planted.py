"""The study `planted` through the command line and the API."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import overparam as op
from overparam import Context
from overparam.analysis import conserved
from overparam.cli.main import run_command
from overparam.data import decaying_covariance
from overparam.errors import ConfigError, Interrupted
from overparam.limits import population
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.running import Run
from overparam.running.execute import execute
from overparam.store import find_runs, read_run
from overparam.studies.contract import as_subject
from overparam.studies.planted.config import Planted
from overparam.studies.planted.problem import Problem
from overparam.studies.planted.run import describe, run, run_together
from overparam.training import Plan, train


SMALL = {
    "input_dim": 12,
    "teacher_width": 3,
    "width": 6,
    "n_outputs": 2,
    "samples_per_epoch": 500,
    "epochs": 4,
}


def outcome(**fields):
    return run(Planted(**(SMALL | fields)), Context())


@pytest.mark.parametrize(
    "name", [name for name in REPRODUCTIONS if name.startswith("planted")]
)
def test_every_reproduction_runs_at_smoke_scale(name, tmp_path, capsys):
    runs = str(tmp_path)
    assert run_command(["reproduce", name, "--scale", "smoke", "--runs", runs]) == 0
    assert "not decided at this scale" in capsys.readouterr().out
    folder = tmp_path / "reproductions" / name / "smoke"
    suffixes = {path.suffix for path in folder.iterdir()}
    assert suffixes == {".png", ".svg", ".csv", ".json"}


def test_a_stored_run_holds_what_the_study_promises(tmp_path, capsys):
    stored = read_run(execute("planted", Planted(**SMALL), tmp_path).path)
    wanted = {"epoch", "loss", "risk", "learning_rate", "weights_norm", "readout_norm"}
    wanted |= {"path_norm", "balance_drift", "lost_neurons", "seconds"}
    assert wanted <= set(stored.metrics.columns)
    assert stored.metrics.height == 4
    assert stored.config["input_dim"] == 12
    assert stored.network is not None
    assert run_command(["analyse", str(stored.path), "balance", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["summary"]
    assert found["penalty after balancing"] <= found["penalty"] * (1 + 1e-6)
    assert run_command(["analyse", str(stored.path), "neurons", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["summary"]
    assert found["lost teacher neurons"] == stored.summary["lost_neurons"]


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_the_surface_around_a_stored_student_is_that_of_its_risk(
    decay, tmp_path, capsys
):
    config = Planted(**SMALL, input_decay=decay)
    stored = read_run(execute("planted", config, tmp_path).path)
    arguments = ["analyse", str(stored.path), "hessian", "--count", "2"]
    assert run_command([*arguments, "--runs", str(tmp_path), "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["tables"]["stages"]
    assert [row["student"] for row in stages] == [
        "stored",
        "settled",
        "split",
        "beyond",
    ]
    risks = [row["risk"] for row in stages]
    assert risks[0] == pytest.approx(stored.summary["risk"], rel=1e-9)
    # A split changes nothing but rounding; a descent ends where the gradient is 1e-9.
    assert risks[1] < risks[0]
    assert risks[2] == pytest.approx(risks[1], abs=1e-14)
    assert risks[3] <= risks[2] + 1e-12
    assert run_command([*arguments, "--neuron", "6"]) == 2
    assert "`neuron` must lie in [0, 5], got 6." in capsys.readouterr().err


def test_a_merged_student_needs_no_more_neurons_than_it_has(tmp_path, capsys):
    stored = read_run(execute("planted", Planted(**SMALL), tmp_path).path)
    arguments = ["analyse", str(stored.path), "surplus", "--runs", str(tmp_path)]
    assert run_command([*arguments, "--merge", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"]["needed"] <= found["summary"]["after merging"] == 6
    rows = found["tables"]["surplus"]
    assert rows[0]["risk"] == pytest.approx(stored.summary["risk"], rel=1e-9)
    assert rows[-1]["risk"] == pytest.approx(stored.summary["plateau_zero"], rel=1e-9)


def test_kept_students_are_certified_along_a_run(tmp_path):
    config = Planted(**SMALL, keep="every 3", penalty=1e-3)
    stored = read_run(execute("planted", config, tmp_path).path)
    options = {"n_samples": 30, "seconds": 1e-3, "store": False, "progress": False}
    found = op.analyse(Run(stored), "certificate", **options)
    along = found.tables["along"].to_dicts()
    assert [row["epoch"] for row in along] == [0, 3, 4]
    with jax.enable_x64(False):  # As the run was.
        subject = as_subject(stored)
        kept = [subject.kept(step) for step in stored.kept_steps[:2]]
        networks, (x, y) = [*kept, subject.network], subject.samples(30)
    lower = found.tables["certificate"]["optimum at least"][0]
    for row, network in zip(along, networks, strict=True):
        # Of the sum over samples; a balanced neuron pays the product of its norms.
        hidden = np.maximum(np.asarray(x, float) @ np.asarray(network.weights), 0)
        outputs = network.scale * hidden @ np.asarray(network.readout)
        fit = 0.5 * np.sum((outputs - np.asarray(y)) ** 2)
        sizes = np.linalg.norm(network.weights, axis=0)
        paid = 30 * 1e-3 * sizes @ np.linalg.norm(network.readout, axis=1)
        assert row["objective"] == pytest.approx(float(fit + paid), rel=1e-5)
        gap = (row["objective"] - lower) / lower
        assert row["relative gap"] == pytest.approx(gap, rel=1e-9)


def test_kept_students_show_the_neurons_along_a_run(tmp_path, capsys):
    config = Planted(**SMALL, keep="every 3")
    stored = read_run(execute("planted", config, tmp_path).path)
    arguments = ["analyse", str(stored.path), "neurons", "--runs", str(tmp_path)]
    assert run_command([*arguments, "--epochs", "0", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["tables"]
    assert [row["epoch"] for row in found["along"]] == [0, 3, 4]
    recorded = stored.metrics["lost_neurons"].to_list()
    lost = [row["lost_neurons"] for row in found["along"]]
    assert lost[1:] == [recorded[2], recorded[3]]
    (figures,) = (tmp_path / "analyses" / "neurons").iterdir()
    assert {p.name for p in figures.glob("*.png")} == {"neurons.png", "along.png"}


def test_kept_students_survive_an_interruption(tmp_path):
    config = Planted(**SMALL, keep="every 1")
    whole = run(config, Context())
    asked = iter([None, 143])
    with pytest.raises(Interrupted):
        run(config, Context(checkpoints=tmp_path, stop_requested=lambda: next(asked)))
    resumed = run(config, Context(checkpoints=tmp_path))
    assert list(whole.kept) == list(resumed.kept) == [0, 50, 100, 150, 200]
    assert eqx.tree_equal(whole.kept, resumed.kept)
    assert eqx.tree_equal(whole.kept[0], Problem.of(config).student)
    assert eqx.tree_equal(whole.kept[200], whole.network)


def test_runs_trained_together_keep_their_own_students(tmp_path):
    configs = [
        Planted(**SMALL, keep="every 2", learning_rate=rate) for rate in (0.1, 0.2)
    ]
    together = run_together(configs, Context(checkpoints=tmp_path))
    for config, found in zip(configs, together, strict=True):
        alone = run(config, Context()).kept
        assert list(found.kept) == list(alone)
        for step, student in alone.items():
            assert_allclose(
                found.kept[step].weights, student.weights, rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("keep", ["every 2", "0,2,4", "3"])
def test_students_are_kept_at_the_epochs_asked_for(keep):
    config = Planted(**SMALL, keep=keep)
    assert config.keep_steps == {0, 100, 200}
    assert config.keep_steps == Planted(**SMALL, snapshot_every=2).keep_steps


def test_balance_along_a_run_is_that_of_its_records(tmp_path, capsys):
    given = {"penalty": 0.01, "epochs": 2}
    paths = [
        execute("planted", Planted(**(SMALL | given), **more), tmp_path).path
        for more in ({}, {"balance_every": 1})
    ]
    arguments = ["analyse", *map(str, paths), "balance", "--runs", str(tmp_path)]
    assert run_command([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    plain, balanced = (
        [row for row in found["tables"]["along"] if row["run"] == path.name]
        for path in paths
    )
    # A balanced student pays the least; both sides are rounded to float32.
    assert all(row["excess"] < 1e-5 for row in balanced)
    assert all(row["excess"] > 1e-3 for row in plain)
    last = found["summary"][f"{paths[0].name}: penalty"]
    assert plain[-1]["penalty"] == pytest.approx(last, rel=1e-5)


def test_same_seed_twice_gives_identical_metrics():
    one, other = outcome(), outcome()
    for name in set(one.metrics) - {"seconds"}:
        assert_array_equal(one.metrics[name], other.metrics[name])


def test_students_of_different_width_see_the_same_samples_and_teacher():
    narrow, wide = (
        Problem.of(Planted(**(SMALL | {"width": width}))) for width in (3, 9)
    )
    assert_array_equal(narrow.teacher.weights, wide.teacher.weights)
    batches = [
        problem.training().source.draw(problem.training().data_key, jnp.int32(7), 3, 10)
        for problem in (narrow, wide)
    ]
    assert_array_equal(batches[0].x, batches[1].x)
    assert_array_equal(batches[0].y, batches[1].y)


def test_the_teacher_seed_fixes_the_teacher_alone():
    one, other = (
        Problem.of(Planted(**SMALL, seed=seed, teacher_seed=5)) for seed in (1, 2)
    )
    assert_array_equal(one.teacher.weights, other.teacher.weights)
    assert not np.allclose(one.student.weights, other.student.weights)


def test_the_step_is_halved_on_time():
    rates = outcome(epochs=5, halve_every=2).metrics["learning_rate"]
    assert_allclose(rates, [0.1, 0.1, 0.05, 0.05, 0.025])
    assert_allclose(outcome(epochs=3, halve_every=None).metrics["learning_rate"], 0.1)


def test_the_recorded_risk_is_that_of_the_stored_network():
    config = Planted(**SMALL)
    found = run(config, Context())
    teacher = Problem.of(config).teacher
    assert found.network is not None
    risk = population.risk(found.network, teacher)  # pyright: ignore
    assert found.metrics["risk"][-1] == risk


def test_a_zero_student_stays_at_the_first_plateau():
    found = outcome(init_scale=0.0)
    assert found.status == "finished"
    assert_allclose(found.metrics["risk"], found.summary["plateau_zero"])
    assert "saddle" in found.notes[0]


def test_a_step_that_is_too_large_diverges_with_a_note():
    found = outcome(learning_rate=10.0)
    assert found.status == "diverged"
    assert "diverged in epoch" in found.notes[-1]


def test_a_student_narrower_than_its_teacher_is_warned_about():
    assert "zero risk is out of reach" in outcome(width=2).notes[0]


def test_stopping_below_a_level_converges():
    found = outcome(stop_below=1e9)
    assert (found.status, len(found.metrics["loss"])) == ("converged", 1)


def test_label_noise_raises_the_risk_by_half_its_power():
    noisy, clean = (outcome(label_noise=noise, epochs=1) for noise in (0.5, 0.0))
    levels = [found.summary["plateau_zero"] for found in (noisy, clean)]
    assert_allclose(levels[0] - levels[1], 2 * 0.5**2 / 2, rtol=1e-6)


@pytest.mark.parametrize("part", ["readout", "features"])
def test_only_the_trained_part_moves(part):
    config = Planted(**SMALL, train=part)
    student, trained = Problem.of(config).student, run(config, Context()).network
    frozen = {"readout": "weights", "features": "readout"}[part]
    assert_array_equal(getattr(trained, frozen), getattr(student, frozen))


def test_inputs_that_are_not_isotropic_are_drawn_and_measured():
    """Inputs scaled by s are isotropic ones for networks whose weights s scales."""
    config = Planted(**SMALL, input_decay=1.5, precision="float64")
    problem, found = Problem.of(config), run(config, Context())
    covariance = decaying_covariance(config.input_dim, 1.5)
    assert covariance is not None
    spectrum = np.diag(covariance)
    assert_allclose(spectrum / spectrum[0], np.arange(1, 13) ** -1.5)
    assert spectrum.mean() == pytest.approx(1)
    student, planted = (
        dataclasses.replace(n, weights=np.sqrt(spectrum)[:, None] * n.weights)
        for n in (found.network, problem.teacher)
    )
    assert_allclose(found.metrics["risk"][-1], population.risk(student, planted))
    zero = population.plateau_levels(planted).zero
    assert_allclose(found.summary["plateau_zero"], zero)
    x = np.asarray(problem.stream().draw(jax.random.key(1), jnp.int32(0), 100, 500).x)
    variances = (x.reshape(-1, 12) ** 2).mean(axis=0)
    # A mean of 50,000 squares has standard error sqrt(2 / 50,000) of its value.
    assert_allclose(variances, spectrum, rtol=5 * np.sqrt(2 / 50_000))


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_flow_decreases_the_exact_risk_at_every_epoch(decay):
    fields = {"precision": "float64", "learning_rate": 0.05, "input_decay": decay}
    found = outcome(dynamics="flow", **fields)
    assert (np.diff(found.metrics["risk"]) < 0).all()


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_flow_follows_the_closed_form_gradient(decay):
    fields = {"precision": "float64", "halve_every": None, "input_decay": decay}
    config = Planted(**SMALL, dynamics="flow", **fields)
    problem = Problem.of(config)
    one = Plan(n_steps=1, batch_size=1, record_every=1)
    moved = train(problem.training(), one).network
    gradient = population.risk_gradient(
        problem.student, problem.teacher, covariance=problem.covariance
    )
    expected = problem.student.weights - 0.1 * gradient.weights
    assert_allclose(moved.weights, expected, rtol=1e-10)  # pyright: ignore


def test_a_student_is_balanced_after_the_asked_epochs():
    plain, balanced = outcome(epochs=2), outcome(epochs=2, balance_every=2)
    # The change comes after the last step and keeps the function, to rounding.
    assert_allclose(balanced.metrics["loss"], plain.metrics["loss"], rtol=1e-6)
    assert_allclose(balanced.metrics["risk"], plain.metrics["risk"], rtol=1e-4)
    assert_allclose(conserved(balanced.network), 0, atol=1e-5)  # pyright: ignore
    assert np.abs(conserved(plain.network)).max() > 1e-2  # pyright: ignore


def test_a_balanced_run_goes_on_bit_for_bit(tmp_path):
    config = Planted(**SMALL, balance_every=1, optimiser="adam", learning_rate=0.01)
    whole = run(config, Context())
    asked = iter([None, 143])
    cut = Context(checkpoints=tmp_path, stop_requested=lambda: next(asked))
    with pytest.raises(Interrupted, match="after 100 of 200 steps"):
        run(config, cut)
    resumed = run(config, Context(checkpoints=tmp_path))
    assert_array_equal(resumed.metrics["loss"], whole.metrics["loss"])
    assert_array_equal(resumed.network.weights, whole.network.weights)  # pyright: ignore


def test_only_homogeneous_students_can_be_balanced_in_training(tmp_path, capsys):
    command = ["run", "planted", "--activation", "tanh", "--runs", str(tmp_path)]
    assert run_command([*command, "--balance-every", "1"]) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "`balance` needs a positively homogeneous activation (relu, leaky-relu), "
            "got tanh."
        )
    )
    with pytest.raises(ConfigError, match="needs `train` all, got readout"):
        Planted(**SMALL, balance_every=1, train="readout")


@pytest.mark.parametrize("activation", ["leaky-relu", "erf", "tanh"])
def test_every_activation_learns_and_records_its_exact_risk(activation):
    config = Planted(**SMALL, activation=activation)
    found, teacher = run(config, Context()), Problem.of(config).teacher
    assert teacher.activation == found.network.activation == activation  # pyright: ignore
    risks = found.metrics["risk"]
    assert risks[-1] < risks[0] < found.summary["plateau_zero"]
    x = jax.random.normal(jax.random.key(0), (100_000, 12), "float32")
    losses = jnp.sum((found.network(x) - teacher(x)) ** 2, axis=1) / 2  # pyright: ignore
    # Four standard errors.
    error = float(losses.std()) / np.sqrt(len(x))
    assert risks[-1] == pytest.approx(float(losses.mean()), abs=4 * error)


def test_path_norm_and_l2_penalties_cost_a_balanced_student_the_same():
    forms = [
        outcome(penalty=0.1, penalty_form=form, balance_every=1, learning_rate=1e-6)
        for form in ("l2", "path-norm")
    ]
    costs = [found.metrics["penalty"] for found in forms]
    assert_allclose(costs[0][1:], costs[1][1:], rtol=1e-3)
    assert costs[0][0] > 1.01 * costs[1][0]  # Before the first balance.


@pytest.mark.parametrize("fields", [{"optimiser": "adam"}, {"momentum": 0.9}])
def test_other_optimisers_descend_too(fields):
    found = outcome(learning_rate=0.01, **fields)
    assert found.metrics["risk"][-1] < found.summary["plateau_affine"]
    plain = outcome(learning_rate=0.01)
    assert abs(found.metrics["risk"][-1] - plain.metrics["risk"][-1]) > 1e-3


def test_momentum_is_a_setting_of_sgd_in_the_unit_interval():
    with pytest.raises(ConfigError, match="got optimiser adam"):
        Planted(momentum=0.5, optimiser="adam")
    with pytest.raises(ConfigError, match=r"`momentum` must lie in \[0, 1\), got 1"):
        Planted(momentum=1.0)


def test_description_agrees_with_the_samples():
    facts = describe(Planted(**SMALL))
    scores = [value[1] for value in facts.values() if isinstance(value, tuple)]
    # Ten standard normal scores: beyond 5 with probability below 1e-5.
    assert len(scores) == 10
    assert np.abs(scores).max() < 5


def test_a_run_that_is_terminated_goes_on_from_its_checkpoint(tmp_path):
    """SIGTERM ends with 143 and a checkpoint; the same command gives the same bits."""
    options = {**SMALL, "epochs": 400, "stop_below": 0.0, "samples_per_epoch": 2000}
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
    command = [sys.executable, "-m", "overparam", "run", "planted", *flags]
    environment = os.environ | {"OVERPARAM_RUNS": str(tmp_path / "cut")}
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    process.stderr.readline()  # Ten per cent are done.
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 143, error
    assert "goes on from there" in error
    (folder,) = find_runs(tmp_path / "cut")
    assert list((folder / "checkpoints").iterdir())
    subprocess.run(command, env=environment, check=True, capture_output=True)
    whole = environment | {"OVERPARAM_RUNS": str(tmp_path / "whole")}
    subprocess.run(command, env=whole, check=True, capture_output=True)
    stored = [read_run(find_runs(tmp_path / name)[0]) for name in ("cut", "whole")]
    weights = [run.network[0]["weights"] for run in stored]  # pyright: ignore
    assert_array_equal(weights[0], weights[1])
    losses = [run.metrics["loss"].to_list() for run in stored]
    assert losses[0] == losses[1]


def test_two_processes_never_write_one_run(tmp_path):
    """A second process that wants a run under way is told so and leaves it alone."""
    options = {**SMALL, "epochs": 2000, "stop_below": 0.0, "samples_per_epoch": 2000}
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in options.items()]
    command = [sys.executable, "-m", "overparam", "run", "planted", *flags]
    environment = os.environ | {"OVERPARAM_RUNS": str(tmp_path)}
    first = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        while not list(Path(tmp_path).glob("planted/*/config.json")):
            time.sleep(0.05)
        second = subprocess.run(
            command, env=environment, capture_output=True, text=True
        )
        assert second.returncode == 1
        assert second.stderr.startswith("overparam: ")
    finally:
        first.kill()
        first.wait()


@pytest.mark.slow
def test_the_learning_rate_test_lies_in_the_published_bands(tmp_path):
    """The four rates at D = 150, four seeds (the bands hold for each seed)."""
    bands = {
        1e-1: (2e-5, 9e-5),
        1e-2: (0.012, 0.045),
        1e-3: (0.35, 0.55),
        1e-4: (1.2, 1.9),
    }
    for rate, (low, high) in bands.items():
        for seed in range(2):
            config = Planted(learning_rate=rate, seed=seed, epochs=20)
            losses = run(config, Context()).metrics["loss"]
            assert low <= losses[19] <= high
            if rate == 1e-1:
                assert 0.48 <= losses[0] <= 0.70


def test_periods_beyond_the_last_step_never_come():
    found = [outcome(epochs=2, halve_every=n, seed=0) for n in (5, 10**12)]
    assert found[0].summary["risk"] == found[1].summary["risk"]
    never = outcome(epochs=2, balance_every=10**12)
    assert never.summary["risk"] == outcome(epochs=2).summary["risk"]
