"""The study `features` on digits, through the API and the command line."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import overparam as op
from overparam import Context
from overparam.analysis import classify
from overparam.analysis.comparison.options import CompareOptions
from overparam.analysis.resampling.options import ResampleOptions
from overparam.analysis.shallow import shallow_at_rest
from overparam.cli.main import run_command
from overparam.errors import ConfigError, StoreError
from overparam.networks import from_arrays
from overparam.objectives import L2Penalty
from overparam.reproductions.registry import REPRODUCTIONS
from overparam.running.execute import execute
from overparam.store import find_runs, read_run
from overparam.studies.contract import as_subject
from overparam.studies.features.config import Features
from overparam.studies.features.problem import Problem, penalties
from overparam.studies.features.run import run


SMALL = Features(width=30, epochs=2, learning_rate=1e-2)
FITS = ("logistic", "sgd")


def outcome(config=SMALL, **fields):
    return run(dataclasses.replace(config, **fields), Context())


def accuracy_by_hand(network, x, y):
    """Standardised two-layer forward pass in NumPy."""
    hidden = np.tanh(np.asarray(x, np.float64) @ np.asarray(network.weights, float))
    variance = np.asarray(network.std, float) ** 2
    features = (hidden - np.asarray(network.mean, float)) / np.sqrt(variance + 1e-5)
    scores = features @ np.asarray(network.readout, float)
    return np.mean(scores.argmax(axis=1) == np.asarray(y))


def test_training_all_layers_learns_digits_and_can_be_re_evaluated():
    found = outcome(epochs=8)
    assert found.summary["test_accuracy"] > 0.9
    data = Problem.of(SMALL)
    for name, split in data.splits().items():
        again = accuracy_by_hand(found.network, split.x, split.y)
        # Float32 and float64 may differ on an image at a border between classes.
        np.testing.assert_allclose(
            found.summary[f"{name}_accuracy"], again, atol=1.5 / len(split.y)
        )


@pytest.mark.parametrize("readout", ["logistic", "ridge", "adam", "sgd"])
def test_the_readout_alone_leaves_the_first_layer_as_it_was(readout):
    rate = 0.3 if readout == "sgd" else 1e-2
    found = outcome(train="readout", readout=readout, ridge=1e-3, learning_rate=rate)
    data = Problem.of(SMALL)
    start = data.initial_network()
    np.testing.assert_array_equal(found.network.weights, start.weights)
    assert found.summary["train_accuracy"] > 0.5
    assert found.status == ("converged" if readout[0] in "lr" else "finished")


def test_an_exact_readout_is_not_above_a_trained_one():
    fields = {"train": "readout", "width": 20, "readout_penalty": 0.0}
    trained = outcome(**fields, readout="adam", epochs=5)
    exact = outcome(**fields, readout="logistic", ridge=1e-6)
    assert exact.summary["train_loss"] < trained.summary["train_loss"]


def test_the_first_epochs_may_train_all_layers():
    found = outcome(train="readout", first_all=2, ridge=1e-3)
    both = outcome(epochs=2)
    np.testing.assert_array_equal(found.network.weights, both.network.weights)
    assert list(found.metrics["phase"]) == [0, 0, 0, 1]


def test_features_move_down_the_risk_of_the_optimal_readout():
    fields = {"width": 5, "n_train": 100, "n_validation": 0, "batch_size": 100}
    fields |= {"train": "features", "readout": "ridge", "ridge": 0.1}
    fields |= {"optimiser": "sgd", "learning_rate": 0.05, "feature_penalty": 0.3}
    config = dataclasses.replace(SMALL, **fields, epochs=1, precision="float64")
    found, train = run(config, Context()), Problem.of(config).train
    x, Y = np.asarray(train.x), np.eye(10)[np.asarray(train.y)]

    def risk(weights):
        """The ridge objective at its minimum, by a solver of our own."""
        hidden = np.tanh(x @ weights)
        features = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
        G = features.T @ features / 100 + 0.1 * np.eye(5)
        P = np.linalg.solve(G, features.T @ Y / 100)
        return np.sum((features @ P - Y) ** 2) / 200 + 0.05 * np.sum(P**2)

    start = np.asarray(found.kept[0].weights)
    moved = np.asarray(found.network.weights) - start
    for entry in [(10, 0), (20, 1), (35, 2), (43, 3), (60, 4)]:
        step = np.zeros_like(start)
        step[entry] = 1e-5
        slope = (risk(start + step) - risk(start - step)) / 2e-5
        # The loss is the risk divided by the penalty and the number of classes.
        expected = -0.05 * (slope / (0.1 * 10) + 2 * 0.3 / 5 * start[entry])
        np.testing.assert_allclose(moved[entry], expected, rtol=1e-5, atol=1e-11)


def test_moved_features_are_better_than_frozen_ones():
    fields = {"readout": "ridge", "ridge": 1e-3, "epochs": 10, "decay": 0.9}
    moved, frozen = (outcome(train=part, **fields) for part in ("features", "readout"))
    assert moved.status == "converged"
    assert moved.summary["train_accuracy"] > frozen.summary["train_accuracy"]
    assert list(moved.metrics["phase"]) == [0] * 11 + [1]


def test_permuted_test_labels_leave_chance_and_training_as_it_was():
    plain, permuted = outcome(), outcome(shuffle_test_labels=True)
    # 355 images: chance is .1 with standard deviation .016.
    assert 0.04 <= permuted.summary["test_accuracy"] <= 0.16
    assert permuted.summary["train_accuracy"] == plain.summary["train_accuracy"]
    np.testing.assert_array_equal(permuted.network.weights, plain.network.weights)


def test_rerunning_gives_the_same_numbers_and_other_seeds_others():
    a, b, other = outcome(), outcome(), outcome(seed=1)
    np.testing.assert_array_equal(a.network.weights, b.network.weights)
    np.testing.assert_array_equal(a.metrics["loss"], b.metrics["loss"])
    assert not np.array_equal(a.network.weights, other.network.weights)


def test_kept_epochs_are_networks_of_their_own():
    found = outcome(epochs=3, keep="1,")
    early = outcome(epochs=1)
    start, first, last = found.kept.values()
    np.testing.assert_array_equal(first.weights, early.network.weights)
    np.testing.assert_array_equal(last.readout, found.network.readout)
    # The initial network has moments of its own.
    assert start.std.shape == (30,)


def test_epochs_of_a_trained_readout_are_kept_after_those_of_all_layers(tmp_path):
    fields = {"train": "readout", "readout": "adam", "first_all": 1}
    config = dataclasses.replace(SMALL, **fields, epochs=3, keep="2,")
    subject = as_subject(read_run(execute("features", config, tmp_path).path))
    assert list(subject.course()) == [0, 1, 2, 4]
    shorter = outcome(**fields, epochs=1).network
    # Rounding of float32: a run of the command line computes in that alone.
    np.testing.assert_allclose(subject.at(1).weights, shorter.weights, atol=1e-5)
    np.testing.assert_allclose(subject.at(2).readout, shorter.readout, atol=1e-5)
    gap = np.abs(subject.at(2).readout - subject.network.readout).max()
    assert gap > 1e-3
    # The end of training all layers is also the start of training the readout.
    assert subject.run.metrics["epoch"].to_list() == [0, 1, 1, 2, 3, 4]


def test_a_number_of_kept_epochs_is_one_of_all_layers_too():
    fields = {"train": "readout", "readout": "adam", "first_all": 4, "epochs": 20}
    config = dataclasses.replace(SMALL, **fields, keep="3")
    assert config.kept_epochs == {0, 2, 4, 12, 24}


def test_reference_initialisation_has_variance_two_over_fan_in():
    network = Problem.of(dataclasses.replace(SMALL, width=2000)).initial_network()
    weights = np.asarray(network.weights)
    # 128,000 entries: the relative standard error of the variance is below 0.5 %.
    np.testing.assert_allclose(weights.var(), 2 / 64, rtol=0.02)
    assert np.abs(weights).max() <= 2 * np.sqrt(2 / 64) / 0.8796 * 1.001
    np.testing.assert_allclose(np.asarray(network.readout).var(), 2 / 2000, rtol=0.06)


def test_function_and_penalty_do_not_depend_on_the_scaling():
    data = Problem.of(SMALL)
    values, outputs = [], []
    for scaling in ("standard", "mean-field", "ntk"):
        config = dataclasses.replace(SMALL, scaling=scaling, precision="float64")
        network = Problem.of(config).initial_network()
        penalty = L2Penalty(penalties(config, network, ("weights", "readout")))
        values.append(float(penalty(network)))
        outputs.append(network(data.train.x[:50].astype("float64")))
    np.testing.assert_allclose(values, values[0], rtol=1e-12)
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-9)
    np.testing.assert_allclose(outputs[2], outputs[0], rtol=1e-9)
    weights = np.asarray(network.weights)
    readout = network.scale * np.asarray(network.readout)
    by_hand = 1e-3 / 30 * np.sum(weights**2) + 0.1 / 10 * np.sum(readout**2)
    np.testing.assert_allclose(values[0], by_hand, rtol=1e-12)


def test_both_penalty_forms_agree_for_plain_descent_and_differ_for_adam():
    networks = {
        (form, name): outcome(
            penalty_form=form, optimiser=name, readout_penalty=5.0, epochs=1
        ).network
        for form in ("loss", "decoupled")
        for name in ("sgd", "adam")
    }
    a, b = networks["loss", "sgd"], networks["decoupled", "sgd"]
    np.testing.assert_allclose(a.readout, b.readout, atol=1e-6)
    np.testing.assert_allclose(a.weights, b.weights, atol=1e-6)
    a, b = networks["loss", "adam"], networks["decoupled", "adam"]
    assert np.abs(a.readout - b.readout).max() > 1e-3


def test_a_strong_readout_penalty_evens_out_the_neurons():
    spread = [
        outcome(readout_penalty=penalty, epochs=30).summary["readout_norm_cv"]
        for penalty in (0.1, 10.0)
    ]
    assert spread[1] < spread[0]


def test_divergence_is_a_status():
    found = outcome(optimiser="sgd", learning_rate=1e30, standardise=False)
    assert found.status == "diverged"
    assert "diverged in epoch" in found.notes[0]


def test_classification_counts_every_sample_once(monkeypatch):
    from overparam.analysis import classification

    found = outcome()
    data = Problem.of(SMALL)
    whole = classify(found.network, data.test.x, data.test.y)
    monkeypatch.setattr(classification, "BLOCK_ROWS", 100)
    blocks = classify(found.network, data.test.x, data.test.y)
    np.testing.assert_allclose(blocks.accuracy, whole.accuracy, rtol=1e-6)
    np.testing.assert_allclose(blocks.loss, whole.loss, rtol=1e-5)


def test_analyses_run_on_stored_networks(tmp_path, capsys):
    paths = [
        str(execute("features", dataclasses.replace(SMALL, seed=s), tmp_path).path)
        for s in (0, 1)
    ]
    flags = ["--n-features", "5", "--n-draws", "2", "--n-fit", "300"]
    flags += ["--sampling", "uniform", "--random", "unit", "--runs", str(tmp_path)]
    assert run_command(["analyse", paths[0], "resample", *flags]) == 0
    assert "top-k" in capsys.readouterr().out
    flags = ["--n-permutations", "99", "--n-bootstrap", "20", "--n-probes", "50"]
    flags += ["--representations", "preactivation", "--weighting", "uniform"]
    flags += ["--runs", str(tmp_path)]
    assert run_command(["analyse", *paths, "compare", *flags]) == 0
    assert "preactiv" in capsys.readouterr().out


@pytest.mark.parametrize(("standardise", "inputs"), [(True, True), (False, False)])
def test_drawn_networks_are_stored_as_runs(tmp_path, standardise, inputs):
    changes = {"standardise": standardise, "standardise_inputs": inputs}
    source = op.run("features", **dataclasses.asdict(SMALL) | changes, runs=tmp_path)
    asked = {"n_features": (5,), "sampling": ("squared",), "random": (), "n_draws": 2}
    asked |= {"readout": FITS, "keep_networks": True, "n_fit": 300}
    found = source.analyse("resample", **asked, progress=False)
    drawn = op.open(tmp_path).where(study="imported")
    of = f"of {source.stored.path.name}"
    names = [f"{way} 5 {fit} {of}" for way in ("squared", "top-k") for fit in FITS]
    assert sorted(each.config["name"] for each in drawn) == sorted(names)
    first = found.tables["draws"].filter(pl.col("draw") == 0)
    test = Problem.of(dataclasses.replace(SMALL, **changes)).test
    for row in first.iter_rows(named=True):
        name = f"{row['features']} 5 {row['readout']} {of}"
        (network,) = (each.network for each in drawn if each.config["name"] == name)
        assert network.weights.shape[1] <= 5
        hits = np.asarray(network(test.x)).argmax(axis=1) == np.asarray(test.y)
        np.testing.assert_allclose(hits.mean(), row["test_accuracy"], atol=1e-6)
    # It has the data of its source, and every analysis takes it.
    (same,) = {each.config["inputs"] for each in drawn}
    assert same == ("standardised" if inputs else "scaled")
    assert drawn[0].analyse("prune", progress=False).tables


def test_networks_are_kept_where_there_will_be_some(tmp_path):
    fields = {"width": 8, "input_dim": 6, "teacher_width": 2, "samples_per_epoch": 100}
    source = op.run("planted", **fields, epochs=1, runs=tmp_path)
    with pytest.raises(ConfigError, match="`keep_networks` needs data with classes"):
        source.analyse("resample", keep_networks=True, progress=False)


def test_networks_of_other_studies_can_be_analysed(tmp_path):
    flags = ["--width", "8", "--input-dim", "6", "--teacher-width", "2"]
    flags += ["--samples-per-epoch", "100", "--epochs", "1", "--runs", str(tmp_path)]
    assert run_command(["run", "planted", *flags]) == 0
    path = str(find_runs(tmp_path)[0])
    flags = ["--dataset", "gaussian", "--n-features", "3", "--n-draws", "3"]
    flags += ["--runs", str(tmp_path)]
    assert run_command(["analyse", path, "resample", *flags]) == 0
    assert run_command(["analyse", path, "resample", *flags[2:]]) == 0


@pytest.mark.parametrize(
    "name", [name for name in REPRODUCTIONS if name.startswith("features")]
)
def test_every_reproduction_runs_at_smoke_scale(name, tmp_path, capsys):
    runs = str(tmp_path)
    assert run_command(["reproduce", name, "--scale", "smoke", "--runs", runs]) == 0
    assert "not decided at this scale" in capsys.readouterr().out
    folder = tmp_path / "reproductions" / name / "smoke"
    suffixes = {path.suffix for path in folder.iterdir()}
    assert suffixes == {".png", ".svg", ".csv", ".json"}


def test_the_last_epoch_names_the_trained_network_though_only_others_were_kept(
    tmp_path,
):
    fields = {"train": "readout", "readout": "adam", "keep": "1,"}
    config = dataclasses.replace(SMALL, **fields)
    subject = as_subject(read_run(execute("features", config, tmp_path).path))
    assert list(subject.moments) == [0, 1]
    assert subject.at(2) is subject.network
    assert not np.array_equal(subject.at(1).readout, subject.network.readout)


def test_sources_of_another_kind_are_refused_in_a_sentence(tmp_path):
    subject = as_subject(read_run(execute("features", SMALL, tmp_path).path))
    x = subject.data().train.x
    with pytest.raises(StoreError, match="kept no network of epoch 1; kept: 0, 2"):
        subject.at(1)
    other = jnp.zeros((4, 3072), jnp.float32)
    with pytest.raises(
        ConfigError, match="source network takes 64 inputs, the data have 3072"
    ):
        shallow_at_rest(subject.network, other)
    stored = from_arrays(*subject.run.network)
    at_rest = shallow_at_rest(subject.at(2), x)
    np.testing.assert_array_equal(at_rest.readout, stored.readout)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"width": 0}, "`width` must be at least 1, got 0."),
        ({"readout_penalty": -1.0}, "`readout_penalty` must be at least 0"),
        (
            {"train": "readout", "ridge": 0.0},
            "`ridge` must be positive for a logistic readout: without it the optimum "
            "may not exist.",
        ),
        ({"keep": "30,"}, "`keep` names 30, which is not between 0 and 20"),
        ({"keep": "1,", "train": "readout"}, "`keep` names 1, which is not between"),
        ({"first_all": 3}, "`first_all` is for `--train readout`"),
        ({"decay": 1.5}, "`decay` must lie in"),
        ({"train": "features"}, "has an exact readout with a positive penalty"),
        ({"train": "features", "ridge": 0.1, "readout": "adam"}, "got 0.1 and adam"),
        ({"train": "features", "ridge": 0.1, "first_all": 2}, "with `--train features"),
        ({"train": "readout", "n_validation": 0}, "chosen on validation images"),
    ],
)
def test_bad_configs_are_told_in_a_sentence(fields, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Features(**fields)


def test_bad_sizes_are_told_when_the_data_are_known():
    with pytest.raises(ConfigError, match="`n_train` must be at most 1322"):
        Problem.of(Features(n_train=5000))
    with pytest.raises(ConfigError, match="`batch_size` must be at most 100"):
        Problem.of(Features(n_train=100))
    with pytest.raises(ConfigError, match="at least 2 classes in every part"):
        Problem.of(Features(n_train=1, batch_size=1))


def test_bad_options_are_told_in_a_sentence():
    with pytest.raises(ConfigError, match="`n_features` must hold numbers from 1"):
        ResampleOptions(n_features=(0,))
    with pytest.raises(ConfigError, match="`n_permutations` must be at least 99"):
        CompareOptions(n_permutations=20)


def test_a_wide_first_layer_streams_when_memory_is_short(monkeypatch):
    from overparam.readouts import feature_cache
    from overparam.studies.features import frozen_readout

    def small(network, x, **settings):
        return feature_cache.StreamedFeatures(network, x)

    monkeypatch.setattr(frozen_readout, "cache_features", small)
    streamed = outcome(train="readout", ridge=1e-3)
    monkeypatch.undo()
    stored = outcome(train="readout", ridge=1e-3)
    # Two float32 solves to a relative gradient of 1e-5.
    np.testing.assert_allclose(
        streamed.summary["test_loss"], stored.summary["test_loss"], rtol=1e-2
    )
    assert eqx.tree_equal(streamed.network.weights, stored.network.weights)


def test_repopulation_in_training_draws_neurons_anew():
    found = outcome(epochs=3, repopulate_every=2, keep="2,")
    assert list(found.metrics["epoch"]) == [0, 1, 2, 3]
    plain = outcome(epochs=3, keep="2,")
    # Both agree until the neurons are drawn, and not after.
    (_, before, _), (_, same, _) = found.kept.values(), plain.kept.values()
    np.testing.assert_array_equal(before.weights, same.weights)
    assert not np.array_equal(found.network.weights, plain.network.weights)
    # What is stored is what was measured: the reference replaced weights before
    # saving and kept the old readout beside them.
    data = Problem.of(SMALL)
    again = accuracy_by_hand(found.network, data.test.x, data.test.y)
    np.testing.assert_allclose(found.summary["test_accuracy"], again, atol=3e-3)
