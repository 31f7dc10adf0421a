"""What every format takes: settings as text, numbers by step, and when."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..store.files import damaged
from ..store.json_values import plain
from ..store.read import StoredRun


_STEPS = ("step", "epoch")
"""Columns that count progress, the first one there is used."""


@dataclass(frozen=True)
class Point:
    """A number at a step."""

    name: str
    step: int
    value: float


def points(run: StoredRun) -> Iterator[Point]:
    """Every number of the records, in the order of the steps."""
    if run.error is not None:
        return
    frame = run.metrics
    counted = next((name for name in _STEPS if name in frame.columns), None)
    for number, row in enumerate(frame.iter_rows(named=True)):
        count: Any = None if counted is None else row[counted]
        # A count that is missing or no number: records are numbered instead.
        known = is_number(count) and math.isfinite(count)
        step = int(count) if known else number
        for name, value in row.items():
            if name != counted and is_number(value):
                yield Point(name, step, float(value))


def summary_numbers(run: StoredRun) -> dict[str, float]:
    """The numbers among the summary."""
    return {n: float(v) for n, v in run.summary.items() if is_number(v)}


def settings(run: StoredRun) -> dict[str, str]:
    """The config as text."""
    return {name: text(value) for name, value in run.config.items()}


def text(value: Any) -> str:
    """A value as text: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(plain(value))


def ended(run: StoredRun) -> float:
    """When the run ended, in seconds since 1970.

    Raises:
        StoreError: If the run does not tell a date.
    """
    try:
        date = datetime.fromisoformat(run.environment["date"])
    except (KeyError, TypeError, ValueError):
        raise damaged(run.path / "environment.json", "tells no date") from None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()


def is_number(value: Any) -> bool:
    """Whether a value is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)
