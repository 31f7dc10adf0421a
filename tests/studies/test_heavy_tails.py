"""The study heavy-tails, end to end and against its document's list of defects."""

import dataclasses
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from overparam import Context
from overparam.analysis.pruning.table import COLUMNS
from overparam.cli.main import run_command
from overparam.data import gaussian_mixture
from overparam.errors import ConfigError, Interrupted
from overparam.objectives import hinge
from overparam.studies.heavy_tails import data as heavy_data
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.data import Data, load_data
from overparam.studies.heavy_tails.problem import Problem
from overparam.studies.heavy_tails.reference import COLUMNS as REFERENCE_COLUMNS
from overparam.studies.heavy_tails.run import run


SMALL = {
    "width": 20,
    "n_train": 60,
    "n_test": 40,
    "n_steps": 12,
    "evaluate_every": 6,
    "stop_when": "never",
    "learning_rate": 0.05,
    "sigma": 0.1,
}


def config(**changes):
    return HeavyTails(**(SMALL | changes))


def outcome(**changes):
    return run(config(**changes), Context())


def weights(found):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(found.network)]


def same(first, second):
    return all(
        np.array_equal(a, b)
        for a, b in zip(weights(first), weights(second), strict=True)
    )


@pytest.fixture(scope="module")
def small():
    return outcome()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"alpha": 0}, "`alpha` must be in (0, 2], got 0; 2 is Gaussian noise."),
        ({"alpha": 2.1}, "`alpha` must be in (0, 2], got 2.1; 2 is Gaussian noise."),
        ({"alpha": float("nan")}, "`alpha` must be in (0, 2], got nan"),
        ({"alpha": 0.2}, "`alpha` below 0.3 overflows float32, got 0.2; use precision"),
        ({"sigma": -1}, "`sigma` must be finite and at least 0, got -1."),
        ({"sigma": float("inf")}, "`sigma` must be finite and at least 0, got inf."),
        (
            {"noise": "type1"},
            "`noise` must be one of none, shared, entrywise, isotropic, got 'type1'; "
            "type 1 is shared.",
        ),
        (
            {"target_train_accuracy": 95},
            "`target_train_accuracy` is a fraction between 0 and 1, got 95; write "
            "0.95.",
        ),
        ({"decay_exponent": 1}, "`decay_exponent` must be in [0, 1), got 1."),
        (
            {"depth": 1},
            "`depth` counts weight matrices and must be at least 2, got 1.",
        ),
        ({"width": 0}, "`width` must be at least 1, got 0."),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0."),
        ({"evaluate_every": 0}, "`evaluate_every` must be at least 1, got 0."),
        ({"learning_rate": 0.0}, "`learning_rate` must be a positive finite number"),
        (
            {"parametrisation": "mean-field", "depth": 3},
            "`parametrisation` mean-field needs a two-layer network, got depth 3.",
        ),
    ],
)
def test_bad_values_are_refused_in_one_sentence(changes, sentence):
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert sentence in str(caught.value)


def test_batches_larger_than_the_data_are_refused():
    with pytest.raises(ConfigError, match="at most the 60 training samples, got 61"):
        outcome(batch_size=61)


def test_more_samples_than_there_are_are_refused():
    with pytest.raises(
        ConfigError, match="at most the 1442 samples of digits, got 9999"
    ):
        outcome(dataset="digits", n_train=9999)


def test_unknown_layers_are_refused():
    with pytest.raises(ConfigError, match=r"'conv9' matches no parameter; there are"):
        outcome(noise_layers="conv9")


def test_runs_without_noise_are_one_run():
    quiet = config(noise="none", alpha=1.5, sigma=3, noise_layers="x")
    assert quiet == config(noise="none", sigma=0.02)
    assert quiet.alpha == HeavyTails.alpha


@pytest.mark.parametrize("every", [1, 5, 100])
def test_the_network_does_not_depend_on_how_often_it_is_evaluated(small, every):
    other = outcome(evaluate_every=every)
    for a, b in zip(weights(small), weights(other), strict=True):
        # The same program, cut into other chunks.
        np.testing.assert_array_equal(a, b)


