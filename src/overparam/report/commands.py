"""The commands that make stored runs again."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
    lines: Counter[str] = Counter()
    for path in sorted((root / "sweeps").glob("*.json")):
        with suppress(StoreError):
            lines[_line(texts(path, read_sealed(path), "command"))] += 1
    for run in runs:
        with suppress(StoreError):
            about = run.path / "environment.json"
            lines[_line(texts(about, run.environment, "command"))] += 1
    return [line for line, _ in lines.most_common() if line]


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
