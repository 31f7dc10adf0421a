"""Every command in the documents and in the help is one that the parsers take."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from overparam.cli.main import VERBS
from overparam.cli.options import read


ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS += sorted((ROOT / "src").rglob("*options.py"))
TEXTS += sorted((ROOT / "src").rglob("config.py"))
TEXTS += sorted((ROOT / "src/overparam/cli/verbs").glob("*.py"))
COMMAND = re.compile(rf"^ *overparam ((?:{'|'.join(VERBS)}) .*)$", re.MULTILINE)


def commands():
    for path in TEXTS:
        for line in COMMAND.findall(path.read_text()):
            if not re.search(r"[|>{<]|\.\.\.|--help|[A-Z]{3}", line):
                yield line.split("  ")[0].strip('"')


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_the_parser_takes_it(line):
    verb, *words = shlex.split(line, comments=True)
    forms = importlib.import_module(f"overparam.cli.verbs.{verb}").forms()
    subject = next((word for word in words if word in forms), "")
    kinds = forms[subject]
    if verb == "analyse":
        words = words[words.index(subject) :]
    if verb in ("run", "describe", "analyse", "data"):
        words = words[1:]
    if kinds:
        read(words, kinds, prog="overparam")


def test_there_are_many():
    assert len(set(commands())) > 30
