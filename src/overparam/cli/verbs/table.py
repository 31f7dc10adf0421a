"""`overparam table RUNS`: stored runs as one tidy frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...memory import uncollected
from ...progress import counted
from ...store.files import TABLES, check_ending
from ...store.find import no_run
from ..arguments import OfRuns, parse
from ..show import fits, print_json, print_table, tell, tell_unverified


if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class Tabulating(OfRuns):
    """Gather stored runs into one table: config, status and summary of each.

    Examples:
      overparam table runs --study planted
      overparam table runs --where width=120,240 status=finished
      overparam table runs --rows records --out planted.parquet
    """

    study: str | None = None
    """Only the runs of this study."""
    where: tuple[str, ...] = ()
    """Only runs with these values, as `width=120,240` or `seed=0..9`."""
    rows: Literal["runs", "records"] = "runs"
    """One row per run, or one per record of each run."""
    out: Path | None = None
    """Write to this file (.csv, .parquet or .json) instead of printing."""
    json: bool = False
    """Print as JSON."""

    def __post_init__(self) -> None:
        if self.out is not None:
            check_ending(self.out, TABLES, what="A table")


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Tabulating]}


@uncollected()
def main(argv: Sequence[str]) -> int:
    """Gather runs into a table."""
    tabulating = parse(Tabulating, argv, prog="overparam table")
    from ...running.choosing import chosen
    from ...store.tables import gather, write_table

    gathered = gather(
        tabulating.runs,
        study=tabulating.study,
        metrics="summary" if tabulating.rows == "runs" else "records",
    )
    for unreadable in gathered.unreadable:
        tell(f"left out: {unreadable.reason}")
    gathered = chosen(gathered, tabulating.where)
    frame = gathered.frame
    if frame.is_empty():
        tell(no_run(tabulating.runs, tabulating.study, wanted="finished run"))
    tell_unverified(gathered.runs)
    if tabulating.out is not None:
        write_table(frame, tabulating.out)
        tell(f"{counted(frame.height, 'row')} in {tabulating.out}")
    elif tabulating.json:
        print_json(frame.to_dicts())
    else:
        columns = _printed(frame)
        rows = frame.select(columns).rows()
        if "study" not in columns or fits(columns, rows):
            print_table(columns, rows)
            return 0
        # A terminal has no room for all columns, but for those of each study.
        for number, part in enumerate(frame.partition_by("study", maintain_order=True)):
            print("\n" * bool(number) + part["study"][0])
            of_study = part.drop("study")
            columns = _printed(of_study[[s.name for s in of_study if s.count()]])
            print_table(columns, of_study.select(columns).rows())
    return 0


def _printed(frame: "pl.DataFrame") -> list[str]:
    """Columns for a person: what a run is and how it ended first, long text last."""
    # Columns that never change say nothing in a printed table, but how runs ended.
    varying = [
        name
        for name in frame.columns
        if name in ("id", "status") or frame.height < 2 or frame[name].n_unique() > 1
    ]
    ends = {"id": -3, "study": -2, "status": -1, "error": 1, "path": 2}
    return sorted(varying, key=lambda name: ends.get(name, 0))
