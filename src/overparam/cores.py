"""How many cores this process may use, and how many threads it should."""

import os
import sys


THREADS = "NPROC"
"""The environment variable by which XLA sizes its thread pools, and we with it."""


def n_cores() -> int:
    """Number of cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def n_threads() -> int:
    """Number of threads that compute: those set for XLA, or one for each core."""
    given = os.environ.get(THREADS, "")
    # What is no number of threads is ignored, as XLA does.
    sound = given.isascii() and given.isdecimal() and len(given) < 10
    return (int(given) if sound else 0) or n_cores()
