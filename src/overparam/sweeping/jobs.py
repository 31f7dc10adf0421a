"""What a sweep is given and what it tells: jobs, its state, its result."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to do.

    Example:
        ```python
        from overparam.running import jobs_of

        (job,) = jobs_of("planted", [small], Path("runs"))
        job.study, job.config, job.id
        ```
    """

    study: str
    """Name of the study."""
    config: Mapping[str, Any]
    """Every field of the config."""
    root: str
    """Folder of all runs."""
    id: str
    """Id of the run, so that a finished one is not started."""
    shape: str = ""
    """Jobs of one shape share compiled programs: they go to one process in turn."""
    data: Mapping[str, str] | None = None
    """Digests of the data files that it would read; a run of others is not its run."""
    batch: tuple[Mapping[str, Any], ...] = ()
    """Configs, this one among them, that `work` may do in one go. It stores each as a
    run of its own, so that the jobs of the others find theirs finished."""

    @property
    def path(self) -> Path:
        """Folder of the first attempt at the run."""
        return Path(self.root) / self.study / self.id


class Work(Protocol):
    """Does one run and stores it: a function of a module, so that it can be sent.

    Only a job that has a batch passes it on.
    """

    def __call__(
        self,
        study: str,
        config: Mapping[str, Any],
        root: str,
        batch: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Run, store, and return the status. Raising means that the run failed."""
        ...


@dataclass(frozen=True)
class Failure:
    """A run that did not get to an answer, and why."""

    job: Job
    sentence: str


@dataclass(frozen=True, kw_only=True)
class SweepState:
    """How far a sweep is."""

    total: int
    """Runs asked for."""
    stored: int
    """Runs that were finished before the sweep began."""
    done: int
    """Runs this sweep finished."""
    running: int
    """Runs handed to a worker."""
    failed: int
    """Runs that raised or killed their worker twice."""
    waiting: int
    """Runs that another process is doing."""
    seconds: float
    """Time since the sweep began."""
    alive: bool = True
    """Whether there is a worker; a cluster may have none yet, or none any more."""

    @property
    def rate(self) -> float:
        """Runs finished per second."""
        return (self.done + self.failed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left at this rate; `None` as long as no run has ended."""
        ended = self.stored + self.done + self.failed
        return (self.total - ended) / self.rate if self.rate > 0 else None


class Report(Protocol):
    """Told how far the sweep is, a few times per second at most."""

    def __call__(self, state: SweepState) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How a sweep ended."""

    state: SweepState
    """The last state."""
    statuses: Counter[str] = field(default_factory=Counter)
    """How many runs ended in which status, those stored before included."""
    failures: Sequence[Failure] = ()
    """Runs that failed; the same command tries them again."""
