"""`overparam watch RUNS`: a running sweep, live, from any machine that sees it."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...checks import in_range, positive
from ...field_values import unknown
from ...progress import duration
from ...sweeping.watch import Glance, glance
from ..arguments import OfRuns, parse
from ..show import print_json, tell


@dataclass(frozen=True, kw_only=True)
class Watching(OfRuns):
    """Watch the runs of a folder: done, running, failed, rate, time left, best so far.

    The runs are those of the sweep last started on the folder; without one, all.
    Reads small files only, and ends when nothing is left to do. Where no process is at
    work on what is left, it says so and waits for one, as a queue may start it later:
    the command of the sweep, typed again, does what is missing. Ctrl-C ends it, and
    `--once` looks once.

    Examples:
      overparam watch runs
      overparam watch runs --best risk --once
    """

    best: str | None = None
    """A summary; the finished run with its lowest value is shown."""
    every: float = 2.0
    """Seconds between two looks."""
    once: bool = False
    """Look once and end."""
    json: bool = False
    """Print one look as JSON and end."""

    def __post_init__(self) -> None:
        positive(every=self.every)
        in_range(0, 86_400, every=self.every)


def forms() -> dict[str, list[type[Any]]]:
    """The options of the verb, by its subject."""
    return {"": [Watching]}


def main(argv: Sequence[str]) -> int:
    """Watch a folder of runs."""
    watching = parse(Watching, argv, prog="overparam watch")
    seen = glance(watching.runs, best=watching.best)
    if watching.best is not None and seen.best is None and seen.done > 0:
        told = f"No finished run has a finite `{watching.best}` in its summary yet."
        if watching.best not in seen.summaries:
            told = unknown(watching.best, seen.summaries, what="summary of a number")
        tell(told)
    if watching.json:
        print_json(seen)
        return 0
    live, told, idle = sys.stdout.isatty(), None, False
    while True:
        # On a terminal the line renews itself; elsewhere each change is a line.
        if live:
            print(f"\r\033[K{_line(seen)}", end="", flush=True)
        elif (line := _line(seen)) != told:
            print(told := line, flush=True)
        if watching.once or seen.left <= 0:
            if live:
                print()
            return 0
        if seen.running == 0 and not idle:
            if live:
                print()
            tell(
                "Nothing is running: the same command of the sweep or run does what is "
                "missing, here or in a queue. Waiting for that; Ctrl-C ends this."
            )
        idle = seen.running == 0
        time.sleep(watching.every)
        seen = glance(watching.runs, best=watching.best)


def _line(seen: Glance) -> str:
    parts = [f"{seen.done} of {seen.total} done", f"{seen.running} running"]
    if seen.cut_off:
        parts.append(f"{seen.cut_off} cut off")
    if seen.failed:
        parts.append(f"{seen.failed} failed")
    if seen.unreadable:
        parts.append(f"{seen.unreadable} unreadable")
    if seen.rate > 0:
        minutely = 60 * seen.rate
        parts.append(f"{minutely:{',.0f' if minutely >= 100 else '.3g'}} per minute")
    if seen.seconds_left:
        parts.append(f"{duration(seen.seconds_left)} left")
    if seen.best is not None:
        parts.append(f"best {seen.best.value:.4g} ({seen.best.path.name})")
    return ", ".join(parts)
