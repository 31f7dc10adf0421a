"""What is told of the runs of a grid that failed."""

from ..store.identity import differing
from ..studies.registry import defaults, study
from ..sweeping.jobs import SweepResult
from .show import print_table, shown, tell


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def print_failures(result: SweepResult) -> int:
    """Print the table of what failed, and say how many; the exit code."""
    rows = []
    for failure in result.failures:
        # What a person would write to run it: the fields that are not at their default.
        usual = defaults(study(failure.job.study).config_class())
        fields = differing(failure.job.config, usual)
        told = " ".join(f"{name}={shown(value)}" for name, value in fields.items())
        rows.append((failure.job.id, told, failure.sentence))
    print_table(["run", "config", "what happened"], rows)
    tell(
        f"overparam: {len(rows)} of {result.state.total} runs failed: the same command "
        "tries them again."
    )
    return FINISHED_WITH_FAILURES
