"""A grid of configs as runs, on processes of this machine or on a cluster."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..field_values import field_name, field_names, fits
from ..plugins import Origin
from ..processes import begin_worker
from ..progress import Reporter, duration
from ..spellings import first_spellings
from ..store.identity import hashed, id_of
from ..studies.registry import MADE_BY, defaults, origins, study
from ..sweeping.clusters import cluster_workers
from ..sweeping.jobs import Job, SweepResult, SweepState
from ..sweeping.run import sweep
from .batches import with_batches
from .execute import data_at_hand, work, work_elsewhere
from .own_code import own_code
from .watched import reads_of, watched


def jobs_of(name: str, settings: Sequence[Mapping[str, Any]], root: Path) -> list[Job]:
    """The jobs of a grid; every config is checked before anything runs.

    Raises:
        ConfigError: If a config is not valid.

    Example:
        ```python
        from overparam.running import jobs_of

        jobs = jobs_of("planted", [small], Path("runs"))
        jobs[0].id
        ```
    """
    grid = _Grid(name, root)
    return [grid.job(fields) for fields in settings]


@dataclass(frozen=True)
class _Alike:
    """What holds of all configs that agree on the joined fields."""

    config: Mapping[str, Any]
    hashed: Mapping[str, Any]
    plugins: tuple[Origin, ...]
    shape: str
    data: Mapping[str, str] | None


class _Grid:
    """Makes the jobs of a study: a config is checked where it differs from others."""

    def __init__(self, name: str, root: Path) -> None:
        self._study, self._root = name, str(root)
        self._shapes = study(name).shapes
        self._kind = study(name).config_class()
        self._defaults = defaults(self._kind)
        self._firsts = first_spellings(self._kind)
        # What is looked at together, by checks or by what is told beside the config.
        self._joined = {*self._shapes, *MADE_BY}
        self._known: dict[str, _Alike] = {}

    def job(self, fields: Mapping[str, Any]) -> Job:
        """The job of a config.

        Raises:
            ConfigError: If the config is not valid.
        """
        alike = self._known.get(self._key(fields))
        own = self._own(fields)
        if alike is None or not all(fits(self._kind, n, v) for n, v in own.items()):
            alike = self._checked(fields)
            own = self._own(fields)
        hashed_fields = {
            **alike.hashed,
            **hashed(own, self._defaults, self._firsts),
        }
        return Job(
            study=self._study,
            config={**alike.config, **own},
            root=self._root,
            id=id_of(self._study, hashed_fields, alike.plugins),
            shape=alike.shape,
            data=alike.data,
        )

    def _checked(self, fields: Mapping[str, Any]) -> _Alike:
        """Make a config, which checks all of it, and note which fields that joined."""
        for name in fields:
            field_name(self._kind, name)  # Refuses one that there is not.
        config = watched(self._kind)(**fields)
        data, reads = data_at_hand(config), {*reads_of(config)}
        values = {name: getattr(config, name) for name in field_names(self._kind)}
        # A value that was replaced may have been by any check.
        reads |= {name for name, value in fields.items() if values[name] is not value}
        if not reads <= self._joined:
            self._joined |= reads
            self._known.clear()
        own = self._own(fields)
        joined = {name: value for name, value in values.items() if name not in own}
        self._known[self._key(fields)] = alike = _Alike(
            config=values,
            hashed=hashed(joined, self._defaults, self._firsts),
            plugins=origins(self._study, values),
            shape=repr([values[field] for field in self._shapes]),
            data=data,
        )
        return alike

    def _own(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a config that are looked at each for itself."""
        return {n: value for n, value in fields.items() if n not in self._joined}

    def _key(self, fields: Mapping[str, Any]) -> str:
        return repr({n: v if n in self._joined else ... for n, v in fields.items()})


def run_jobs(
    jobs: Sequence[Job],
    *,
    n_jobs: int | None = None,
    n_threads: int | None = None,
    cluster: str | None = None,
    reporter: Reporter | None = None,
    stop_requested: Callable[[], int | None] = lambda: None,
) -> SweepResult:
    """Run jobs on `n_jobs` processes of this machine, or of a cluster.

    Args:
        jobs: What to run.
        n_jobs: Number of processes (1), or of runs at a time on a cluster (all it has).
        n_threads: Threads of each process; their share of the cores if `None`.
        cluster: Where to run instead, as `cluster_workers` reads it.
        reporter: Told how many runs have ended.
        stop_requested: Exit code to stop with, or `None`.

    Raises:
        ConfigError: If the processes could not load the code of the runs.

    Example:
        ```python
        from overparam.running import jobs_of, run_jobs

        run_jobs(jobs_of("planted", [small], Path("runs")))
        ```
    """
    elsewhere = cluster is not None or n_threads is not None or (n_jobs or 1) > 1
    own = own_code(jobs) if elsewhere else None
    load = own.load if own else None
    with contextlib.ExitStack() as stack:
        workers = None
        if cluster is None:
            jobs = with_batches(jobs, n_jobs=n_jobs or 1)
        else:
            workers = stack.enter_context(
                cluster_workers(cluster, n_jobs=n_jobs, prepare=load)
            )
        return sweep(
            jobs,
            work=partial(work if cluster is None else work_elsewhere, load=load),
            n_jobs=n_jobs or 1,
            n_threads=n_threads,
            workers=workers,
            report=None if reporter is None else _Report(reporter),
            stop_requested=stop_requested,
            prepare=begin_worker,
        )


class _Report:
    """Tells a reporter the state of a sweep.

    Also that a cluster has no worker, and for how long; ever more rarely.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._since: float | None = None
        self._due = 0.0

    def __call__(self, state: SweepState) -> None:
        ended = state.stored + state.done + state.failed
        self._reporter(ended, state.total, failed=state.failed)
        if state.alive:
            self._since, self._due = None, 0.0
            return
        self._since = state.seconds if self._since is None else self._since
        seconds = state.seconds - self._since
        if seconds >= self._due:
            self._due = max(10.0, 2 * seconds)
            self._reporter.say(
                f"The cluster has no live worker; waiting for one ({duration(seconds)} "
                "so far) until it comes or you stop, which loses nothing."
            )
