"""A grid of configs through the sweep, as `sweep` and `reproduce` need it."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..store.identity import run_id
from ..store.json_values import plain
from ..studies.registry import defaults, study
from ..sweeping.clusters import cluster_workers
from ..sweeping.jobs import Job, SweepResult, SweepState
from ..sweeping.run import sweep
from .batches import with_batches
from .execute import data_at_hand, work
from .platform import STOP, begin_worker
from .progress import Reporter
from .show import duration, print_table, tell


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def jobs_of(name: str, settings: Sequence[Mapping[str, Any]], root: Path) -> list[Job]:
    """The jobs of a grid; every config is checked before anything runs.

    Raises:
        ConfigError: If a config is not valid.
    """
    entry = study(name)
    kind = entry.config_class()
    given = defaults(kind)
    jobs = []
    for fields in settings:
        config = kind(**fields)
        values = dataclasses.asdict(config)
        shape = json.dumps(plain({name: values[name] for name in entry.shapes}))
        jobs.append(
            Job(
                study=name,
                config=values,
                root=str(root),
                id=run_id(name, values, given),
                shape=shape,
                data=data_at_hand(config),
            )
        )
    return jobs


def run_jobs(
    what: str,
    jobs: Sequence[Job],
    *,
    n_jobs: int | None,
    n_threads: int | None = None,
    cluster: str | None = None,
) -> SweepResult:
    """Run jobs on `n_jobs` processes, or on a cluster, with progress on stderr."""
    with contextlib.ExitStack() as stack:
        reporter = stack.enter_context(Reporter(what, unit="run"))
        waiting = _Waiting()
        workers = None
        if cluster is None:
            jobs = with_batches(jobs, n_jobs=n_jobs or 1)
        else:
            workers = stack.enter_context(cluster_workers(cluster, n_jobs=n_jobs))

        def report(state: SweepState) -> None:
            ended = state.stored + state.done + state.failed
            reporter(ended, state.total, failed=state.failed)
            waiting.look(state)

        return sweep(
            jobs,
            work=work,
            n_jobs=n_jobs or 1,
            n_threads=n_threads,
            workers=workers,
            report=report,
            stop_requested=stack.enter_context(STOP.listening()),
            prepare=begin_worker,
        )


class _Waiting:
    """Says that a cluster has no worker, and for how long; ever more rarely."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._due = 0.0

    def look(self, state: SweepState) -> None:
        """Say it if it is so and due."""
        if state.alive:
            self._since, self._due = None, 0.0
            return
        self._since = state.seconds if self._since is None else self._since
        seconds = state.seconds - self._since
        if seconds >= self._due:
            self._due = max(10.0, 2 * seconds)
            tell(
                f"The cluster has no live worker; waiting for one ({duration(seconds)} "
                "so far) until it comes or you stop, which loses nothing."
            )


def print_failures(result: SweepResult) -> None:
    """Print the table of what failed."""
    rows = [
        (failure.job.id, json.dumps(plain(failure.job.config)), failure.sentence)
        for failure in result.failures
    ]
    print_table(["run", "config", "what happened"], rows)
