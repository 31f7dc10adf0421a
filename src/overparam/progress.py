"""Progress on stderr: a live line on a terminal, else one plain line per 10 %."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .show import duration


class Reporter:
    """Tells how far a piece of work is; use it as a context manager.

    Args:
        what: What is being done, a word or two.
        unit: What is counted ("step", "run").
    """

    def __init__(self, what: str, *, unit: str = "step") -> None:
        self._what, self._unit = what, unit
        self._origin: tuple[float, int] | None = None
        self._tenth = 0
        self._live: Progress | None = None
        if sys.stderr.isatty():
            self._live = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[values]}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._live.add_task(what, total=None, rate="", values="")

    def __call__(self, done: int, total: int, **values: float) -> None:
        """Report `done` of `total`, and the latest numbers."""
        if self._origin is None:
            # Rates count from the first report on: what came before is compilation.
            self._origin = time.perf_counter(), done
        if self._live is not None:
            self._live.update(
                self._task,
                completed=done,
                total=total,
                rate=self._rate(done),
                values=_numbers(values),
            )
            return
        tenth = 10 * done // max(total, 1)
        if tenth > self._tenth:
            self._tenth = tenth
            parts = [f"{10 * tenth} % ({done}/{total})", self._rate(done)]
            parts += [self._left(done, total), _numbers(values)]
            line = ", ".join(part for part in parts if part)
            print(f"{self._what}: {line}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Reporter":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _pace(self, done: int) -> float | None:
        """Seconds for one unit."""
        start, first = self._origin or (0.0, 0)
        counted = done - first
        return (time.perf_counter() - start) / counted if counted > 0 else None

    def _rate(self, done: int) -> str:
        pace = self._pace(done)
        if pace is None:
            return ""
        if pace > 0.1:
            return f"{pace:.1f} s per {self._unit}"
        return f"{1 / max(pace, 1e-9):,.0f} {self._unit}s/s"

    def _left(self, done: int, total: int) -> str:
        pace = self._pace(done)
        if pace is None or done >= total:
            return ""
        return f"{duration(pace * (total - done))} left"


def _numbers(values: dict[str, float]) -> str:
    chosen = ("loss", "accuracy", "test_accuracy", "risk", "failed")
    return "  ".join(f"{n} {values[n]:.3g}" for n in chosen if n in values)
