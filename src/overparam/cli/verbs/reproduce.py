"""`overparam reproduce NAME`: a published figure, its table and its claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from ...checks import at_least
from ...errors import ConfigError, StoreError
from ...reproductions.registry import REPRODUCTIONS, reproduction
from ...store.files import write_sealed
from ..arguments import Storage, parse_all
from ..show import duration, print_json, print_table, tell, tell_unverified
from ..sweeping import FINISHED_WITH_FAILURES, jobs_of, print_failures, run_jobs


if TYPE_CHECKING:
    from ...reproductions.reproduction import Claim, Reproduction, Results
    from ...store.table import Gathered, Rows
    from ...sweeping.jobs import Job


@dataclass(frozen=True, kw_only=True)
class Reproducing:
    """Run the grid of a published figure, draw it, and check its claims.

    Runs are stored like any others: what is there is not run again.

    Examples:
      overparam reproduce --list
      overparam reproduce planted-learning-rate --scale laptop --jobs 2
    """

    name: tyro.conf.Positional[str] = ""
    """Name of the reproduction."""
    scale: Literal["smoke", "laptop", "paper"] = "laptop"
    """Seconds, about a minute on two cores, or the published sizes."""
    jobs: int | None = None
    """Number of processes (1), or of runs at a time on a cluster (all it has)."""
    cluster: str | None = None
    """Run on a cluster instead: dask:ADDRESS, dask:SCHEDULER_FILE.json or slurm."""
    list: bool = False
    """List the reproductions."""
    json: bool = False
    """Print the claims as JSON."""

    def __post_init__(self) -> None:
        at_least(1, jobs=self.jobs)


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {name: [Reproducing, Storage] for name in ("", *REPRODUCTIONS)}


def main(argv: Sequence[str]) -> int:
    """Reproduce a figure."""
    reproducing, storage = parse_all(
        forms()[""],
        argv,
        prog="overparam reproduce",
        description=Reproducing.__doc__ or "",
    )
    if reproducing.list:
        rows = [(name, entry.title) for name, entry in REPRODUCTIONS.items()]
        print_table(["reproduction", ""], rows)
        return 0
    if not reproducing.name:
        raise ConfigError("Name a reproduction; `overparam reproduce --list` has all.")
    wanted = reproduction(reproducing.name)
    jobs = jobs_of(wanted.study, wanted.grid(reproducing.scale), storage.runs)
    result = run_jobs(
        reproducing.name,
        jobs,
        n_jobs=reproducing.jobs,
        cluster=reproducing.cluster,
    )
    tell(f"{result.state.total} runs in {duration(result.state.seconds)}.")
    if result.failures:
        print_failures(result)
        return FINISHED_WITH_FAILURES
    folder = storage.runs / "reproductions" / reproducing.name / reproducing.scale
    results = _results(jobs, reproducing.scale)
    tell_unverified(results.stored)
    claims = _answer(wanted, results, folder)
    _print(wanted, claims, as_json=reproducing.json)
    return 0


def _results(
    jobs: Sequence["Job"], scale: Literal["smoke", "laptop", "paper"]
) -> "Results":
    from ...reproductions.reproduction import Results
    from ...store.run import attempts

    paths = list(dict.fromkeys(attempts(job.path)[-1] for job in jobs))
    runs = _whole(paths, "summary")
    return Results(
        scale=scale,
        runs=runs.frame,
        records=_whole(paths, "records").frame,
        stored=runs.runs,
    )


def _whole(paths: Sequence[Path], rows: "Rows") -> "Gathered":
    """The table of all runs: an answer from fewer would be one to another question."""
    from ...store.table import gather

    gathered = gather(paths, metrics=rows)
    for unreadable in gathered.unreadable:
        raise StoreError(unreadable.reason)
    return gathered


def _answer(
    wanted: "Reproduction", results: "Results", folder: Path
) -> Sequence["Claim"]:
    from ...plots.figure import save
    from ...store.table import write_table

    # All of it first: what a damaged run stops leaves the stored answer as it was.
    tables, figures = wanted.tables(results), wanted.figures(results)
    claims = wanted.claims(results)
    for name, frame in tables.items():
        write_table(frame, folder / f"{name}.csv")
        tell(f"table: {folder / name}.csv")
    for name, figure in figures.items():
        for path in save(figure, folder / name):
            tell(f"figure: {path}")
    content = {
        "title": wanted.title,
        "source": wanted.source,
        "study": wanted.study,
        "scale": results.scale,
        "runs": [run.reference for run in results.stored],
        "claims": claims,
    }
    write_sealed(folder / "claims.json", content)
    return claims


def _print(wanted: "Reproduction", claims: Sequence["Claim"], *, as_json: bool) -> None:
    if as_json:
        print_json({"title": wanted.title, "source": wanted.source, "claims": claims})
        return
    words = {True: "holds", False: "does not hold", None: "not decided at this scale"}
    rows = [(c.sentence, c.published, c.measured, words[c.holds]) for c in claims]
    print_table([f"claim ({wanted.source})", "published", "measured", ""], rows)
