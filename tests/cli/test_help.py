"""Help says everything once, within the terminal."""

import itertools

import pytest

from overparam.cli.main import VERBS, run_command
from overparam.cli.verbs.completion import completed


# What these take is a name and no options.
_NAMES = ("cite", "completion")
LINES = [
    [],
    *([verb] for verb in VERBS),
    *(
        [verb, *["RUN"] * (verb == "analyse"), subject]
        for verb, words in completed().items()
        for subject in filter(None, words)
        if verb not in _NAMES
    ),
]


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_help_fits_into_the_terminal(words, capsys, monkeypatch):
    for columns in (80, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run_command([*words, "--help"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines
        assert max(map(len, lines)) <= columns


@pytest.mark.parametrize("words", [["plot"], ["run", "planted"], ["analyse", "RUN"]])
def test_what_a_verb_is_about_is_said_once(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command([*words, "--help"]) == 0
    told = capsys.readouterr().out
    about = told.split("\n\n")[1]
    assert told.count(about) == 1
    assert told.count(about.split(".")[0]) == 1


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_a_line_of_an_option_is_full(words, capsys, monkeypatch):
    """The source has its lines elsewhere than the terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command([*words, "--help"]) == 0
    # Tyro fills the lines of its tables with spaces; their frames may be left out.
    lines = capsys.readouterr().out.splitlines()
    table = [line.strip("│") for line in lines if len(line) == 80]
    for line, following in itertools.pairwise(table):
        rest = following.lstrip()
        indent = len(following) - len(rest)
        of_a_text = line[indent - 2 : indent] == "  " and " ..." not in line[:indent]
        if rest and indent > 4 and of_a_text:
            assert len(line.rstrip()) + len(rest.split()[0]) > len(line) - 4


def test_a_paragraph_is_one_whatever_its_lines_begin_with(capsys, monkeypatch):
    """In the source a line of it begins with a backquote."""
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command(["plot", "--help"]) == 0
    told = capsys.readouterr().out
    assert "Against a field, such as `--x width`, the last record of every run" in told