def test_another_process_gives_the_same_network(small, tmp_path):
    script = (
        "import jax, numpy as np, sys\n"
        "jax.config.update('jax_enable_x64', True)\n"
        "from overparam.studies.heavy_tails.config import HeavyTails\n"
        "from overparam.studies.heavy_tails.run import run\n"
        "from overparam.studies.study import Context\n"
        f"found = run(HeavyTails(**{SMALL!r}), Context())\n"
        "np.savez(sys.argv[1], *jax.tree.leaves(found.network))\n"
    )
    path = tmp_path / "weights.npz"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    with np.load(path) as stored:
        for one, other in zip(stored.values(), weights(small), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_resumed_run_ends_with_the_same_network(small, tmp_path):
    requests = iter([143, None, None, None])
    context = Context(checkpoints=tmp_path, stop_requested=lambda: next(requests))
    with pytest.raises(Interrupted, match="after 6 of 12 steps"):
        run(config(), context)
    again = run(config(), Context(checkpoints=tmp_path))
    assert same(again, small)
    np.testing.assert_array_equal(
        again.metrics["train_loss"], small.metrics["train_loss"]
    )


def test_another_seed_and_another_noise_give_another_network(small):
    assert not same(outcome(seed=1), small)
    assert not same(outcome(alpha=1.5), small)


def test_data_and_initial_weights_do_not_depend_on_the_noise():
    one, other = (Problem.of(c) for c in (config(), config(noise="none")))
    np.testing.assert_array_equal(one.network.readout, other.network.readout)
    np.testing.assert_array_equal(one.data.train.x, other.data.train.x)


def test_a_diverged_run_keeps_its_records_and_its_last_finite_network():
    found = outcome(learning_rate=1e25, n_steps=60, evaluate_every=2)
    assert found.status == "diverged"
    assert all(np.all(np.isfinite(w)) for w in weights(found))
    assert len(found.metrics["step"]) >= 2
    assert any("diverged" in note for note in found.notes)


def test_a_target_stops_the_run_and_a_lucky_crossing_is_noted():
    found = outcome(stop_when="target", target_train_accuracy=0.2, n_steps=50)
    assert found.status == "converged"
    assert found.summary["steps"] == 6
    lucky = outcome(
        stop_when="target", target_train_accuracy=0.2, learning_rate=1.0, sigma=3.0
    )
    assert lucky.status == "converged"
    assert any("lucky crossing" in note for note in lucky.notes)


def test_a_target_may_ask_for_several_evaluations_and_for_a_loss():
    stop = {"stop_when": "target", "target_train_accuracy": 0.2, "n_steps": 50}
    assert outcome(consecutive=3, **stop).summary["steps"] == 18
    refused = outcome(max_train_loss=1e-9, **stop)
    assert refused.status == "finished"


def test_a_run_at_chance_level_is_stopped_after_its_patience():
    found = outcome(learning_rate=1e-9, sigma=0, patience=6, n_steps=60, seed=3)
    chance = found.metrics["train_accuracy"][0] <= 0.53
    assert (found.status == "stopped") == chance


def test_records_hold_the_scales_of_the_noise(small):
    s = 0.1 * 0.05 ** (1 / 1.75)
    np.testing.assert_allclose(small.metrics["noise_scale"], [0, s, s], rtol=1e-5)
    accumulated = [0, s * 5 ** (1 / 1.75), s * 11 ** (1 / 1.75)]
    np.testing.assert_allclose(
        small.metrics["accumulated_scale"], accumulated, rtol=1e-5
    )
    assert small.summary["accumulated_scale"] == pytest.approx(accumulated[2], rel=1e-5)
    assert set(small.metrics) >= {
        "layers.0.norm",
        "layers.0.largest_share",
        "layers.0.pruning_ratio",
        "layers.0.tail_block",
        "layers.0.tail_characteristic",
    }


def test_noise_after_training_is_added_to_the_clean_network():
    clean, after = outcome(noise="none"), outcome(noise_when="after")
    added = np.asarray(after.network.layers[0] - clean.network.layers[0])
    # One number per column, up to the rounding of the sum.
    np.testing.assert_allclose(
        added, np.broadcast_to(added[:1], added.shape), atol=1e-6
    )
    assert np.all(np.abs(added) > 0)
    np.testing.assert_array_equal(after.network.readout, clean.network.readout)


def test_mean_field_steps_follow_their_formula():
    changes = {"parametrisation": "mean-field", "n_steps": 1, "evaluate_every": 1}
    settings = config(precision="float64", **changes)
    problem = Problem.of(settings)
    found = run(settings, Context())
    before, (x, y) = problem.network, problem.data.train
    x, y, a = np.asarray(x), np.asarray(y), np.asarray(before.readout)
    hidden = x @ np.asarray(before.weights)
    outputs = np.maximum(hidden, 0) @ a / settings.width
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    slope = (shares - np.eye(2)[y]) @ a.T * (hidden > 0) / (settings.width * len(y))
    expected = before.weights - settings.learning_rate * settings.width * x.T @ slope
    np.testing.assert_allclose(found.network.weights, expected, atol=1e-12)
    np.testing.assert_array_equal(found.network.readout, before.readout)


def slow(changes):
    return pytest.param(changes, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": "entrywise", "momentum": 0.9, "penalty": 0.01},
        slow({"noise": "isotropic", "isotropic_scale": "reference", "loss": "hinge"}),
        {"decay_exponent": 0.3, "batch_size": 20, "activation": "sigmoid"},
        slow({"rescale_noise": False, "sigma": 1e-3, "depth": 3, "activation": "gelu"}),
        {"bias": True, "noise_layers": "biases.*, layers.0", "init": "he"},
        slow({"dataset": "digits", "activation": "tanh", "stop_when": "interpolation"}),
        {"precision": "float64", "alpha": 0.2, "sigma": 1e-9},
        slow({"noise_when": "after", "noise": "isotropic", "alpha": 2.0}),
    ],
)
def test_every_option_runs(changes):
    found = outcome(**changes)
    assert found.status == "finished"
    assert np.all(np.isfinite(found.arrays["pruning"][:, COLUMNS.index("test_loss")]))


