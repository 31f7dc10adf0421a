"""What is told of the runs of a grid: which are missing, and which failed."""

from collections.abc import Sequence
from pathlib import Path

from ..progress import counted
from ..store.find import stored_names
from ..store.identity import differing
from ..studies.registry import defaults, study
from ..sweeping.jobs import Job, SweepResult
from .show import print_table, shown, tell


FINISHED_WITH_FAILURES = 4
"""Exit code of a grid of which some runs failed."""


def tell_missing(jobs: Sequence[Job], study: str, root: Path) -> None:
    """Say how many runs there are, and how many of them are missing."""
    stored = stored_names(root, study)
    missing = sum(job.id not in stored for job in jobs)
    tell(
        f"{counted(len(jobs), 'run')}, {missing} of them not stored yet; whether the "
        "stored ones are whole is seen when they are read."
    )


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
