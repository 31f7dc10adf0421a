"""`overparam reproduce NAME`: a published figure, its table and its claims."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tyro

from ...checks import at_least
from ...errors import ConfigError
from ...plots.styles import drawn_for
from ...processes import STOP, keep_compiled
from ...progress import Reporter, counted, duration
from ...reproductions.registry import REPRODUCTIONS, costs, reproduction
from ...running.grid import jobs_of, run_jobs
from ...running.reproducing import answer
from ...studies.registry import study
from ..arguments import Drawing, Storage, parse_all
from ..failures import print_failures, tell_missing
from ..options import field_among
from ..show import print_json, print_table, tell, tell_unverified


@dataclass(frozen=True, kw_only=True)
class Reproducing:
    """Run the grid of a published figure, draw it, and check its claims.

    Runs are stored like any others: what is there is not run again.

    Examples:
      overparam reproduce --list
      overparam reproduce planted-learning-rate --scale laptop --jobs 2
      overparam reproduce planted-learning-rate --style paper
    """

    name: tyro.conf.Positional[str] = ""
    """Name of the reproduction."""
    scale: Literal["smoke", "laptop", "paper"] = "laptop"
    """Seconds, up to half an hour or so on two cores, or the published sizes, whose
    measured cost `--dry-run` tells."""
    jobs: int | None = None
    """Number of processes (1), or of runs at a time on a cluster (all it has)."""
    cluster: str | None = None
    """Run on a cluster instead: dask:ADDRESS, dask:SCHEDULER_FILE.json or slurm."""
    dry_run: bool = False
    """Only print how many runs there are and how many are missing, and what the
    published size costs."""
    list: bool = False
    """List the reproductions."""
    json: bool = False
    """Print the claims as JSON."""

    def __post_init__(self) -> None:
        at_least(1, jobs=self.jobs)


_FORM: list[type[Any]] = [Reproducing, Drawing, Storage]


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return dict.fromkeys(("", *REPRODUCTIONS), _FORM)


def _check_is_no_field(argv: Sequence[str]) -> None:
    """The runs of a reproduction are those of its grid: others are a sweep."""
    for name in (word for word in argv if word in REPRODUCTIONS):
        study_of = reproduction(name).study
        found = field_among(argv, study(study_of).config_class(), _FORM)
        if found is not None:
            flag, axis = found
            raise ConfigError(
                f"`{flag}` has the values of the grid of `{name}`, which `--scale` "
                f"chooses; others are `overparam sweep {study_of} {axis}`."
            )


def main(argv: Sequence[str]) -> int:
    """Reproduce a figure."""
    _check_is_no_field(argv)
    reproducing, drawing, storage = parse_all(
        _FORM,
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
    if reproducing.dry_run:
        tell_missing(jobs, wanted.study, storage.runs)
        if reproducing.scale == "paper" and (cost := costs().get(reproducing.name)):
            tell(
                f"All {cost['runs']:,} of them cost about {cost['processor_hours']:,g} "
                "processor hours (two cores do at most two in an hour), the dearest "
                f"measured one {duration(cost['dearest_run_seconds'])}."
            )
        return 0
    keep_compiled()
    with Reporter(reproducing.name, unit="run") as reporter, STOP.listening() as stop:
        result = run_jobs(
            jobs,
            n_jobs=reproducing.jobs,
            cluster=reproducing.cluster,
            reporter=reporter,
            stop_requested=stop,
        )
    STOP.obey()
    tell(f"{counted(result.state.total, 'run')} in {duration(result.state.seconds)}.")
    if result.failures:
        return print_failures(result)
    name, scale = reproducing.name, reproducing.scale
    with drawn_for(drawing.style):
        reproduced = answer(name, wanted, scale=scale, jobs=jobs, root=storage.runs)
    tell_unverified(reproduced.runs)
    folder = reproduced.folder
    for name in reproduced.tables:
        tell(f"table: {folder / name}.csv")
    for name in reproduced.figures:
        tell(f"figure: {folder / name}.png, .svg")
    for name in reproduced.animations:
        tell(f"animation: {folder / name}.gif")
    if reproducing.json:
        about = {"title": wanted.title, "source": wanted.source}
        print_json(about | {"claims": reproduced.claims})
    else:
        print_table(reproduced.headings, reproduced.verdicts)
    return 0