def test_hidden_width_equal_to_the_classes_is_noised_and_the_readout_is_not():
    settings = config(dataset="digits", width=10, n_steps=1, evaluate_every=1)
    problem = Problem.of(settings)
    drawn = problem.noise.draw(
        problem.network, learning_rate=0.1, step=jnp.int32(0), key=jax.random.key(0)
    )
    assert drawn.layers[0] is not None
    assert drawn.readout is None


def test_stored_outputs_are_in_data_order_with_labels():
    found = outcome(keep_outputs=True)
    data = load_data(config())
    np.testing.assert_array_equal(found.arrays["labels.test"], data.test.y)
    outputs = found.arrays["outputs.test"]
    np.testing.assert_allclose(outputs, found.network(data.test.x), rtol=1e-6)
    hits = outputs.argmax(axis=1) == found.arrays["labels.test"]
    assert hits.mean() == pytest.approx(found.summary["test_accuracy"])


def test_hinge_is_that_of_crammer_and_singer():
    outputs = np.array([[2.0, 0.5, 1.8], [0.0, 3.0, -1.0]])
    # Margins .2 and 3 over the best other class.
    assert float(hinge(jnp.asarray(outputs), jnp.array([0, 1]))) == pytest.approx(0.4)


def test_each_file_is_read_once_per_run(monkeypatch):
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return gaussian_mixture(*args, **kwargs)

    monkeypatch.setattr(heavy_data, "gaussian_mixture", counted)
    outcome()
    assert len(calls) == 1


def test_real_data_have_their_sizes(real_data):
    real_data("ecg5000")
    found = load_data(HeavyTails(dataset="ecg5000", labels="five"))
    assert isinstance(found, Data)
    assert found.train.x.shape == (500, 140)
    assert found.n_classes == 5
    counts = np.bincount(np.asarray(found.train.y))
    assert counts.tolist() == [292, 177, 10, 19, 2]


