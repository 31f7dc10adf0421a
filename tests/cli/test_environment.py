"""Environments full of nonsense: the answer stays, or one sentence comes."""

import os
import subprocess
import sys

import pytest

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
