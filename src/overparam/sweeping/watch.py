"""How far the runs of a folder are, from any machine that sees the folder."""

import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..store.files import stat_of
from ..store.find import has, is_folder, look
from ..store.read import read_run
from ..store.run import FAILED, attempts, run_status
from .record import latest_sweep


@dataclass(frozen=True)
class Best:
    """The run with the lowest value of a summary."""

    value: float
    path: Path


@dataclass(frozen=True, kw_only=True)
class Glance:
    """The state of a folder of runs, or of the sweep last started on it."""

    statuses: Counter[str]
    """Runs by stored status; `running`, `unfinished`, `unreadable` for the others."""
    total: int
    """Runs of the sweep, begun or not; without a sweep, runs begun."""
    rate: float
    """Runs finished per second of the sweep, while anything ran; 0 without one."""
    best: Best | None
    """The best finished run, if a summary was named."""
    summaries: tuple[str, ...] = ()
    """What could have been named, if a summary was."""

    @property
    def running(self) -> int:
        """Runs that a live process holds."""
        return self.statuses["running"]

    @property
    def cut_off(self) -> int:
        """Runs that were begun and whose process is gone, before any answer."""
        return self.statuses["unfinished"]

    @property
    def failed(self) -> int:
        """Runs that raised."""
        return self.statuses[FAILED]

    @property
    def unreadable(self) -> int:
        """Runs and folders that are damaged, closed or only look like runs."""
        return self.statuses["unreadable"]

    @property
    def done(self) -> int:
        """Runs with an answer."""
        return sum(self.statuses[status] for status in self.statuses if _answer(status))

    @property
    def seconds_left(self) -> float | None:
        """Time left at this rate; `None` if none was finished yet, or nothing runs."""
        known = self.rate > 0 and (self.running > 0 or self.left <= 0)
        return self.left / self.rate if known else None

    @property
    def left(self) -> int:
        """Runs that may still end: an unreadable one does not by itself."""
        return self.total - self.done - self.failed - self.unreadable


def glance(root: Path | str, *, best: str | None = None) -> Glance:
    """Look at a folder of runs once; reads small files only and disturbs nobody.

    Args:
        root: Folder of all runs.
        best: A summary; the finished run with its lowest value is told.

    Raises:
        StoreError: If the folder does not exist.
    """
    looked, sweep = look(root), latest_sweep(root)
    if sweep is None:
        runs = looked.runs
        closed = {each.path: "unreadable" for each in looked.foreign}
    else:
        runs = [(attempts(first) or [first])[-1] for first in sweep.runs]
        closed = {}
    found = ((path, _status(path)) for path in runs)
    statuses = closed | {path: status for path, status in found if status}
    done = [path for path, status in statuses.items() if _answer(status)]
    rate, least, names = 0.0, None, dict[str, None]()
    if sweep is not None:
        looks = (stat_of(path / "status.json") for path in done)
        ends = [end[1] for end in looks if end is not None and end[1] >= sweep.started]
        # A sweep that was cut off took no time since.
        running = "running" in statuses.values()
        elapsed = (time.time() if running else max(ends, default=0)) - sweep.started
        rate = len(ends) / elapsed if elapsed > 0 else 0.0
    if best is not None:
        finite = []
        for path in done:
            values = _values(path)
            names |= dict.fromkeys(values)
            if math.isfinite(values.get(best, math.nan)):
                finite.append((values[best], path))
        least = Best(*min(finite)) if finite else None
    return Glance(
        statuses=Counter(statuses.values()),
        total=len(runs) + len(closed),
        rate=rate,
        best=least,
        summaries=tuple(names),
    )


def _status(path: Path) -> str | None:
    """How a run ended or where it is; `None` if it was not begun."""
    try:
        begun = is_folder(path) or has(path.parent, path.name)
        return run_status(path) if begun else None
    except StoreError:
        return "unreadable"


def _answer(status: str) -> bool:
    return status not in (FAILED, "running", "unfinished", "unreadable")


def _values(path: Path) -> dict[str, float]:
    """The numbers in the summary of a run."""
    try:
        summary = read_run(path).summary
    except StoreError:
        return {}
    return {
        name: float(value)
        for name, value in summary.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
