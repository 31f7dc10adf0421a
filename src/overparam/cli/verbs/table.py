"""`overparam table RUNS`: stored runs as one tidy frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from ..arguments import parse
from ..show import print_json, print_table, tell


if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class Tabulating:
    """Gather stored runs into one table: config, status and summary of each.

    Examples:
      overparam table runs --study planted
      overparam table runs --rows records --out planted.parquet
    """

    runs: tyro.conf.Positional[Path] = Path("runs")
    """Folder of all runs."""
    study: str | None = None
    """Only the runs of this study."""
    rows: Literal["runs", "records"] = "runs"
    """One row per run, or one per record of each run."""
    out: Path | None = None
    """Write to this file (.csv, .parquet or .json) instead of printing."""
    json: bool = False
    """Print as JSON."""


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Tabulating]}


def main(argv: Sequence[str]) -> int:
    """Gather runs into a table."""
    tabulating = parse(Tabulating, argv, prog="overparam table")
    from ...store.table import gather, write_table

    gathered = gather(
        tabulating.runs,
        study=tabulating.study,
        metrics="summary" if tabulating.rows == "runs" else "records",
    )
    frame = gathered.frame
    for unreadable in gathered.unreadable:
        tell(f"left out: {unreadable.reason}")
    if gathered.n_unverified:
        tell(
            f"{gathered.n_unverified} of these runs are unverified: they are of schema "
            "1, in which a change of config or status leaves no trace."
        )
    if tabulating.out is not None:
        write_table(frame, tabulating.out)
        tell(f"{frame.height} rows in {tabulating.out}")
    elif tabulating.json:
        print_json(frame.to_dicts())
    else:
        columns = _printed(frame)
        print_table(columns, frame.select(columns).rows())
    return 0


def _printed(frame: "pl.DataFrame") -> list[str]:
    """Columns for a person: what a run is and how it ended first, long text last."""
    # Columns that never change say nothing in a printed table.
    varying = [
        name
        for name in frame.columns
        if name == "id" or frame.height < 2 or frame[name].n_unique() > 1
    ]
    ends = {"id": -3, "study": -2, "status": -1, "error": 1, "path": 2}
    return sorted(varying, key=lambda name: ends.get(name, 0))
