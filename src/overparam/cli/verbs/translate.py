"""`overparam translate 'python main.py ...'`: a published command as ours."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from ...studies.translating import translate
from ..arguments import parse
from ..show import print_json, tell


@dataclass(frozen=True, kw_only=True)
class Translating:
    """Print a published command line as a command of ours; nothing is run.

    What differs in meaning is told beside it. Published defaults that differ from ours
    are written out.

    Examples:
      overparam translate 'python main.py --iterate_noise 1 --width 5000'
      overparam translate 'run_experiment([60, 120], [0.1], [10], epochs=200)'
    """

    line: tyro.conf.Positional[str]
    """The published command line, in quotes."""
    json: bool = False
    """Print as JSON."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Translating]}


def main(argv: Sequence[str]) -> int:
    """Translate."""
    asked = parse(Translating, _quoted(argv), prog="overparam translate")
    found = translate(asked.line)
    if asked.json:
        print_json(
            [
                {
                    "study": each.study,
                    "program": each.program.name,
                    "command": each.command,
                    "differs": each.says,
                }
                for each in found
            ]
        )
        return 0
    for each in found:
        mark = f"  # {each.program.name}" if len(found) > 1 else ""
        print(each.command + mark)
    for sentence in dict.fromkeys(says for each in found for says in each.says):
        tell(f"note: {sentence}")
    return 0


def _quoted(argv: Sequence[str]) -> list[str]:
    """The line as one word, where the quotes were forgotten."""
    own = list(argv[:1]) if argv[:1] == ["--json"] else []
    line = list(argv[len(own) :])
    if len(line) < 2 or line[0].startswith("-") or line[1:] == ["--json"]:
        return list(argv)
    return [*own, shlex.join(line)]
