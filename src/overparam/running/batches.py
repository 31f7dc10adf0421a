"""Which runs of a grid are done together, in one compiled program."""

import dataclasses
import json
from collections.abc import Sequence

from ..store.json_values import plain
from ..studies.registry import study
from ..sweeping.jobs import Job


# More save nothing further: one of eight draws is an eighth of the cost already.
_MOST_TOGETHER = 8


def with_batches(jobs: Sequence[Job], *, n_jobs: int) -> list[Job]:
    """The same jobs, those that are faster together with their batch.

    Nothing is put together where a process would be left without work.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        # Equal for jobs that may be one batch; unique where the study has no batches.
        entry = study(job.study)
        fixed = {n: v for n, v in job.config.items() if n not in entry.batchable}
        alike = json.dumps(plain([job.study, job.root, fixed]))
        groups.setdefault(alike, []).append(job)
    batches = [
        group[start : start + _MOST_TOGETHER]
        for group in groups.values()
        for start in range(0, len(group), _MOST_TOGETHER)
    ]
    if len(batches) < n_jobs:
        return list(jobs)
    found = {
        job.path: tuple(other.config for other in batch)
        for batch in batches
        for job in batch
        if len(batch) > 1
    }
    return [dataclasses.replace(job, batch=found.get(job.path, ())) for job in jobs]
