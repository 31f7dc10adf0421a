"""What a sweep set out to do, written beside its runs for those who watch it."""

import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..store.files import read_json, write_json, writing
from .jobs import Job


@dataclass(frozen=True)
class SweepRecord:
    """A sweep that was started on a folder of runs."""

    runs: tuple[Path, ...]
    """Folder of the first attempt at each run."""
    started: float
    """When it was last started, in seconds since 1970."""
    command: tuple[str, ...]
    """The command line."""


def record_sweep(jobs: Iterable[Job]) -> None:
    """Write `<root>/sweeps/<hash of the jobs>.json`, or mark it as started again.

    Raises:
        StoreError: If the folder cannot be written.
    """
    by_root: dict[str, list[str]] = {}
    for job in jobs:
        by_root.setdefault(job.root, []).append(f"{job.study}/{job.id}")
    for root, names in by_root.items():
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]
        path = Path(root) / "sweeps" / f"{digest}.json"
        if path.exists():
            with writing(path):
                os.utime(path)
        else:
            write_json(path, {"runs": names, "command": list(sys.argv)})


def latest_sweep(root: Path | str) -> SweepRecord | None:
    """The sweep that was started last on a folder of runs, if any was."""
    files = list((Path(root) / "sweeps").glob("*.json"))
    if not files:
        return None
    latest = max(files, key=_started)
    content = read_json(latest)
    return SweepRecord(
        runs=tuple(Path(root) / name for name in content["runs"]),
        started=_started(latest),
        command=tuple(content["command"]),
    )


def _started(path: Path) -> float:
    return path.stat().st_mtime
