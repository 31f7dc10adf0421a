"""What is told of the runs of a grid that failed."""

import json

from ..store.json_values import plain
from ..sweeping.jobs import SweepResult
from .show import print_table


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def print_failures(result: SweepResult) -> int:
    """Print the table of what failed; the exit code."""
    rows = [
        (failure.job.id, json.dumps(plain(failure.job.config)), failure.sentence)
        for failure in result.failures
    ]
    print_table(["run", "config", "what happened"], rows)
    return FINISHED_WITH_FAILURES
