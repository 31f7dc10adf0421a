"""Every command in the documents and in the help is one that the parsers take."""

import importlib
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from overparam.cli.main import VERBS
from overparam.cli.options import read


ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS += sorted((ROOT / "src").rglob("*options.py"))
TEXTS += sorted((ROOT / "src").rglob("config.py"))
TEXTS += sorted((ROOT / "src/overparam/cli/verbs").rglob("*.py"))
COMMAND = re.compile(rf"^ *overparam ((?:{'|'.join(VERBS)}) .*)$", re.MULTILINE)


def commands():
    for path in TEXTS:
        # A backslash at the end goes on with the next line.
        for line in COMMAND.findall(re.sub(r"\\\n *", " ", path.read_text())):
            # Studies of a file of one's own are run by the tests of their page.
            if not re.search(r"[|>{<]|\.\.\.|--help|--with|[A-Z]{3}", line):
                line = line.split("  ")[0]
                yield line.strip('"') if line.count('"') % 2 else line


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """Data of one's own in the folder of a user who has no others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    x = np.arange(24.0).reshape(8, 3)
    np.savez("mine.npz", x=x, y=np.arange(8) % 2)


@pytest.mark.parametrize("line", sorted(set(commands())))
@pytest.mark.usefixtures("own_data")
def test_the_parser_takes_it(line):
    verb, *words = shlex.split(line, comments=True)
    forms = importlib.import_module(f"overparam.cli.verbs.{verb}").forms()
    subject = next((word for word in words if word in forms), "")
    kinds = forms[subject]
    if verb == "analyse":
        words = words[words.index(subject) :]
    if verb in ("run", "describe", "analyse", "data", "new"):
        words = words[1:]
    if kinds:
        read(words, kinds, prog="overparam")


def test_there_are_many():
    assert len(set(commands())) > 30
