"""Analyses from Python: of stored runs as on the command line, and of any network."""

import dataclasses
import json
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest
from jaxtyping import Array, Float

import overparam as op
from overparam import TrainTest
from overparam.analysis.catalogue import ANALYSES
from overparam.cli.main import run_command
from overparam.data import Batch, Dataset, Split
from overparam.data.files.official import Normalisation
from overparam.errors import ConfigError
from overparam.networks import Network
from overparam.running.analysing import as_subject, refusals
from overparam.store import RunRecord, open_run


SMALL = {"input_dim": 6, "n_outputs": 2, "teacher_width": 2, "width": 4, "epochs": 2}
SMALL |= {"samples_per_epoch": 200}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return op.run("planted", runs=root, progress=False, **SMALL)


@pytest.fixture(scope="module")
def dataset():
    """Two classes that the sign of the first input tells apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    return Dataset(
        name="signs",
        train=Split(x[:40], y[:40]),
        test=Split(x[40:], y[40:]),
        n_classes=2,
        normalisation=Normalisation(),
    )


class OfSigns(Network):
    """A network of no class of ours, that has the first input as its only neuron."""

    weights: Float[Array, "input_dim width"]
    readout: Float[Array, "width n_outputs"]
    scale: float = eqx.field(static=True, default=1.0)

    def features(self, x):
        return x @ self.weights


@pytest.fixture
def network():
    weights = jnp.zeros((6, 1), jnp.float32).at[0].set(1.0)
    return OfSigns(weights, jnp.asarray([[-1.0, 1.0]], jnp.float32))


def test_a_run_has_the_findings_of_the_command_line(run, capsys):
    findings = run.analyse("surplus", progress=False)
    root = run.stored.path.parents[1]
    [folder] = (root / "analyses" / "surplus").iterdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = ["analyse", run.stored.id, "surplus", "--runs", str(root)]
    assert run_command(command) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert f"{next(iter(findings.summary))} " in capsys.readouterr().out
    assert set(findings.figures) == {"surplus"}


def test_without_a_name_it_lists_what_applies_as_the_command_line(run, capsys):
    table = run.analyse().tables["analyses"]
    root = run.stored.path.parents[1]
    command = ["analyse", run.stored.id, "--runs", str(root)]
    assert run_command([*command, "--json"]) == 0
    refused = json.loads(capsys.readouterr().out)
    assert table["analysis"].to_list() == list(refused)
    for name, applies, sentence in table.rows():
        assert (applies == "yes") == (refused[name] is None)
        assert sentence == (refused[name] or ANALYSES[name].question)
    assert run_command(command) == 0
    told = capsys.readouterr().out
    assert all(sentence in told for sentence in table["question, or why not"])


def test_any_network_is_told_what_applies_to_it(network, dataset):
    def applying(*data):
        rows = op.analyse(network, data=data[0] if data else None).tables["analyses"]
        return set(rows.filter(applies="yes")["analysis"])

    assert "prune" in applying()
    assert applying() <= applying(dataset)
    with pytest.raises(ConfigError, match="Name the analysis that takes `ratios`"):
        op.analyse(network, ratios=(0.5,))


def test_findings_need_not_be_stored(run):
    root = run.stored.path.parents[1]
    assert run.analyse("balance", store=False, progress=False).tables
    assert not (root / "analyses" / "balance").exists()


def test_a_network_of_ones_own_is_scored_on_ones_own_data(network, dataset):
    findings = op.analyse(network, "prune", data=dataset, progress=False)
    table = findings.tables["pruning"]
    untouched = table.filter(criterion="parameter-ratio", level=0.0)
    assert untouched["test_accuracy"].item() == 1.0
    emptied = table.filter(criterion="parameter-ratio", level=1.0)
    # Without its neuron all outputs are zero, and the first class is taken.
    assert emptied["test_accuracy"].item() == pytest.approx(
        np.mean(dataset.test.y == 0)
    )


def test_a_network_is_looked_at_in_its_own_precision():
    """Of weights 1 + 1e-12 n float32 would see one value only, which has no tail."""
    with jax.enable_x64(True):
        weights = 1 + 1e-12 * jax.random.normal(jax.random.key(0), (6, 20))
        wide = OfSigns(weights, jnp.ones((20, 2)))
    with jax.enable_x64(False):
        findings = op.analyse(wide, "tails", n_resamples=2, progress=False)
        assert jnp.zeros(()).dtype == jnp.float32
    assert findings.tables["tails"].height > 0


def test_data_may_be_given_in_the_place_of_those_of_a_run(run, dataset):
    """A run of planted has no classes; with such data it is scored, and not stored."""
    findings = run.analyse("prune", data=dataset, progress=False)
    scores = findings.tables["pruning"]["test_accuracy"]
    x, y = dataset.test.x, dataset.test.y
    hits = np.mean(np.argmax(np.asarray(run.network(x)), axis=1) == y)
    assert scores[0] == pytest.approx(hits)
    assert not (run.stored.path.parents[1] / "analyses" / "prune").exists()


def test_inputs_of_whole_numbers_are_refused(network, dataset):
    train = Batch(np.ones((3, 6), np.uint8), np.zeros(3, np.int32))
    data = TrainTest(train, n_classes=2)
    with pytest.raises(ConfigError, match=r"of type uint8; give `data\.scaled\(\)`"):
        op.analyse(network, "prune", data=data, progress=False)


X, Y = np.ones((3, 6), np.float32), np.zeros((3, 1), np.float32)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ((X, Y), "must be a `Dataset` or a `TrainTest`, got tuple: `overparam.data"),
        (X, "got ndarray"),
        ("mnist", "got str"),
        (TrainTest(Batch(X[:0], Y[:0])), "has no training sample"),
        (TrainTest(Batch(X, Y[:2])), "has 3 inputs and 2 targets in one part"),
        (TrainTest(Batch(X, Y), Batch(X[:1], Y)), "has 1 inputs and 3 targets"),
        (TrainTest(Batch(X * np.nan, Y)), "holds NaN or infinity"),
        (TrainTest(Batch(X, Y), Batch(X, Y + np.inf)), "holds NaN or infinity"),
    ],
)
def test_data_that_score_nothing_are_a_sentence(network, data, sentence):
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        op.analyse(network, data=data, progress=False)


def test_a_network_of_whole_numbers_is_a_sentence():
    network = op.TwoLayer(weights=np.ones((6, 3), int), readout=np.ones((3, 1), int))
    with pytest.raises(ConfigError, match="has no weights of a floating type"):
        op.analyse(network, progress=False)


@pytest.mark.parametrize("name", [None, *ANALYSES])
@pytest.mark.parametrize(
    ("shape", "dtype", "sentence"),
    [((), "complex64", "of the type complex64"), ((2,), "float32", "several networks")],
)
def test_weights_that_are_no_real_matrices_are_a_sentence(name, shape, dtype, sentence):
    network = op.TwoLayer(
        weights=jnp.ones((*shape, 6, 3), dtype), readout=jnp.ones((*shape, 3, 1), dtype)
    )
    with pytest.raises(ConfigError, match=sentence):
        op.analyse([network] * (2 if name == "compare" else 1), name, progress=False)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("prun", {}, "`prune`"),
        ("prune", {"rati": 3}, "`ratios`"),
        ("prune", {"ratios": (2.0,)}, "`ratios` must lie"),
        ("compare", {}, "takes at least 2 runs, got 1.* analyse RUN RUN compare`"),
        ("neurons", {}, "A network alone has no planted teacher"),
        ("density", {}, "A network alone has no planted teacher"),
    ],
)
def test_what_cannot_be_is_a_sentence(name, options, sentence):
    network = op.two_layer(6, 3, 2, scaling="ntk", key=jax.random.key(0))
    with pytest.raises(ConfigError, match=sentence):
        op.analyse(network, name, progress=False, **options)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("runs/planted", "got an object of type str: `overparam.open"),
        ({"a": 1}, "got an object of type dict"),
        (3, "got an object of type int"),
        ([3], "got an object of type int"),
        ([], "the list is empty"),
    ],
)
def test_what_is_neither_run_nor_network_is_a_sentence(given, sentence):
    with pytest.raises(ConfigError, match=sentence):
        op.analyse(given, "prune", progress=False)


def test_one_run_too_many_is_a_sentence(network):
    with pytest.raises(ConfigError, match="`tails` takes 1 run, got 2"):
        op.analyse([network, network], "tails", progress=False)


def test_networks_of_one_name_and_of_other_kinds_are_told_apart():
    """Tables have a row of each, whatever the precision and depth of the others."""
    with jax.enable_x64(True):
        wide = op.two_layer(6, 3, 2, scaling="ntk", key=jax.random.key(0))
    narrow = op.two_layer(6, 4, 2, scaling="ntk", key=jax.random.key(1))
    deep = op.networks.mlp((6, 4, 3, 2), key=jax.random.key(2))
    networks = [wide, narrow, deep]
    findings = op.analyse(networks, "balance", progress=False)
    names = [f"network ({i})" for i in (1, 2, 3)]
    told = findings.tables["neurons"]["run"].unique(maintain_order=True)
    assert told.to_list() == names
    assert {key.partition(":")[0] for key in findings.summary} == set(names)


def test_what_needs_a_loss_takes_the_usual_one_of_given_data(dataset):
    """Cross-entropy of classes, half the squared error of numbers."""
    network = op.two_layer(6, 5, 2, scaling="ntk", key=jax.random.key(3))
    shown = {"data": dataset, "progress": False}
    risks = op.analyse(network, "surplus", **shown).tables["surplus"]
    outputs = np.asarray(network(dataset.train.x), np.float64)
    top = np.log(np.exp(outputs).sum(axis=1))
    loss = np.mean(top - outputs[np.arange(len(outputs)), dataset.train.y])
    assert risks["risk"].max() >= risks["risk"][0] == pytest.approx(loss, rel=1e-5)


def test_whole_numbers_are_targets_where_there_are_no_classes():
    network = op.two_layer(3, 4, 1, scaling="ntk", key=jax.random.key(0))
    x = np.random.default_rng(0).standard_normal((8, 3)).astype("f4")
    y = np.arange(8).reshape(-1, 1)
    data = TrainTest(Batch(x, y), Batch(x, y))
    findings = op.analyse(
        network, "prune", data=data, ratios=np.array([0.0]), progress=False
    )
    expected = 0.5 * np.mean((np.asarray(network(x)) - y) ** 2)
    table = findings.tables["pruning"].filter(criterion="parameter-ratio", level=0.0)
    assert table["train_loss"].item() == pytest.approx(expected, rel=1e-5)


def test_given_data_count_more_than_what_was_planted_or_stored(run):
    """The certified problem and the risk are those of the data that were given."""
    network = run.network
    d = network.weights.shape[0]
    x = np.random.default_rng(1).standard_normal((7, d)).astype("f4")
    y = np.ones((7, network.readout.shape[1]), "f4")
    data = TrainTest(Batch(x, y))
    table = run.analyse("surplus", data=data, progress=False).tables["surplus"]
    loss = 0.5 * np.mean(np.sum((np.asarray(network(x)) - y) ** 2, axis=1))
    assert table["risk"][0] == pytest.approx(loss, rel=1e-4)
    found = op.analyse(run, "certificate", data=data, penalty=0.1, progress=False)
    incoming = np.linalg.norm(network.weights, axis=0)
    outgoing = network.scale * np.linalg.norm(network.readout, axis=1)
    assert found.summary["objective of the balanced network"] == pytest.approx(
        7 * loss + 0.1 * np.sum(incoming * outgoing), rel=1e-5
    )


def test_several_networks_are_compared(run):
    networks = [
        op.two_layer(6, 16, 2, scaling="ntk", key=jax.random.key(seed))
        for seed in range(2)
    ]
    findings = op.analyse(networks, "prune", progress=False)
    assert findings.summary["runs"] == 2
    with pytest.raises(ConfigError, match="is named 2 times"):
        op.analyse([run, run], "compare", progress=False)


def test_findings_say_what_they_are_in_a_line(run):
    findings = run.analyse("surplus", store=False, progress=False)
    assert repr(findings).startswith("Findings(tables: ")
    for name in findings.summary:
        assert f"\n  {name}: " in repr(findings)
    for note in findings.notes:
        assert f"\n  note: {note}" in repr(findings)
    html = findings._repr_html_()
    assert "data:image/png" in html
    for name in findings.summary:
        assert name in html
    empty = dataclasses.replace(findings, figures={}, notes=["Read <this>."])
    assert "Read &lt;this&gt;." in empty._repr_html_()


def test_what_applies_is_readable_where_it_is_printed(run):
    told = str(run.analyse()).splitlines()
    names = [line.split()[0] for line in told[2:]]
    assert names == list(ANALYSES)
    for line, refused in zip(
        told[2:], refusals([as_subject(run)]).values(), strict=True
    ):
        assert line.split()[1] == ("no" if refused else "yes")
        assert line.endswith(refused or "?")
    many = op.Findings(tables={"norms": pl.DataFrame({"norm": np.arange(30) / 8})})
    assert str(many).endswith("  2.375\n  ... and 10 more rows")


def test_without_a_network_no_data_are_asked_for(tmp_path):
    with open_run(tmp_path, "toy", {"width": 3}, {}) as toy:
        toy.write(RunRecord(status="finished", metrics={"step": [1]}))
    (run,) = op.open(tmp_path)
    assert "--dataset" not in str(run.analyse())
    with pytest.raises(ConfigError, match="holds no network"):
        run.analyse("resample", progress=False)


def test_pruned_runs_are_told_apart_by_the_fields_in_which_they_differ(run):
    root = run.stored.path.parents[1]
    other = op.run("planted", runs=root, progress=False, **SMALL, seed=1)
    findings = op.analyse([run, other], "prune", errors=(), store=False, progress=False)
    table = findings.tables["pruning"]
    assert set(table.select("run", "seed").rows()) == {
        (each.stored.path.name, each.config["seed"]) for each in (run, other)
    }
    legend = findings.figures["pruning"].axes[0].get_legend()
    told = [text.get_text() for text in legend.get_texts()]
    assert f"{other.stored.path.name}: seed 1" in told
