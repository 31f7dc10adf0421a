"""Progress: live on a terminal or in a notebook, else a line per 10 % or minute."""

import html
import sys
import time
from collections.abc import Mapping
from numbers import Integral
from types import TracebackType
from typing import Any, Protocol


# A notebook redraws for each update, and sends it over a network.
_SECONDS_BETWEEN_UPDATES = 0.2
_SECONDS_BETWEEN_LINES = 1.0
# A log says at least this often that the work goes on.
_SECONDS_OF_SILENCE = 60.0


class Reporter:
    """Tells how far a piece of work is; use it as a context manager.

    Args:
        what: What is being done, a word or two.
        unit: What is counted ("step", "run"); of a "second" no pace is told.
        shown: Whether anything is shown at all.
    """

    def __init__(self, what: str, *, unit: str = "step", shown: bool = True) -> None:
        self._unit = unit
        self._origin: tuple[float, int] | None = None
        self._face = _face(what) if shown else None

    def __call__(self, done: int, total: int, **values: float) -> None:
        """Report `done` of `total`, and the latest numbers."""
        if self._origin is None:
            # Rates count from the first report on: what came before is compilation.
            self._origin = time.perf_counter(), done
        if self._face is not None:
            told = [self._rate(done), self._left(done, total), _numbers(values)]
            self._face.show(done, total, [part for part in told if part])

    def say(self, sentence: str) -> None:
        """A sentence for the person, beside the progress."""
        if self._face is not None:
            print(sentence, file=sys.stderr, flush=True)

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._face is not None:
            self._face.close(ended=kind is None)

    def _pace(self, done: int) -> float | None:
        """Seconds for one unit."""
        start, first = self._origin or (0.0, 0)
        counted = done - first
        return (time.perf_counter() - start) / counted if counted > 0 else None

    def _rate(self, done: int) -> str:
        pace = self._pace(done)
        if pace is None or self._unit == "second":
            return ""
        if pace > 0.1:
            return f"{pace:.1f} s per {self._unit}"
        return f"{1 / max(pace, 1e-9):,.0f} {self._unit}s/s"

    def _left(self, done: int, total: int) -> str:
        pace = self._pace(done)
        if pace is None or done >= total:
            return ""
        return f"{duration(pace * (total - done))} left"


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def counted(number: int, noun: str) -> str:
    """How many there are, in words: "1 run", "2 runs"."""
    return f"{number} {noun}" + "s" * (number != 1)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # A kernel has it loaded.
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


class _Face(Protocol):
    """How progress looks; `parts` are words such as a rate."""

    def show(self, done: int, total: int, parts: list[str]) -> None: ...

    def close(self, *, ended: bool) -> None: ...


def _face(what: str) -> _Face:
    if in_notebook():
        return _Notebook(what)
    return _Terminal(what) if sys.stderr.isatty() else _Lines(what)


class _Terminal:
    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._live = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[told]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._live.add_task(what, total=None, told="")
        self._live.start()

    def show(self, done: int, total: int, parts: list[str]) -> None:
        told = "  ".join(parts)
        self._live.update(self._task, completed=done, total=total, told=told)

    def close(self, *, ended: bool) -> None:
        self._live.stop()


class _Notebook:
    def __init__(self, what: str) -> None:
        self._what = what
        self._display: Any = None
        self._due = 0.0

    def show(self, done: int, total: int, parts: list[str]) -> None:
        from IPython.display import HTML, display

        now = time.perf_counter()
        if now < self._due and done < total:
            return
        self._due = now + _SECONDS_BETWEEN_UPDATES
        told = html.escape(", ".join([f"{self._what}: {done}/{total}", *parts]))
        bar = HTML(f'<progress value="{done}" max="{total}"></progress> {told}')
        if self._display is None:
            self._display = display(bar, display_id=True)
        else:
            self._display.update(bar)

    def close(self, *, ended: bool) -> None:
        pass


class _Lines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._tenth = 0
        self._due = 0.0
        self._heard: float | None = None

    def show(self, done: int, total: int, parts: list[str]) -> None:
        tenth, now = 10 * done // max(total, 1), time.monotonic()
        self._heard = now if self._heard is None else self._heard
        # Parts that are done at once need no line each.
        further = tenth > self._tenth and (now >= self._due or done >= total)
        if further or now >= self._heard + _SECONDS_OF_SILENCE:
            self._tenth, self._heard = tenth, now
            self._due = now + _SECONDS_BETWEEN_LINES
            line = ", ".join(
                [f"{100 * done // max(total, 1)} % ({done}/{total})", *parts]
            )
            print(f"{self._what}: {line}", file=sys.stderr, flush=True)

    def close(self, *, ended: bool) -> None:
        # Work may end before all that was foreseen is counted.
        if ended and 0 < self._tenth < 10:
            print(f"{self._what}: done", file=sys.stderr, flush=True)


def _numbers(values: Mapping[str, float]) -> str:
    chosen = (
        *("loss", "accuracy", "test_accuracy", "risk", "failed"),
        *("best", "bound", "open"),
    )
    said = {
        n: f"{values[n]:,d}" if isinstance(values[n], Integral) else f"{values[n]:.3g}"
        for n in chosen
        if n in values
    }
    return "  ".join(f"{n} {value}" for n, value in said.items())
