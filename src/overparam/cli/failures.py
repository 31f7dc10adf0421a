"""What is told of the runs of a grid that failed."""

from ..store.identity import differing
from ..studies.registry import defaults, study
from ..sweeping.jobs import Job, SweepResult
from .show import print_table, shown, tell


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def print_failures(result: SweepResult) -> int:
    """Print the table of what failed, and say how many; the exit code."""
    rows = [
        (failure.job.id, _told(failure.job), failure.sentence)
        for failure in result.failures
    ]
    print_table(["run", "config", "what happened"], rows)
    tell(
        f"overparam: {len(rows)} of {result.state.total} runs failed: the same command "
        "tries them again."
    )
    return FINISHED_WITH_FAILURES


def _told(job: Job) -> str:
    """What a person would write to run it: the fields that are not at their default."""
    given = defaults(study(job.study).config_class())
    fields = differing(job.config, given)
    return " ".join(f"{name}={shown(value)}" for name, value in fields.items())
