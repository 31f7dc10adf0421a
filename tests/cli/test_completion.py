"""Completion offers what the parsers take: every flag of every verb, and no other."""

import importlib
import re
import subprocess

import pytest

from overparam.cli.main import VERBS, run_command
from overparam.cli.verbs.completion import completed


FORMS = [
    (verb, subject)
    for verb, words in completed().items()
    for subject, those in words.items()
    if those
]
LINES = {"analyse": ["RUN"]}


def arguments(verb, subject):
    return [verb, *LINES.get(verb, []), *filter(None, [subject])]


@pytest.mark.parametrize(("verb", "subject"), FORMS)
def test_the_words_are_those_that_help_shows(verb, subject, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert run_command([*arguments(verb, subject), "--help"]) == 0
    # Options begin a line, in a box or not.
    help_text = capsys.readouterr().out
    lines = re.findall(r"^[│| ] (--?\w.*?)(?:  | [│|]|$)", help_text, re.M)
    flags = {
        part.split()[0]
        for line in lines
        for part in line.split(", ")
        if part.startswith("-")
    }
    words = {word for word in completed()[verb][subject] if word.startswith("-")}
    assert words == flags - {"-h"}


@pytest.mark.parametrize(("verb", "subject"), FORMS)
def test_no_offered_flag_is_unknown_to_the_parser(verb, subject, capsys, monkeypatch):
    module = importlib.import_module(f"overparam.cli.verbs.{verb}")
    assert subject in module.forms()
    for word in completed()[verb][subject]:
        if word.startswith("--") and word != "--help":
            # Then comes one that there is not, so that nothing is run.
            line = [*arguments(verb, subject), word, "1", "--no-such-option"]
            assert run_command(line) == 2
            assert f"has no option {word!r}" not in capsys.readouterr().err, word


def complete(script, *words):
    line = " ".join(f"'{word}'" for word in words)
    asked = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
    shell = subprocess.run(
        ["bash", "-c", asked + '_overparam; echo "${COMPREPLY[@]}"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not shell.stderr
    return shell.stdout.split()


def test_the_script_of_bash_completes(capsys):
    assert run_command(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert complete(script, "overparam", "") == list(VERBS)
    assert "planted" in complete(script, "overparam", "run", "pla")
    assert complete(script, "overparam", "run", "planted", "--wid") == ["--width"]
    assert "--no-standardise" in complete(script, "overparam", "run", "features", "--")
    images = ["overparam", "describe", "images"]
    assert "--multiplier" in complete(script, *images, "--mul")
    assert complete(script, "overparam", "sweep", "planted", "wid") == ["width="]
    assert complete(script, "overparam", "sweep", "planted", "--dry") == ["--dry-run"]
    assert complete(script, "overparam", "analyse", "x", "bal") == ["balance"]
    assert complete(script, "overparam", "data", "ver") == ["verify"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_a_script(shell, capsys):
    assert run_command(["completion", shell]) == 0
    assert "--learning-rate" in capsys.readouterr().out