def test_help_tells_every_field_and_stays_light():
    fields = {f.name for f in dataclasses.fields(HeavyTails)}
    script = (
        "import sys\n"
        "from overparam.studies.heavy_tails.config import HeavyTails\n"
        "HeavyTails()\n"
        "from overparam.analysis import catalogue\n"
        "sys.exit('jax' in sys.modules or 'numpy' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert {"noise", "alpha", "sigma", "stop_when"} <= fields


def command(*words, runs):
    return run_command([*words, "--runs", str(runs)])


def flags():
    return [
        word
        for name, value in SMALL.items()
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


def test_from_the_command_line_to_the_reference_table(tmp_path, capsys):
    runs = tmp_path / "runs"
    for noise in ("shared", "none"):
        code = command("run", "heavy-tails", "--noise", noise, *flags(), runs=runs)
        assert code == 0
    capsys.readouterr()
    assert command("analyse", str(runs), "prune", "--json", runs=runs) == 0
    tables = json.loads(capsys.readouterr().out)["tables"]
    assert len(tables["pruning"]) == 2 * 16
    (folder,) = (runs / "analyses" / "prune").iterdir()
    reference = pl.read_csv(folder / "reference.csv")
    assert tuple(reference.columns) == REFERENCE_COLUMNS
    assert len(REFERENCE_COLUMNS) == 20
    quiet, noisy = (
        reference.filter(pl.col("it_noise") == 0),
        reference.filter(pl.col("it_noise") == 1),
    )
    assert set(quiet["it_noise_alpha"]) == {0.0}
    assert set(noisy["it_noise_scale"]) == {0.1}
    assert set(reference["convergence_accuracy"]) == {-1.0}
    assert set(reference["iterations"]) == {12}
    assert reference["test_acc"].max() > 1
    assert reference.filter(pl.col("criterion_ratio") == 0)["pruning_ratio"].max() == 0


def test_tails_and_options_that_change_the_answer(tmp_path, capsys):
    runs = tmp_path / "runs"
    assert command("run", "heavy-tails", *flags(), runs=runs) == 0
    (run_folder,) = (runs / "heavy-tails").iterdir()
    where = str(run_folder)
    capsys.readouterr()
    for extra in ([], ["--of", "gradient-noise", "--batch-size", "20"]):
        words = ["analyse", where, "tails", "--n-resamples", "5", *extra, "--json"]
        assert command(*words, runs=runs) == 0
        rows = json.loads(capsys.readouterr().out)["tables"]["tails"]
        assert {row["estimator"] for row in rows} >= {"block", "hill"}
    small = ["analyse", where, "tails", "--of", "column-norms"]
    assert command(*small, runs=runs) == 2
    assert "at least 100 values, got 20" in capsys.readouterr().err
    answers = []
    for option in ([], ["--metric", "plain"], ["--part", "entry"]):
        assert command("analyse", where, "prune", *option, "--json", runs=runs) == 0
        answers.append(json.loads(capsys.readouterr().out)["tables"]["pruning"])
    assert all(answers[0] != other for other in answers[1:])


def test_prune_works_on_runs_of_other_studies(tmp_path, capsys):
    runs = tmp_path / "runs"
    small = ["--input-dim", "8", "--teacher-width", "2", "--n-outputs", "2"]
    small += ["--width", "4", "--samples-per-epoch", "200", "--epochs", "1"]
    assert command("run", "planted", *small, runs=runs) == 0
    (run_folder,) = (runs / "planted").iterdir()
    capsys.readouterr()
    assert command("analyse", str(run_folder), "prune", "--json", runs=runs) == 0
    rows = json.loads(capsys.readouterr().out)["tables"]["pruning"]
    assert "test_accuracy" not in rows[0]
    gradient = ["analyse", str(run_folder), "tails", "--of", "gradient-noise"]
    assert command(*gradient, "--n-resamples", "5", runs=runs) == 0


@pytest.mark.parametrize("name", ["pruning", "width", "theorem"])
@pytest.mark.slow
def test_reproductions_run_at_smoke_scale(name, tmp_path, capsys):
    words = ["reproduce", f"heavy-tails-{name}", "--scale", "smoke", "--jobs", "1"]
    assert command(*words, runs=tmp_path / "runs") == 0
    folder = tmp_path / "runs" / "reproductions" / f"heavy-tails-{name}" / "smoke"
    assert (folder / f"{name}.png").stat().st_size > 10_000
