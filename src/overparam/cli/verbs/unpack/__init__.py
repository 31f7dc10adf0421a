"""`overparam unpack RUNS`: the folders of packed runs again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....progress import Reporter, counted
from ....store.packing import unpack
from ...arguments import OfRuns, parse
from ...show import tell


@dataclass(frozen=True, kw_only=True)
class Unpacking(OfRuns):
    """Give every run of `RUNS/packed.sqlite` its folder back, and remove the file.

    All of the file is checked before anything is written, so it may be anybody's.
    Stopped at any moment it loses nothing; the same command goes on.

    Examples:
      overparam unpack runs
    """


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
