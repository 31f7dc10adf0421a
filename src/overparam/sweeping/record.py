"""What a sweep set out to do, written beside its runs for those who watch it."""

import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ..errors import StoreError
from ..store.files import read_sealed, write_sealed, writing
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
            write_sealed(path, {"runs": names, "command": list(sys.argv)})


def latest_sweep(root: Path | str) -> SweepRecord | None:
    """The sweep that was started last on a folder of runs, if any was.

    Raises:
        StoreError: If its file does not hold one.
    """
    found = (Path(root) / "sweeps").glob("*.json")
    files = [path for path in found if os.path.isfile(path)]
    if not files:
        return None
    latest = max(files, key=_started)
    content = read_sealed(latest)
    runs, command = content.get("runs"), content.get("command")
    if not (_texts(runs) and _texts(command) and all(map(_is_inside, runs))):
        raise StoreError(f"`{latest}` is damaged: it holds no sweep; delete it.")
    return SweepRecord(
        runs=tuple(Path(root) / name for name in runs),
        started=_started(latest),
        command=tuple(command),
    )


def _texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_inside(name: str) -> bool:
    """Whether this is `study/id`, which leads nowhere else."""
    parts = Path(name).parts
    return len(parts) == 2 and ".." not in parts and not Path(name).is_absolute()


def _started(path: Path) -> float:
    return path.stat().st_mtime
