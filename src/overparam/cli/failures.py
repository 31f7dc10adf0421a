"""What is told of the runs of a grid that failed."""

import json

from ..store.json_values import plain
from ..sweeping.jobs import SweepResult
from .show import print_table, tell


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def print_failures(result: SweepResult) -> int:
    """Print the table of what failed, and say how many; the exit code."""
    rows = [
        (failure.job.id, json.dumps(plain(failure.job.config)), failure.sentence)
        for failure in result.failures
    ]
    print_table(["run", "config", "what happened"], rows)
    tell(
        f"overparam: {len(rows)} of {result.state.total} runs failed: the same command "
        "tries them again."
    )
    return FINISHED_WITH_FAILURES
