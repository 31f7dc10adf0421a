"""Printed tables: on a narrow terminal columns are left out, never shortened."""

import sys

import pytest

from overparam.cli.main import run_command
from overparam.cli.show import print_table
from overparam.store import RunRecord, open_run


IDS = ["3f2a0c4d5e6f", "9b1c77aa0e12.2"]


@pytest.fixture
def terminal(monkeypatch):
    def of_width(columns):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))

    return of_width


def printed(capsys, *table):
    print_table(*table)
    return capsys.readouterr()


@pytest.mark.parametrize("columns", [1, 20, 40, 80])
def test_a_narrow_terminal_shows_whole_columns_and_names_the_others(
    terminal, capsys, columns
):
    terminal(columns)
    headers = ["id", *(f"column_{i}" for i in range(20))]
    rows = [[name, *(i / 3 for i in range(20))] for name in IDS]
    seen = printed(capsys, headers, rows)
    assert all(name in seen.out for name in IDS)
    shown = seen.out.splitlines()[0].split()
    assert [*shown, *seen.err.rpartition(": ")[2].strip(".\n").split(", ")] == headers
    assert columns < 14 or max(map(len, seen.out.splitlines())) <= columns


def test_of_very_many_columns_left_out_the_first_are_named(terminal, capsys):
    terminal(20)
    seen = printed(capsys, [f"column_{i}" for i in range(100)], [range(100)])
    assert "column_30" not in seen.err
    assert seen.err.endswith(" more.\n")


def test_sentences_are_wrapped_between_words(terminal, capsys):
    terminal(30)
    sentence = "Does width help to recover a planted teacher?"
    seen = printed(capsys, ["study", ""], [["planted", sentence]])
    assert max(map(len, seen.out.splitlines())) <= 30
    assert " ".join(seen.out.split()).endswith(sentence.split(" ", 1)[1])
    assert not seen.err


def test_a_ruler_is_no_wider_than_a_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    seen = printed(capsys, ["why"], [["a sentence of many words " * 30]])
    assert seen.out.splitlines()[1] == "-" * 80


def test_a_pipe_gets_everything_on_one_line(capsys):
    row = ["x" * 50, *(f"value-{i}" for i in range(100))]
    seen = printed(capsys, [f"c{i}" for i in range(101)], [row])
    assert seen.out.splitlines()[2].split() == row
    assert printed(capsys, ["a", "b"], []).out.splitlines()[0] == "a  b"


def test_a_terminal_shows_the_runs_of_each_study_by_what_differs(
    terminal, capsys, tmp_path
):
    """In one table the fields of the first leave no room for those of the other."""
    for study in ("alpha", "beta"):
        for value in (1, 2):
            config = {f"{study}_field_{i}": value for i in range(9)}
            with open_run(tmp_path, study, config, {}) as run:
                run.write(RunRecord(status="finished", summary={f"of_{study}": value}))
    assert run_command(["table", str(tmp_path)]) == 0
    whole = capsys.readouterr().out.splitlines()
    assert len(whole) == 2 + 4
    terminal(80)
    assert run_command(["table", str(tmp_path)]) == 0
    alpha, beta = capsys.readouterr().out.split("\n\n")
    assert alpha.startswith("alpha\n")
    assert beta.startswith("beta\n")
    assert "alpha_field_0" in alpha
    assert "beta_field_0" in beta
    assert "beta" not in alpha
    assert "alpha" not in beta
