"""`overparam report RUNS`: stored runs as one page to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...citations import citations
from ...errors import ConfigError
from ...field_values import unknown
from ...memory import uncollected
from ...progress import counted
from ...spellings import spelled
from ...store.files import PAGES, check_ending
from ...studies.registry import STUDIES, defaults
from ..arguments import OfRuns, parse
from ..show import tell


if TYPE_CHECKING:
    from ...report.material import About


@dataclass(frozen=True, kw_only=True)
class Reporting(OfRuns):
    """Write stored runs as one HTML page that needs no network and no other file.

    Figures with values on hover, claims with intervals, a table of runs to sort and to
    filter, what differs between them, environment, commands and citations.

    Examples:
      overparam report runs
      overparam report runs --study planted --where width=120,240 --out planted.html
      overparam report runs --title "Width and reliability"
    """

    study: str | None = None
    """Only the runs of this study."""
    where: tuple[str, ...] = ()
    """Only runs with these values, as `width=120,240` or `seed=0..9`."""
    by: str | None = None
    """Config field whose values get a colour each (the one with the most values)."""
    title: str | None = None
    """Title of the page (the studies, and the days of their runs)."""
    out: Path | None = None
    """The file to write (report.html, or report-STUDY.html of one study)."""

    def __post_init__(self) -> None:
        if self.title is not None and not self.title.strip():
            raise ConfigError(
                "`--title` is empty: leave it out for the studies and their days."
            )
        if self.out is not None:
            check_ending(self.out, PAGES, what="A report")


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Reporting]}


@uncollected()
def main(argv: Sequence[str]) -> int:
    """Write a report."""
    reporting = parse(Reporting, argv, prog="overparam report")
    from ...report.material import collect
    from ...report.page import write_page
    from ...running.choosing import chosen_runs

    material = collect(
        reporting.runs,
        about=_about,
        study=reporting.study,
        choose=partial(chosen_runs, texts=reporting.where) if reporting.where else None,
    )
    by = reporting.by
    if by is not None:  # It may be called by its first spelling.
        fields = dict.fromkeys(n for study in material.studies for n in study.fields)
        by = spelled(by, fields, (study.name for study in material.studies))
        if by not in fields:
            raise ConfigError(unknown(by, fields, what="config field"))
    parts = ["report", reporting.study, by]
    out = reporting.out or Path("-".join(filter(None, parts)) + ".html")
    n_bytes = write_page(material, out, by=by, title=reporting.title)
    n_runs = sum(len(study.runs) for study in material.studies)
    n_left_out = len(material.left_out)
    # What fails within an import above keeps this frame until cycles are looked for,
    # which takes long where it holds very many runs.
    del material
    if n_left_out:
        tell(
            f"left out: {n_left_out} unfinished or damaged runs, "
            "listed at the end of the page"
        )
    tell(f"{counted(n_runs, 'run')} in {out} ({n_bytes / 1e6:.1f} MB)")
    return 0


def _about(name: str) -> "About":
    from ...report.material import About

    entry = STUDIES.get(name)
    if entry is None:  # A study of another version, or of the user's own.
        return About()
    return About(
        question=entry.question,
        citations=citations(entry.citation),
        defaults=defaults(entry.config_class()),
    )
