"""`overparam compare RUN_A RUN_B`: what differs between two stored runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ...errors import ConfigError
from ...store.compare import Difference, compare
from ...store.read import read_run
from ...store.resolve import resolve_run
from ..arguments import Storage, parse_all
from ..show import fits, print_json, print_table, tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """Tell what differs between two runs: configuration, environment, outcome.

    Examples:
      overparam compare 3f2a 9b1c
      overparam compare 3f2a 3f2a.2 --json
    """

    one: tyro.conf.Positional[Path]
    """Folder of a run, or the beginning of its id."""
    other: tyro.conf.Positional[Path]
    """The other run."""
    json: bool = False
    """Print as JSON."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Comparing, Storage]}


def main(argv: Sequence[str]) -> int:
    """Compare two runs."""
    comparing, storage = parse_all(
        forms()[""],
        argv,
        prog="overparam compare",
        description=Comparing.__doc__ or "",
    )
    paths = [
        resolve_run(storage.runs, str(p)) for p in (comparing.one, comparing.other)
    ]
    if paths[0].resolve() == paths[1].resolve():
        raise ConfigError(f"Both names mean the run `{paths[0]}`: name two runs.")
    tell_unverified(read_run(path) for path in paths)
    found = compare(*paths)
    kinds: dict[str, tuple[Difference, ...]] = {
        "config": found.config,
        "outcome": found.outcome,
        "metrics": found.metrics,
        "environment": found.environment,
    }
    if comparing.json:
        print_json(kinds)
        return 0
    names = [path.name for path in paths]
    rows = [(k, d.name, d.one, d.other) for k, ds in kinds.items() for d in ds]
    if fits(["", "", *names], rows):
        print_table(["", "", *names], rows)
    else:  # One below the other: without its second run a comparison is none.
        pairs = [
            (f"{kind} {name}", *value)
            for kind, name, *values in rows
            for value in zip(names, values, strict=True)
        ]
        print_table(["", "run", "value"], pairs)
    if found.same_numbers:
        tell("Their numbers are the same to the last bit.")
    return 0
