"""Data of one's own in every study, from Python and from the command line."""

import json

import numpy as np
import optax
import pytest

import overparam as op
from overparam.cli.main import run_command
from overparam.data import add_data
from overparam.data.own.kept import remove
from overparam.errors import ConfigError, DataError
from overparam.store import run_id
from overparam.studies.features.config import Features
from overparam.studies.features.problem import Problem
from overparam.studies.heavy_tails.config import HeavyTails
from overparam.studies.heavy_tails.data import load_data
from overparam.studies.images.config import Images
from overparam.studies.lazy.config import Lazy
from overparam.studies.recovery.config import Recovery
from overparam.studies.registry import defaults


N = 40


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with files of data, and an empty home."""
    monkeypatch.delenv("OVERPARAM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OVERPARAM_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, size=(N, 3))
    test = {"x_test": x[:10] + 0.1, "y_test": x[:10, 0] > 2}
    np.savez("two.npz", x=x, y=x[:, 0] > 2, **test)
    np.savez("other.npz", x=x + 1, y=x[:, 0] > 2, **test)
    np.savez("three.npz", x=x, y=np.arange(N) % 3)
    y_test = {"x_test": x[:10], "y_test": np.sin(x[:10, 1])}
    np.savez("number.npz", x=x, y=np.sin(x[:, 1]), **y_test)
    pictures = rng.integers(0, 256, (N, 8, 8, 2), np.uint8)
    np.savez("pictures.npz", x=pictures, y=np.arange(N) % 2)
    return x


def sentence(capsys, *words: str) -> str:
    assert run_command(list(words)) != 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize("kind", [Features, HeavyTails, Lazy, Recovery])
def test_the_content_belongs_to_the_identity_of_a_run(own, kind):
    first = kind(dataset="two.npz")
    assert kind(dataset="two") == first
    assert kind(dataset=first.dataset) == first
    add_data("two", "other.npz", force=True)
    second = kind(dataset="two")
    ids = {run_id("s", vars(c), defaults(kind)) for c in (first, second, kind())}
    assert len(ids) == 3
    # A stored config is read wherever the data are.
    remove("two")
    assert kind(dataset=first.dataset).dataset == first.dataset


def test_features_are_as_given_unless_they_are_standardised(own):
    fields = {"dataset": "two.npz", "batch_size": 4, "n_validation": 0}
    given = Problem.of(Features(**fields))
    np.testing.assert_allclose(given.train.x, own, rtol=1e-6)
    changed = Problem.of(Features(**fields, standardise_inputs=True))
    wanted = (own - own.mean(axis=0)) / own.std(axis=0)
    np.testing.assert_allclose(changed.train.x, wanted, atol=1e-6)


def test_heavy_tails_standardises_official_data_and_no_others(own):
    fields = {"batch_size": 4, "precision": "float64"}
    given = load_data(HeavyTails(dataset="two.npz", **fields))
    np.testing.assert_array_equal(given.train.x, own)
    asked = HeavyTails(dataset="two.npz", standardise_inputs=True, **fields)
    np.testing.assert_allclose(load_data(asked).train.x.mean(axis=0), 0, atol=1e-14)
    assert HeavyTails(dataset="digits", standardise_inputs=True) == HeavyTails(
        dataset="digits"
    )
    plain = load_data(HeavyTails(dataset="digits", standardise_inputs=False))
    assert plain.train.x.min() == 0


def test_subsets_of_own_data_are_taken_as_asked(own):
    np.savez("sorted.npz", x=own, y=np.arange(N) // 20, x_test=own, y_test=[0, 1] * 20)
    stratified = HeavyTails(dataset="sorted.npz", n_train=20)
    counts = np.bincount(load_data(stratified).train.y)
    assert counts.tolist() == [10, 10]
    first = HeavyTails(dataset="sorted", n_train=20, subsets="first")
    assert first.subsets == "first"
    with pytest.raises(ConfigError, match="sorted by class"):
        load_data(first)


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (
            Features,
            {"dataset": "number.npz", "train": "readout"},
            "targets of number@.* are numbers",
        ),
        (HeavyTails, {"dataset": "number.npz"}, "are numbers, and classes are needed"),
        (Recovery, {"dataset": "three.npz"}, "has 3 classes"),
        (HeavyTails, {"dataset": "two.npz", "network": "vgg11"}, "at least 32 x 32"),
        (Images, {"dataset": "two.npz"}, "needs pictures of bytes"),
        (
            Recovery,
            {"dataset": "two.npz", "n_test": 11},
            "10 samples to take from, and 11 are",
        ),
    ],
)
def test_data_that_do_not_fit_are_refused_in_one_sentence(own, kind, fields, says):
    name = {Features: "features", HeavyTails: "heavy-tails", Images: "images"}
    with pytest.raises(ConfigError, match=says):
        op.run(name.get(kind, "recovery"), progress=False, **fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"noise": 0.1}, "`noise` is of a planted model"),
        ({"planted": "axes"}, "`planted` is of a planted model"),
        ({"method": "condition"}, "asks about a planted model"),
        ({"n_samples": 30}, "`n_samples` is 40, that of `dataset`"),
        ({"n_train": 41}, "`n_train` must be at most 40"),
        ({"dataset": None, "n_train": 4}, "name a `dataset`"),
    ],
)
def test_what_needs_a_planted_model_is_refused(own, fields, says):
    with pytest.raises(ConfigError, match=says):
        Recovery(**{"dataset": "two.npz"} | fields)


# One in twelve validates in `features`.
@pytest.mark.parametrize(
    ("kind", "most"), [(Features, 37), (HeavyTails, 40), (Lazy, 40), (Recovery, 40)]
)
def test_more_samples_than_there_are_are_refused_before_anything_runs(own, kind, most):
    said = f"`n_train` must be at most {most}, the training"
    with pytest.raises(ConfigError, match=said):
        kind(dataset="two.npz", n_train=most + 1)


def test_lazy_takes_all_samples_of_small_data(own, capsys):
    assert Lazy(dataset="number.npz").n_train == N
    assert Lazy().n_train == 500
    settings = ["width=4", "n_steps=2", "evaluate_every=2", "dataset=number"]
    assert run_command(["sweep", "lazy", *settings]) == 0
    (run,) = op.open()
    assert run.stored.config["n_train"] == N
    capsys.readouterr()
    refused = sentence(capsys, "sweep", "lazy", *settings, "n_train=41", "--dry-run")
    assert "`n_train` must be at most 40" in refused


def test_own_data_reach_a_certified_convex_fit_in_one_command(own, capsys):
    command = ["run", "recovery", "--dataset", "number.npz", "--json"]
    assert run_command(command) == 0
    said = json.loads(capsys.readouterr().out)
    found = said["summary"]
    assert said["status"] == "converged"
    assert 0 <= found["relative_gap"] < 1e-6
    assert "There is no planted model in given data" in said["notes"][0]
    assert not {"verdict", "condition_holds"} & found.keys()
    run = op.open().where(study="recovery")[0]
    # The least norm fits every target; the network is the programme's optimum.
    targets = np.sin(own[:, 1])
    np.testing.assert_array_equal(run.stored.arrays["y"], targets)
    assert found["equality_residual"] < 1e-10
    assert run.config["n_samples"], run.config["input_dim"] == (N, 3)


def test_the_programme_of_own_data_agrees_with_the_reference(own):
    """Interior point and CVXPY, on the same patterns."""
    fields = {"dataset": "two.npz", "fit": "penalised", "penalty": 0.5, "n_train": 12}
    runs = [
        op.run("recovery", method=method, n_patterns=8, progress=False, **fields)
        for method in ("interior-point", "reference")
    ]
    ours, theirs = (run.summary["primal"] for run in runs)
    # The certified gaps of both are below 1e-6.
    assert ours == pytest.approx(theirs, rel=2e-6)
    assert 0 <= runs[0].summary["test_accuracy"] <= 1


GIVEN = {
    "programme": {},
    "training": {"method": "training", "n_steps": 20, "width": 4},
    "proof": {"method": "global", "program": "exact", "tolerance": 0.5},
}


@pytest.mark.parametrize("way", GIVEN)
def test_every_way_says_what_given_data_lack_and_scores_their_classes(way, own):
    fields = {"network": "plain", "fit": "penalised", "penalty": 2, "n_train": 12}
    run = op.run("recovery", dataset="two.npz", progress=False, **fields | GIVEN[way])
    assert "There is no planted model in given data" in run.notes[0]
    data = op.load_data("two").test
    right = (np.asarray(run.network(data.x))[:, 0] > 0) == (data.y > 0)
    assert run.summary["test_accuracy"] == pytest.approx(right.mean())


@pytest.mark.parametrize("way", ["programme", "proof"])
def test_an_optimum_without_neurons_is_told(way, own):
    fields = {"network": "plain", "fit": "penalised", "n_train": 12, "progress": False}
    few, none = (
        op.run("recovery", dataset="two.npz", penalty=p, **fields | GIVEN[way])
        for p in (2, 1e6)
    )
    assert any("No neuron is left" in note for note in none.notes)
    assert not any("No neuron is left" in note for note in few.notes)


def test_gradient_training_on_own_data_is_certified_against_its_optimum(own):
    run = op.run(
        "recovery",
        dataset="number.npz",
        fit="penalised",
        method="training",
        network="plain",
        n_steps=20,
        width=4,
        progress=False,
    )
    assert run.summary["objective"] >= run.summary["lower_bound"]
    with pytest.raises(ConfigError, match="Nothing is planted in the data number@"):
        run.analyse("neurons", progress=False)
    assert run.analyse("certificate", progress=False).tables


def test_features_fit_numbers_by_the_squared_error(own):
    fields = {"width": 30, "batch_size": 8, "n_validation": 8, "precision": "float64"}
    fields |= {"dataset": "number.npz", "standardise_inputs": True, "progress": False}
    ridge = op.run("features", train="readout", readout="ridge", ridge=1e-2, **fields)
    data = op.load_data("number").standardised()
    outputs = np.asarray(ridge.network(data.test.x))
    loss = np.mean((outputs - data.test.y) ** 2) / 2
    # Sums of ten numbers in another order.
    assert ridge.summary["test_loss"] == pytest.approx(loss, rel=1e-12)
    assert "test_accuracy" not in ridge.summary
    chosen = op.run("features", train="readout", readout="ridge", **fields)
    least = chosen.frame.filter(phase=1.0)["validation_loss"].min()
    kept = chosen.frame.filter(ridge=chosen.summary["chosen_ridge"])
    assert kept["validation_loss"].item() == least
    trained = op.run("features", epochs=5, **fields)
    losses = trained.frame["train_loss"]
    assert losses[-1] < losses[0]


def test_a_test_part_that_is_drawn_is_told(own, capsys):
    np.savez("whole.npz", x=own, y=np.linspace(0, 1, N))
    for fraction, n in (("0.2", round(0.2 * N)), ("0", 1)):  # at least one
        command = ["data", "add", "whole", "whole.npz", "--seed", "3", "--force"]
        assert run_command([*command, "--test-fraction", fraction]) == 0
        told = f"{n} of their {N} samples, drawn with seed 3, are one"
        assert told in capsys.readouterr().err


def test_samples_that_an_imported_network_is_not_asked_about_are_told(own):
    np.savez("whole.npz", x=own, y=np.linspace(0, 1, N))
    np.savez("parts.npz", x=own, y=np.linspace(0, 1, N), x_test=own, y_test=np.zeros(N))
    shape = own.shape[1]
    np.savez("net.npz", np.ones((shape, 8), np.float32), np.ones((8, 1), np.float32))
    told = [
        op.import_network("net.npz", dataset=f"{name}.npz").notes
        for name in ("whole", "parts")
    ]
    n = N - round(0.2 * N)
    assert [any(f"Analyses look at the other {n}" in t for t in ts) for ts in told] == [
        True,
        False,
    ]


def test_columns_that_never_change_are_told(own, capsys):
    np.savez("flat.npz", x=np.c_[own, np.ones(N)], y=np.arange(N) % 2)
    assert run_command(["data", "add", "flat", "flat.npz"]) == 0
    said = "1 of the 4 features of flat@"
    assert said in capsys.readouterr().err
    assert run_command(["data", "add", "two", "two.npz"]) == 0
    assert "never change" not in capsys.readouterr().err


@pytest.mark.parametrize("readout", ["logistic", "ridge"])
def test_a_readout_that_is_solved_asks_for_no_batch(own, readout):
    """Its 40 samples are fewer than the batch of 128 that nothing is trained in."""
    fields = {"dataset": "two.npz", "train": "readout", "readout": readout, "width": 8}
    solved = op.run("features", ridge=1.0, progress=False, **fields)
    assert solved.frame["epoch"][0] == 0
    small = op.run("features", ridge=1.0, batch_size=5, progress=False, **fields)
    for name in ("train_loss", "test_loss"):
        assert small.summary[name] == solved.summary[name]
    with pytest.raises(ConfigError, match="`batch_size` must be at most"):
        Problem.of(Features(**fields, first_all=1))


def test_what_is_taken_or_lost_without_a_word_is_told(own):
    y = np.arange(N) % 2
    np.savez("large.npz", x=400 * own, y=y, x_test=own, y_test=y)
    size = f"a root mean square of {400 * np.sqrt(np.mean(own**2)):.3g}"
    fields = {"dataset": "large.npz", "width": 4, "progress": False}
    noisy = {"n_steps": 1, "learning_rate": 1e-9, "noise": "none"}
    told = " ".join(op.run("heavy-tails", **fields, **noisy).stored.notes)
    assert size in told
    assert "standardise_inputs=true" in told
    assert "at chance: the most frequent class has 20 of the 40 samples" in told
    asked = op.run("heavy-tails", standardise_inputs=True, **fields, **noisy)
    assert "root mean square" not in " ".join(asked.stored.notes)
    short = {"batch_size": 4, "epochs": 1}
    told = " ".join(op.run("features", **fields, **short).stored.notes)
    assert "3 of the 40 training samples validate" in told
    assert "root mean square" in told
    given = op.run("features", n_validation=3, **fields, **short)
    assert "validate" not in " ".join(given.stored.notes)


def test_targets_of_another_size_and_many_classes_are_told(own, capsys):
    rng = np.random.default_rng(1)
    y = 150 + 70 * rng.standard_normal(N)
    test = {"x_test": own[:10], "y_test": y[:10]}
    np.savez("sizes.npz", x=own, y=y, **test)
    fields = {"width": 4, "batch_size": 4, "epochs": 1, "n_validation": 0}
    fields["progress"] = False
    run = op.run("features", dataset="sizes.npz", precision="float64", **fields)
    # The best constant is the mean, whose half mean square is half the variance.
    least = 0.5 * np.mean((y - y.mean()) ** 2)
    assert run.summary["constant_loss"] == pytest.approx(least, rel=1e-12)
    assert run.summary["loss_kind"] == "half-squared-error"
    told = " ".join(run.notes)
    assert f"mean of {y.mean():.3g} and a standard deviation of {y.std():.3g}" in told
    assert f"the best constant has {least:.4g}" in told
    found = op.run("recovery", dataset="sizes.npz", fit="penalised", progress=False)
    error = np.sqrt(np.mean((y[:10] - y.mean()) ** 2))
    assert f"training targets is {error:.4g}" in " ".join(found.notes)
    fine = op.run("features", dataset="number.npz", **fields)
    assert "standard deviation" not in " ".join(fine.notes)

    x = np.concatenate([own, own + 1])
    labels = np.arange(2 * N) % (N - 3)
    np.savez("many.npz", x=x, y=labels, x_test=x, y_test=labels)
    many = f"{N - 3} classes for {4 * N} samples"
    capsys.readouterr()
    assert run_command(["data", "add", "many", "many.npz"]) == 0
    said = capsys.readouterr().err
    assert many in said
    assert "--task regression" in said
    run = op.run("features", dataset="many", **fields)
    assert "`--task regression`" in " ".join(run.notes)
    shares = np.bincount(labels) / len(labels)
    entropy = -np.sum(shares * np.log(shares))
    assert run.summary["constant_loss"] == pytest.approx(entropy, rel=1e-12)
    np.savez("few.npz", x=own, y=np.arange(N) % 2)
    assert run_command(["data", "add", "few", "few.npz"]) == 0
    assert "classes for" not in capsys.readouterr().err


def test_pictures_train_a_residual_network(own):
    fields = {"network": "resnet8", "multiplier": 0.1, "batch_size": 16, "epochs": 1}
    run = op.run("images", dataset="pictures.npz", progress=False, **fields)
    assert run.status == "finished"
    findings = run.analyse("prune", dataset="pictures", progress=False)
    assert findings.tables["pruning"]["test_accuracy"].is_between(0, 1).all()


def test_a_run_whose_data_changed_says_so_where_they_are_needed(own, capsys):
    fields = {"width": 4, "n_steps": 2, "evaluate_every": 1, "noise": "none"}
    run = op.run("heavy-tails", dataset="two.npz", progress=False, **fields)
    asked = ["analyse", run.stored.id, "resample", "--json"]
    add_data("two", "other.npz", force=True)
    assert "has the content" in sentence(capsys, *asked)
    # What needs no data goes on, and says what is left out.
    findings = run.analyse("prune", progress=False)
    assert any("is asked for" in note for note in findings.notes)
    other = op.run("heavy-tails", dataset="two", progress=False, **fields)
    assert other.stored.id != run.stored.id
    remove("two")
    assert "is not on this machine" in sentence(capsys, *asked)
    add_data("two", "two.npz")
    assert run_command(asked) == 0
    remove("two")
    with pytest.raises(DataError, match="is not on this machine"):
        op.run("heavy-tails", force=True, progress=False, **run.config)


def test_findings_are_kept_by_the_content_they_were_made_with(own, capsys):
    fields = {"width": 4, "n_steps": 2, "evaluate_every": 1}
    run = op.run("heavy-tails", dataset="two.npz", progress=False, **fields)
    names = []
    for content in ("two.npz", "other.npz"):
        add_data("scored", content, force=True)
        run.analyse("prune", dataset="scored", progress=False)
        kept = run.stored.path.parents[1] / "analyses" / "prune"
        names.append({path.name for path in kept.iterdir()})
    assert len(names[0]) == 1
    assert len(names[1]) == 2


def test_a_grid_names_data_and_goes_on(own):
    grid = {"dataset": ["two.npz", "other.npz"], "width": 4, "n_steps": 1}
    runs = op.sweep("heavy-tails", evaluate_every=1, jobs=2, progress=False, **grid)
    assert {run.config["dataset"].partition("@")[0] for run in runs} == {"two", "other"}
    assert len(op.open()) == 2


def test_a_data_set_is_trained_on_and_scored_with(own):
    numbers = op.dataset(own, np.sin(own[:, 1]))
    network = op.two_layer(3, 6, 1, scaling="ntk", key=op_key(0))
    rule = op.Descent("half-squared-error", optax.sgd, learning_rate=0.01)
    plan = {"n_steps": 4, "batch_size": 8, "record_every": 2, "key": op_key(1)}
    history = op.train(network, numbers, rule, progress=False, **plan)
    table = op.Table(*map(np.asarray, (numbers.train.x, numbers.train.y)))
    same = op.train(network, as_float32(table), rule, progress=False, **plan)
    np.testing.assert_array_equal(history.network.readout, same.network.readout)
    scores = op.analyse(history.network, "prune", data=numbers, progress=False)
    assert "test_loss" in scores.tables["pruning"].columns
    part = np.arange(16, dtype=np.uint8).reshape(4, 2, 2), [0, 1, 0, 1]
    pictures = op.dataset(*part, test=part)
    with pytest.raises(ConfigError, match=r"give `data.scaled\(\)`"):
        op.train(network, pictures, rule, progress=False, **plan)


def op_key(seed: int):
    import jax

    return jax.random.key(seed)


def as_float32(table):
    import jax.numpy as jnp

    return op.Table(jnp.asarray(table.x, "float32"), jnp.asarray(table.y, "float32"))
