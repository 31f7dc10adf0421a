"""The commands that make stored runs again."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..store.files import read_sealed
from ..store.identity import option_words
from ..store.read import StoredRun
from ..store.status import texts


def command_of(run: StoredRun, defaults: Mapping[str, Any]) -> str:
    """`overparam run STUDY ...` with the options that differ from their defaults."""
    words = ["overparam", "run", run.study]
    return shlex.join([*words, *option_words(run.config, defaults)])


def commands_used(root: Path, runs: Iterable[StoredRun]) -> list[str]:
    """The command lines that made the runs, the most used first."""
    # The processes of a cluster were started by a command of its own.
    lines = Counter(_line(words) for words in _sweeps(root))
    lines += Counter(_line(_command(run)) for run in runs)
    return [line for line, _ in lines.most_common() if line]


def _sweeps(root: Path) -> Iterable[Sequence[str]]:
    for path in sorted((root / "sweeps").glob("*.json")):
        try:
            yield texts(path, read_sealed(path), "command")
        except StoreError:
            continue


def _command(run: StoredRun) -> Sequence[str]:
    try:
        return texts(run.path / "environment.json", run.environment, "command")
    except StoreError:
        return []


def _line(words: Sequence[str]) -> str:
    """A command line of ours, without the folder of the program."""
    if not words:
        return ""
    program = Path(words[0])
    ours = program.name == "overparam" or program.parts[-2:] == (
        "overparam",
        "__main__.py",
    )
    return shlex.join(["overparam", *words[1:]]) if ours else ""
