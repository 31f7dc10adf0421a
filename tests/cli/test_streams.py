"""Standard streams that are closed, full or read by nobody: a sentence and a code."""

import os
import subprocess
import sys

import pytest


def run(command, **environment):
    return subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$PYTHON" -m overparam {command}'],
        env=os.environ | {"PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["--help", "list", "list --json", "cite planted"])
@pytest.mark.parametrize(
    ("where", "reason"),
    [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")],
)
def test_output_that_cannot_be_written_is_a_sentence(command, where, reason):
    ended = run(f"{command} {where}")
    assert ended.stderr == f"overparam: The output cannot be written ({reason}).\n"
    assert ended.returncode == 1


@pytest.mark.parametrize("command", ["--help", "list", "completion bash"])
def test_a_reader_that_leaves_ends_it_in_silence_as_sigpipe_would(command):
    ended = run(f"{command} | exec 0<&-")
    assert ended.stderr == ""
    assert ended.returncode == 141


@pytest.mark.parametrize("where", ["2>&-", "2> /dev/full", "<&- 2>&-"])
def test_a_stderr_that_takes_nothing_changes_no_code(where):
    assert run(f"list {where}").returncode == 0
    assert run(f"run planted --wdith 3 {where}").returncode == 2
    assert not run(f"run planted --wdith 3 {where}").stdout


def test_what_an_encoding_lacks_is_escaped():
    ended = run("run timescales --help", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert "Peyr\\xe9" in ended.stdout


def test_a_word_that_is_no_text_is_escaped():
    ended = run("run $'\\xff\\xfe'")
    assert "There is no study '\\udcff\\udcfe'" in ended.stderr
    assert ended.returncode == 2
