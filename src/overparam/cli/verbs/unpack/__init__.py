"""`overparam unpack RUNS`: the folders of packed runs again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tyro

from ....progress import Reporter, counted
from ....store.find import runs_folder
from ....store.packing import unpack
from ...arguments import parse
from ...show import tell


@dataclass(frozen=True, kw_only=True)
class Unpacking:
    """Give every run of `RUNS/packed.sqlite` its folder back, and remove the file.

    All of the file is checked before anything is written, so it may be anybody's.
    Stopped at any moment it loses nothing; the same command goes on.

    Examples:
      overparam unpack runs
    """

    runs: tyro.conf.Positional[Path] = field(default_factory=runs_folder)
    """Folder of all runs; the environment variable OVERPARAM_RUNS changes it."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Unpacking]}


def main(argv: Sequence[str]) -> int:
    """Unpack a folder of runs."""
    root = parse(Unpacking, argv, prog="overparam unpack").runs
    with Reporter("unpack", unit="run") as reporter:
        n_moved = unpack(root, progress=reporter)
    tell(f"{counted(n_moved, 'run')} unpacked into folders in {root}.")
    return 0
