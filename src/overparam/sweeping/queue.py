"""The order of jobs: a worker keeps to one shape as long as there are jobs of it."""

from collections import Counter, deque
from collections.abc import Iterable

from .jobs import Job


class ShapeQueue:
    """Jobs by shape, taken so that compiled programs are used again.

    A worker that is free takes the next job of the shape it last ran. When that shape
    is used up, it begins the one with the most jobs left per worker on it, so that
    different workers compile different programs and none idles while work is left.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs: dict[str, deque[Job]] = {}
        for job in jobs:
            self.put(job)

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._jobs.values())

    def put(self, job: Job) -> None:
        """Add a job behind the others of its shape."""
        self._jobs.setdefault(job.shape, deque()).append(job)

    def take(self, last: str | None, busy: Iterable[str | None]) -> Job:
        """The next job for a worker.

        Args:
            last: Shape the worker ran last.
            busy: Shapes that the other workers are at.
        """
        workers = Counter(busy)
        shapes = [shape for shape, jobs in self._jobs.items() if jobs]
        if last in shapes:
            return self._jobs[last].popleft()
        # `max` keeps the first of equals, hence the order of the jobs.
        fairest = max(shapes, key=lambda s: len(self._jobs[s]) / (1 + workers[s]))
        return self._jobs[fairest].popleft()
