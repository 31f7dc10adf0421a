"""Environments full of nonsense: the answer stays, or one sentence comes."""

import os
import subprocess
import sys

import pytest

from overparam.cli.main import run_command
from overparam.cores import n_cores, n_threads


def run(*words, cwd=None, **environment):
    return subprocess.run(
        [sys.executable, "-m", "overparam", *words],
        env=os.environ | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"COLUMNS": "0"},
        {"COLUMNS": "1"},
        {"COLUMNS": "abc"},
        {"TERM": "dumb", "NO_COLOR": "1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
def test_help_is_printed_in_any_terminal(environment):
    ended = run("run", "planted", "--help", **environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--width" in ended.stdout


@pytest.mark.parametrize(
    ("name", "value", "command", "code"),
    [
        ("OVERPARAM_RUNS", "/dev/null", "table /dev/null", 1),
        ("OVERPARAM_RUNS", "/dev/null/x", "compare a b", 1),
        ("OVERPARAM_DATA", "/nonexistent", "data list", 3),
    ],
)
def test_a_folder_that_is_none_is_a_sentence(name, value, command, code):
    ended = run(*command.split(), **{name: value})
    assert ended.returncode == code
    assert ended.stderr.startswith("overparam: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ["", "0", "-1", "many", "9" * 5000, "٣", "1e3"])
def test_a_number_of_threads_that_is_none_is_ignored(value, monkeypatch):
    monkeypatch.setenv("NPROC", value)
    assert n_threads() == n_cores()


@pytest.mark.parametrize("verb", ["run", "sweep"])
def test_a_compiled_program_cut_short_is_compiled_again(verb, tmp_path):
    """A full disk leaves pieces of programs, which JAX neither mends nor forgets."""
    kept = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    small = "planted epochs=3 width=4 samples_per_epoch=40 learning_rate=.01,.02"
    if verb == "run":
        small = "planted --epochs 3 --width 4 --samples-per-epoch 40"
    small = f"{verb} {small} --runs {tmp_path / 'runs'}"
    seeds = {"run": "--seed {0}", "sweep": "seed={0}1,{0}2,{0}3 --jobs 2"}[verb]
    first, then = (f"{small} {seeds.format(seed)}" for seed in (1, 2))
    assert run(*first.split(), **kept).returncode == 0
    folder = tmp_path / "compiled"
    assert list(folder.iterdir())
    for program in folder.iterdir():
        program.write_bytes(program.read_bytes()[:100])
    ended = run(*then.split(), **kept)
    assert ended.returncode == 0
    assert "Error reading" not in ended.stderr
    sizes = [program.stat().st_size for program in folder.iterdir()]
    assert len(sizes) > 3
    assert min(sizes) > 100


@pytest.mark.parametrize(
    "argv",
    [
        ["table"],
        ["report"],
        ["plot", "--study", "planted", "--y", "risk"],
        ["export", "--to", "mlflow", "--out", "tracked"],
        ["watch", "--once"],
        ["pack"],
        ["unpack"],
    ],
    ids=lambda argv: argv[0],
)
def test_the_folder_of_all_runs_is_that_of_the_environment(
    argv, tmp_path, monkeypatch, capsys
):
    """`run` writes there, so that these must read there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERPARAM_RUNS", str(tmp_path / "elsewhere"))
    run_command(argv)
    told = capsys.readouterr()
    assert "elsewhere" in told.out + told.err
