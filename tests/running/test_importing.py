"""Networks of files as runs: found again, analysed, exported, and refused."""

import json
from itertools import pairwise

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import overparam as op
from overparam.cli.main import run_command
from overparam.errors import ConfigError, StoreError


RNG = np.random.default_rng(0)


def state(widths=(64, 12, 10), *, seed=0):
    """A network of PyTorch's names for the digits of scikit-learn."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for index, (before, after) in enumerate(pairwise(widths)):
        weights = rng.standard_normal((after, before)) / np.sqrt(before)
        arrays[f"{2 * index}.weight"] = weights.astype(np.float32)
        arrays[f"{2 * index}.bias"] = 0.1 * np.ones(after, np.float32)
    return arrays


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file(state(), "net.safetensors")
    return "net.safetensors"


def test_a_network_is_stored_and_found_again(file, tmp_path):
    run = op.import_network(file, dataset="digits", name="mine")
    assert (run.study, run.status) == ("imported", "finished")
    assert run.config["name"] == "mine"
    assert run.summary["file"] == "net.safetensors"
    (tmp_path / file).rename(tmp_path / "other.safetensors")
    again = op.import_network("other.safetensors", dataset="digits", name="mine")
    assert again.stored.path == run.stored.path
    np.testing.assert_array_equal(run.network.layers[0], state()["0.weight"].T)
    save_file(state(seed=1), file)
    other = op.import_network(file, dataset="digits", name="mine")
    assert other.stored.id != run.stored.id
    assert len(op.open().where(study="imported")) == 2


def test_a_start_is_kept(file):
    save_file(state(seed=1), "start.safetensors")
    run = op.import_network(file, start="start.safetensors")
    np.testing.assert_array_equal(run.kept(0).layers[0], state(seed=1)["0.weight"].T)
    save_file(state((64, 13, 10)), "start.safetensors")
    with pytest.raises(ConfigError, match="differ in `"):
        op.import_network(file, start="start.safetensors")


def test_of_the_two_gelus_the_other_one_is_told(file):
    """They differ by 5e-4, and `nn.GELU()` is the one that has the longer name here."""
    (note,) = op.import_network(file, activation="gelu").notes
    assert "take `exact-gelu` unless told otherwise" in note
    assert not op.import_network(file, activation="exact-gelu").notes


def test_scores_are_those_of_the_network_on_the_data(file):
    run = op.import_network(file, dataset="digits")
    found = run.analyse("prune", errors=(), ratios=(0.0,), progress=False)
    data = op.load_data("digits").scaled().flat()
    outputs = np.asarray(run.network(data.test.x))
    share = float(np.mean(np.argmax(outputs, axis=1) == data.test.y))
    assert found.tables["pruning"]["test_accuracy"][0] == pytest.approx(share)


def test_the_certificate_holds_an_output_bias_at_its_value(file):
    """The same neurons without it have the same bound on targets less it."""
    options = {"dataset": "digits", "loss": "squared", "penalty": 1e-2}
    run = op.import_network(file, **options)
    found = run.analyse("certificate", n_samples=400, progress=False).summary
    arrays = state()
    bias = arrays.pop("2.bias")
    save_file(arrays, "alone.safetensors")
    alone = op.import_network("alone.safetensors", **options).network
    data = op.load_data("digits").scaled().flat()
    x = data.train.x
    y = np.eye(10)[data.train.y] - bias
    shifted = op.data.Batch(x, y.astype(np.float32))
    view = op.networks.two_layer_view(alone).plain()
    from overparam.convex.certificates.several_outputs import certify_outputs

    inputs = np.concatenate([shifted.x[:400], np.ones((400, 1))], axis=1)
    wanted = certify_outputs(view, inputs, y[:400], penalty=1e-2 * 400)
    (lower,) = [value for name, value in found.items() if "lower bound" in name]
    # Too many for a search, whose end would depend on the clock. Both solve the same
    # problem; targets are rounded to float32 in one of them.
    assert lower == pytest.approx(wanted.lower, rel=1e-5)
    assert found["penalty"] == pytest.approx(1e-2 * 400)


def test_weights_that_are_no_network_have_tails_and_ratios_only(file):
    arrays = {
        "embedding.weight": RNG.standard_normal((30, 12)).astype(np.float32),
        "query.weight": RNG.standard_normal((24, 12)).astype(np.float32),
    }
    save_file(arrays, file)
    run = op.import_network(file)
    assert "no layer takes what another one gives" in run.notes[-1]
    applies = {
        row["analysis"]
        for row in run.analyse(progress=False).tables["analyses"].to_dicts()
        if row["applies"] == "yes"
    }
    assert applies == {"tails", "prune"}
    found = run.analyse("prune", errors=(0.1,), ratios=(), progress=False)
    named = run.weights
    alone = op.analyse(named, "prune", errors=(0.1,), ratios=(), progress=False)
    ratio = alone.tables["pruning"]["pruning_ratio"][0]
    assert found.tables["pruning"]["pruning_ratio"][0] == ratio > 0
    tails = op.analyse(named, "tails", estimators="hill", progress=False)
    assert set(tails.tables["tails"]["layer"]) == set(arrays)
    with pytest.raises(ConfigError, match="no network of a known form: no layer takes"):
        _ = run.network


def test_data_of_ones_own_are_named_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    x = RNG.standard_normal((60, 4))
    np.savez("mine.npz", x=x, y=x[:, :1] ** 2)
    save_file(state((4, 8, 1)), "net.safetensors")
    run = op.import_network("net.safetensors", dataset="mine.npz", penalty=0.1)
    found = run.analyse("certificate", progress=False)
    assert found.summary["penalty"] > 0


COMMANDS = {
    "no file": (["import"], "Name a file"),
    "absent": (["import", "none.pt"], "cannot be read"),
    "format": (["import", "net.h5"], "of no known format"),
    "activation": (["import", "net.safetensors", "--activation", "rleu"], "relu"),
    "data": (["import", "net.safetensors", "--dataset", "mnits"], "mnist"),
    "add": (["import", "net.safetensors", "--dataset", "prices"], "data add NAME"),
    "inputs": (["import", "net.safetensors", "--dataset", "mnist"], "shape (784,)"),
    "other start": (["import", "net.safetensors", "--start", "s.npz"], "no start of"),
    "pools": (["import", "net.safetensors", "--pools", "a,b"], "`pools` must be"),
    "order": (["import", "net.safetensors", "--order", "a"], "name every layer once"),
    "penalty": (["import", "net.safetensors", "--penalty", "-1"], "at least 0"),
    "start": (["import", "net.safetensors", "--start", "none.pt"], "cannot be read"),
    "twice": (["import", "net.safetensors", "net.safetensors"], "the same name"),
    "export": (["export", "ffff", "--to", "onnx", "--out", "o"], "No run under"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_bad_input_is_one_sentence(name, file, tmp_path, capsys):
    (tmp_path / "net.h5").write_bytes(b"0")
    np.savez("s.npz", **state((64, 13, 10)))
    (tmp_path / "runs").mkdir()
    words, expected = COMMANDS[name]
    assert run_command(words) != 0
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert expected in told
    assert not list((tmp_path / "runs").iterdir())


def test_import_and_export_from_the_command_line(file, capsys):
    assert run_command(["import", file, "--dataset", "digits", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    name = said["run"].rpartition("/")[2]
    assert said["summary"]["network"] == "MLP"
    assert run_command(["export", name[:6], "--to", "torch", "--out", "t"]) == 0
    found = load_file("t/weights.safetensors")
    weights = {array.shape: array for array in found.values()}
    np.testing.assert_array_equal(weights[12, 64], state()["0.weight"])
    assert run_command(["export", said["run"], "--to", "torch", "--out", "t"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert run_command(["import", file, "--dataset", "digits"]) == 0
    assert "stored before" in capsys.readouterr().err


def test_a_run_without_a_network_cannot_be_exported(tmp_path):
    from overparam.running.exporting import export_network

    run = op.run(
        "planted",
        runs=tmp_path,
        width=2,
        epochs=1,
        samples_per_epoch=20,
        progress=False,
    )
    files = export_network(run.stored, to="torch", folder=tmp_path / "out")
    assert [path.name for path in files] == ["weights.safetensors", "module.py"]
    with pytest.raises((ConfigError, StoreError), match="is not empty"):
        export_network(run.stored, to="torch", folder=tmp_path / "out")
