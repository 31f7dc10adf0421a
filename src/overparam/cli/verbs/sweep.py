"""`overparam sweep STUDY key=values ...` or `overparam sweep FILE.toml`: a grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import tyro

from ...checks import at_least, in_range
from ...errors import ConfigError
from ...processes import STOP, keep_compiled
from ...progress import Reporter, counted, duration
from ...running.grid import jobs_of, run_jobs
from ...studies.presets import naming_defaults
from ...studies.registry import STUDIES, study
from ...sweeping.grid import grid
from ...sweeping.plan import plan_from_toml
from ..arguments import Storage, parse_all
from ..failures import print_failures, tell_missing
from ..options import field_among
from ..show import print_json, tell
from .run import taken_row, tell_of_rows


MOST_THREADS = 1024
"""More than this XLA cannot start."""


@dataclass(frozen=True, kw_only=True)
class Sweeping:
    """Run every combination of the given values; what is stored is not run again.

    The same command, started again after any interruption, does what is missing.

    Examples:
      overparam sweep planted width=60,120,240 seed=0..9 --jobs 2
      overparam sweep grid.toml --jobs 2
      overparam sweep features --as-published 25 seed=0..4
    """

    what: tyro.conf.Positional[tuple[str, ...]] = ()
    """A study and `key=v1,v2` or `key=0..9` for each field, or a TOML file."""
    as_published: str | None = None
    """Begin with the grid, or the settings, of a published command, in which what is
    given takes the place of its own. `overparam list --published` has them."""
    jobs: int | None = None
    """Number of processes (1), or of runs at a time on a cluster (all it has)."""
    threads: int | None = None
    """Threads of each process; their share of the cores if not given."""
    cluster: str | None = None
    """Run on a cluster instead: dask:ADDRESS, dask:SCHEDULER_FILE.json or slurm."""
    dry_run: bool = False
    """Only print how many runs there are and how many are missing."""
    json: bool = False
    """Print the outcome as JSON."""

    def __post_init__(self) -> None:
        at_least(1, jobs=self.jobs)
        in_range(1, MOST_THREADS, threads=self.threads)
        if self.threads is not None and self.cluster is not None:
            raise ConfigError(
                f"`threads` {self.threads} is for processes of this machine; the "
                "workers of a cluster are started with theirs."
            )


_FORM: list[type[Any]] = [Sweeping, Storage]


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return dict.fromkeys(("", *STUDIES), _FORM)


def main(argv: Sequence[str]) -> int:
    """Run a grid."""
    _check_written_as_values(argv)
    sweeping, storage = parse_all(
        _FORM,
        argv,
        prog="overparam sweep",
        description=Sweeping.__doc__ or "",
    )
    name, settings, chosen = _settings(sweeping.what, sweeping.as_published)
    with naming_defaults(chosen):
        jobs = jobs_of(name, settings, storage.runs)
    if sweeping.dry_run:
        tell_missing(jobs, name, storage.runs)
        return 0
    keep_compiled()
    with Reporter(name, unit="run") as reporter, STOP.listening() as stop:
        result = run_jobs(
            jobs,
            n_jobs=sweeping.jobs,
            n_threads=sweeping.threads,
            cluster=sweeping.cluster,
            reporter=reporter,
            stop_requested=stop,
        )
    state = result.state
    if sweeping.json:
        print_json({"statuses": result.statuses, "seconds": state.seconds})
    counts = ", ".join(f"{n} {status}" for status, n in result.statuses.items())
    tell(
        f"{counted(state.total, 'run')} ({state.stored} stored before): {counts}; "
        f"{duration(state.seconds)}. See `overparam table {quote(str(storage.runs))}`."
    )
    return print_failures(result) if result.failures else 0


def _check_written_as_values(argv: Sequence[str]) -> None:
    """A field is no option here: a sweep takes several values of it."""
    if not argv or argv[0] not in STUDIES:
        return
    found = field_among(argv[1:], study(argv[0]).config_class(), _FORM)
    if found is not None:
        flag, axis = found
        raise ConfigError(
            f"A sweep takes the values of a field as `{axis}`, got `{flag}`."
        )


def _settings(
    words: Sequence[str], key: str | None
) -> tuple[str, Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """The study, the settings, and what a published command adds to all of them."""
    if not words:
        raise ConfigError("Name a study and its values, or a TOML file.")
    first, rest = words[0], words[1:]
    if first not in STUDIES and Path(first).suffix == ".toml":
        also = [*rest, *([] if key is None else ["--as-published"])]
        if also:
            raise ConfigError(f"A TOML file stands alone, got also {also[0]!r}.")
        plan = plan_from_toml(first, lambda name: study(name).config_class())
        return plan.study, plan.settings, {}
    kind = study(first).config_class()
    if key is None:
        return first, grid(rest, kind), {}
    given = grid(rest, kind)
    of_one = given[0] if len(given) == 1 else {}
    lost = [name for name in given[0] if name not in of_one]
    found = taken_row("sweep", first, key, of_one, lost=lost)
    tell_of_rows(first, [key])
    settings = found.settings(rest)
    chosen = {
        name: value
        for name, value in settings[0].items()
        if name not in given[0] and all(each[name] == value for each in settings)
    }
    return first, settings, chosen
