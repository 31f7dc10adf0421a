"""`overparam import FILE...`: the network of a file as a stored run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from ...errors import ConfigError
from ...processes import keep_compiled
from ...running.importing import Importing, import_files
from ..arguments import Storage, parse_all
from .run import RunOptions, print_run


@dataclass(frozen=True, kw_only=True)
class Files:
    """What to read."""

    files: tyro.conf.Positional[tuple[Path, ...]] = ()
    """A file, or the parts of one network."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Files, Importing, RunOptions, Storage]}


def main(argv: Sequence[str]) -> int:
    """Import a network."""
    named, importing, running, storage = parse_all(
        forms()[""],
        argv,
        prog="overparam import",
        description=Importing.__doc__ or "",
    )
    if not named.files:
        raise ConfigError("Name a file: `overparam import FILE`.")
    keep_compiled()
    done = import_files(named.files, importing, storage.runs, force=running.force)
    print_run(done, as_json=running.json)
    return 0
