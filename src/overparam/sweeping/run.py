"""Many runs over the workers of one machine or of a cluster.

The state of a sweep is the files of its runs: kill it anywhere, start it again, and it
does what is missing.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checks import at_least
from ..errors import ConfigError, Interrupted, OverparamError, StoreError
from ..last_resort import brief, last_words
from ..store.lock import RunLockedError
from ..store.read import StoredRun, read_run
from ..store.run import FAILED, attempts, run_status
from .jobs import Failure, Job, Report, SweepResult, SweepState, Work
from .queue import ShapeQueue
from .record import record_sweep
from .workers import Worker, local_workers


# A run that kills its worker may have been a bystander of a full memory: it is tried
# again once, at the end of its shape.
_TRIES = 2

# How often a run that another process holds is looked at, in seconds.
_LOOK_AGAIN = 0.5

# How long an interrupted sweep waits for its runs to write their checkpoints.
_GRACE = 10.0


def sweep(
    jobs: Iterable[Job],
    *,
    work: Work,
    n_jobs: int = 1,
    n_threads: int | None = None,
    workers: Sequence[Worker] | None = None,
    report: Report | None = None,
    skip_finished: bool = True,
    stop_requested: Callable[[], int | None] = lambda: None,
    prepare: Callable[[], None] | None = None,
) -> SweepResult:
    """Do every job that is not finished yet; a failing one does not stop the others.

    Args:
        jobs: What to run; a run asked for twice is done once.
        work: Does one job; a function of a module, as it is sent to other processes.
        n_jobs: Number of processes of this machine; 1 runs in this one.
        n_threads: Threads of each process; their share of the cores if `None`.
        workers: Where to run instead, each taking one job at a time: places in any
            `concurrent.futures.Executor`, for instance that of a cluster.
        report: Told the state, about twice a second or whenever a run ends.
        skip_finished: Leave out runs with a stored answer (not with `--force`).
        stop_requested: Exit code to stop with, or `None`; asked about twice a second.
        prepare: Called first in every process that is started here.

    Returns:
        Counts by status, and the failed runs with a sentence each.

    Raises:
        ConfigError: If `n_jobs` or `n_threads` is below 1, or processes would not find
            `work`.
        OverparamError: If the executor is lost. What is finished is stored.
        Interrupted: If a stop is requested; runs under way have had the time to write
            their checkpoints.

    Example:
        ```python
        from overparam.running import jobs_of, work
        from overparam.sweeping import sweep

        sweep(jobs_of("planted", [small], Path("runs")), work=work)
        ```
    """
    at_least(1, n_jobs=n_jobs, n_threads=n_threads)
    # Workers elsewhere have another current folder.
    jobs = [replace(job, root=os.path.abspath(job.root)) for job in jobs]
    unique = {job.path: job for job in jobs}
    stored = {p: _answer(job) if skip_finished else None for p, job in unique.items()}
    missing = [job for path, job in unique.items() if stored[path] is None]
    run = _Sweep(missing, work, Counter(s for s in stored.values() if s is not None))
    if missing:
        record_sweep(unique.values())
        n_workers = min(n_jobs, len(missing))
        if workers is None:
            spawns = n_workers > 1 or n_threads is not None
            if spawns and getattr(work, "__module__", None) == "__main__":
                name = getattr(work, "__qualname__", work)
                raise ConfigError(
                    f"`work` is `{name}` of a script, which worker processes do not "
                    "import: move it to a module, or use `n_jobs=1`."
                )
            workers = local_workers(n_workers, n_threads=n_threads, prepare=prepare)
        run.drive(workers, report, stop_requested)
    return SweepResult(
        state=run.state(), statuses=run.statuses, failures=tuple(run.failures)
    )


@dataclass
class _Place:
    """A worker, and what it is at."""

    worker: Worker
    shape: str | None = None
    job: Job | None = None


class _Sweep:
    """The bookkeeping of one sweep."""

    def __init__(self, jobs: list[Job], work: Work, stored: Counter[str]) -> None:
        self._work = work
        self._queue = ShapeQueue(jobs)
        self._running: dict[Future[Any], _Place] = {}
        self._waiting: list[tuple[float, Job]] = []
        self._deaths: Counter[Path] = Counter()
        self._stored = stored.total()
        self._total = self._stored + len(jobs)
        self._start = time.monotonic()
        self._workers: Sequence[Worker] = ()
        self.statuses = stored
        self.failures: list[Failure] = []

    def drive(
        self,
        workers: Sequence[Worker],
        report: Report | None,
        stop_requested: Callable[[], int | None],
    ) -> None:
        """Keep every worker busy until nothing is left."""
        self._workers = workers
        free = [_Place(worker) for worker in workers]
        graceful = False
        if (
            report is not None
        ):  # The work of this process has its first word after a run.
            report(self.state())
        try:
            while self._queue or self._running or self._waiting:
                if (exit_code := stop_requested()) is not None:
                    raise Interrupted(
                        "The sweep was stopped; the same command goes on from what is "
                        "stored.",
                        exit_code=exit_code,
                    )
                now = time.monotonic()
                due = [job for when, job in self._waiting if when <= now]
                self._waiting = [
                    (when, job) for when, job in self._waiting if when > now
                ]
                for job in due:
                    self._queue.put(job)
                while free and self._queue:
                    self._begin(free.pop())
                if report is not None:
                    report(self.state())
                free += self._collect()
            graceful = True
        finally:
            try:
                # Give the runs that are under way the time to write a checkpoint.
                under_way = [future for future in self._running if not future.cancel()]
                if under_way:
                    for worker in workers:
                        worker.interrupt()
                    wait(under_way, _GRACE)
            finally:
                for worker in workers:
                    worker.stop(now=not graceful)
        if report is not None:
            report(self.state())

    def state(self) -> SweepState:
        """How far the sweep is."""
        n_failed = len(self.failures)
        return SweepState(
            total=self._total,
            stored=self._stored,
            done=self.statuses.total() - self._stored - n_failed,
            running=len(self._running),
            failed=n_failed,
            waiting=len(self._waiting),
            seconds=time.monotonic() - self._start,
            alive=any(worker.alive() for worker in self._workers),
        )

    def _begin(self, place: _Place) -> None:
        busy = [other.shape for other in self._running.values()]
        place.job = self._queue.take(place.shape, busy)
        place.shape = place.job.shape
        try:
            future = place.worker.submit(_attempt, self._work, place.job)
        except (RuntimeError, OSError) as error:  # A broken pool, or no new process.
            future = Future()
            future.set_exception(error)
        self._running[future] = place

    def _collect(self) -> list[_Place]:
        """Wait for the next end of a run; the places that are free now."""
        if not self._running:
            time.sleep(_LOOK_AGAIN / 5)
        ended = wait(self._running, _LOOK_AGAIN, FIRST_COMPLETED).done
        places = []
        for future in ended:
            place = self._running.pop(future)
            places.append(place)
            try:
                error = future.exception()
            except CancelledError as cancelled:  # The executor gave the task up.
                error = cancelled
            if error is None:
                outcome = future.result()
                assert place.job is not None
                if outcome.locked:
                    self._waiting.append((time.monotonic() + _LOOK_AGAIN, place.job))
                elif outcome.status == FAILED:
                    self._fail(place.job, outcome.sentence)
                else:
                    self.statuses[outcome.status] += 1
            elif isinstance(error, Interrupted):
                self._once_more(place, f"It was stopped {_TRIES} times.")
            elif not place.worker.revive(error):
                raise OverparamError(
                    f"The executor is lost ({type(error).__name__}): start the same "
                    "command again when it is back; finished runs are kept."
                ) from error
            else:
                place.shape = None
                self._once_more(
                    place, f"Its process died {_TRIES} times: {brief(error)}."
                )
        return places

    def _once_more(self, place: _Place, sentence: str) -> None:
        assert place.job is not None
        self._deaths[place.job.path] += 1
        if self._deaths[place.job.path] < _TRIES:
            self._queue.put(place.job)
        else:
            self._fail(place.job, sentence)

    def _fail(self, job: Job, sentence: str) -> None:
        self.statuses[FAILED] += 1
        self.failures.append(Failure(job, sentence))


@dataclass(frozen=True)
class _Outcome:
    """What comes back from a worker."""

    status: str
    sentence: str = ""
    locked: bool = False


def _attempt(work: Work, job: Job) -> _Outcome:
    """Do one job in a worker. An exception is an outcome: it may not be picklable."""
    try:
        batch = [job.batch] if job.batch else []
        status = work(job.study, job.config, job.root, *batch)
    except RunLockedError as error:
        return _Outcome(FAILED, str(error), locked=True)
    except Interrupted:
        raise
    except Exception as error:
        return _Outcome(FAILED, _sentence(error, job))
    sentence = ""
    if status == FAILED:
        with contextlib.suppress(StoreError, IndexError):
            sentence = read_run(attempts(job.path)[-1]).error or ""
    return _Outcome(status, sentence)


def _sentence(error: BaseException, job: Job) -> str:
    """What is told of a run that raised: where its traceback is, if that was stored."""
    if isinstance(error, OverparamError):
        return str(error)
    with contextlib.suppress(OSError, IndexError):
        stored = attempts(job.path)[-1] / "error.txt"
        if stored.exists():
            return f"{brief(error)}; its traceback is in `{stored}`."
    return last_words(error)[0]


def _answer(job: Job) -> str | None:
    """The stored status of a run that need not be done again."""
    tried = attempts(job.path)
    try:
        status = run_status(tried[-1]) if tried else None
        if status not in (None, FAILED, "running", "unfinished"):
            run = StoredRun(tried[-1])
            run.check_files()
            run.check_data(job.data)
    except StoreError:
        return None  # Damaged, or of other data: the run itself will say so.
    return None if status in (None, FAILED, "running", "unfinished") else status
