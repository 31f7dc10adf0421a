"""`overparam pack RUNS`: finished runs as one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ....progress import Reporter, counted
from ....store.packing import pack
from ...arguments import OfRuns, parse
from ...show import tell


@dataclass(frozen=True, kw_only=True)
class Packing(OfRuns):
    """Move finished runs into one verified file of their size, `RUNS/packed.sqlite`.

    Every verb reads them as before, and sweeps into the folder may go on. What runs,
    failed or is damaged stays. Stopped at any moment it loses nothing; the same command
    goes on. `overparam unpack` gives the folders back.

    Examples:
      overparam pack runs
    """


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Packing]}


def main(argv: Sequence[str]) -> int:
    """Pack a folder of runs."""
    root = parse(Packing, argv, prog="overparam pack").runs
    with Reporter("pack", unit="run") as reporter:
        done = pack(root, progress=reporter)
    for run in done.left:
        tell(f"left as it is: {run.reason}")
    archive = root / "packed.sqlite"
    if not done.moved and not archive.exists():
        tell(f"`{root}` holds no finished run that could be packed.")
    else:
        tell(f"{counted(done.moved, 'run')} packed into {archive}.")
    return 0
