"""What nobody foresaw: one sentence, and a file with the traceback."""

import errno
import os
import re
import sys
import tempfile
from pathlib import Path

import pytest

from overparam.cli import main
from overparam.cli.main import run_command
from overparam.plugins import load_file


def failing(monkeypatch, error):
    def fail(argv):
        raise error

    monkeypatch.setattr(main, "_run", fail)


class Panic(BaseException):
    """Like what Polars raises where it has no more files to open."""


@pytest.mark.parametrize("kind", [KeyError, Panic])
def test_an_unforeseen_error_is_a_sentence_that_names_its_traceback(
    monkeypatch, capsys, tmp_path, kind
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    failing(monkeypatch, kind("no such thing"))
    assert run_command([]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    said = f"overparam: Something unforeseen happened ({kind.__name__}: "
    assert error.startswith(said)
    [path] = re.findall(r"`(.*)`", error)
    assert "in fail\n" in Path(path).read_text()


def test_where_a_file_of_ones_own_failed_its_innermost_line_is_named(
    monkeypatch, capsys, tmp_path
):
    file = tmp_path / "mine_that_fails.py"
    file.write_text("def outer():\n    inner()\n\ndef inner():\n    {}['a']\n")
    load_file(file)
    outer = sys.modules["overparam_with_mine_that_fails"].outer
    monkeypatch.setattr(main, "_run", lambda argv: outer())
    assert run_command([]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"overparam: `{file}` failed in line 5 (KeyError: 'a'); ")
    assert "report" not in error


def test_where_no_file_can_be_written_the_traceback_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    failing(monkeypatch, KeyError("no such thing"))
    assert run_command([]) == 1
    error = capsys.readouterr().err
    assert "its traceback, which follows." in error
    assert "Traceback (most recent call last)" in error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "x"), "`x` cannot be used"),
        (OSError(errno.ENOSPC, "No space"), "The output cannot be written (No space)"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "current folder does not"),
        (MemoryError("8 bytes"), "The memory does not suffice (MemoryError: 8 bytes)"),
        (RuntimeError("RESOURCE_EXHAUSTED: 8"), "The memory does not suffice"),
    ],
)
def test_what_the_system_refuses_is_no_bug(monkeypatch, capfd, error, sentence):
    monkeypatch.setattr("overparam.cli.main.give_output_up", lambda: None)
    failing(monkeypatch, error)
    assert run_command([]) == 1
    assert sentence in capfd.readouterr().err


def test_a_folder_that_is_gone_is_a_sentence(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    try:
        assert run_command(["doctor"]) == 1
    finally:
        os.chdir(tmp_path)
    assert "The current folder does not exist any more" in capsys.readouterr().err
