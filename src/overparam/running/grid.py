"""A grid of configs as runs, on processes of this machine or on a cluster."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..field_values import field_names
from ..processes import begin_worker
from ..progress import Reporter, duration
from ..store.identity import run_id
from ..studies.registry import defaults, origins, study
from ..sweeping.clusters import cluster_workers
from ..sweeping.jobs import Job, SweepResult, SweepState
from ..sweeping.run import sweep
from .batches import with_batches
from .execute import data_at_hand, work, work_elsewhere
from .own_code import own_code


def jobs_of(name: str, settings: Sequence[Mapping[str, Any]], root: Path) -> list[Job]:
    """The jobs of a grid; every config is checked before anything runs.

    Raises:
        ConfigError: If a config is not valid.
    """
    entry = study(name)
    kind = entry.config_class()
    given, names = defaults(kind), field_names(kind)
    jobs = []
    for fields in settings:
        config = kind(**fields)
        values = {field: getattr(config, field) for field in names}
        shape = repr([values[field] for field in entry.shapes])
        jobs.append(
            Job(
                study=name,
                config=values,
                root=str(root),
                id=run_id(name, values, given, origins(name, values)),
                shape=shape,
                data=data_at_hand(config),
            )
        )
    return jobs


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
