"""What the verbs print: tables and JSON on stdout, everything else on stderr."""

import itertools
import json
import math
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..store.json_values import plain, printable
from ..store.read import StoredRun


_GAP = "  "
_LONGEST_WORD = 36
_MOST_NAMED = 20


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout, whole where it is piped.

    On a terminal sentences are wrapped between words, and columns for which there is no
    room are left out and named; no id and no number is ever shortened.
    """
    columns, room = _columns(headers, rows), _room()
    kept = {i: columns[i] for i in _that_fit(columns, room)}
    widths = _widths(list(kept.values()), room)
    lines = list(zip(*kept.values(), strict=True))
    for number, line in enumerate(lines):
        if number or any(headers):
            print(_line(line, widths))
        if number == 0 and any(headers):
            ruler = sum(widths) + len(_GAP) * (len(widths) - 1)
            # A sentence in a pipe is as long as it is.
            print("-" * min(ruler, shutil.get_terminal_size().columns))
    left_out = [header for i, header in enumerate(headers) if i not in kept]
    if left_out:
        if len(left_out) > _MOST_NAMED:
            left_out[_MOST_NAMED:] = [f"and {len(left_out) - _MOST_NAMED} more"]
        named = ", ".join(left_out)
        tell(f"Too wide for this terminal, whole in a pipe (`| less -S`): {named}.")


def fits(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> bool:
    """Whether `print_table` has room for every column."""
    columns = _columns(headers, rows)
    return len(_that_fit(columns, _room())) == len(columns)


def _columns(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    return [
        [" ".join(shown(value).split()) for value in column]
        for column in zip(headers, *rows, strict=True)
    ]


def _room() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _that_fit(columns: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """The columns that have room beside each other, the first one always."""
    kept, left = [], math.inf if room is None else room
    for index, column in enumerate(columns):
        needed = _least(column) + len(_GAP) * bool(kept)
        if needed <= left or not kept:
            kept.append(index)
            left -= needed
    return kept


def _widths(columns: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """The width of every column: what it needs, and more from the left to the right."""
    widths = [_least(column) for column in columns]
    free = math.inf if room is None else room
    free -= sum(widths) + len(_GAP) * (len(widths) - 1)
    for index, column in enumerate(columns):
        wanted = max(map(len, column), default=0)
        more = max(0, min(wanted - widths[index], free))
        widths[index] += int(more)
        free -= more
    return widths


def _least(column: Sequence[str]) -> int:
    # A path that is longer than this stands out of its column.
    longest = max((len(word) for text in column for word in text.split()), default=0)
    return min(longest, _LONGEST_WORD)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    wrapped = [
        textwrap.wrap(
            cell, max(width, 1), break_long_words=False, break_on_hyphens=False
        )
        for cell, width in zip(cells, widths, strict=True)
    ]
    return "\n".join(
        _GAP.join(
            f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)
        ).rstrip()
        for parts in itertools.zip_longest(*wrapped, fillvalue="")
    )


def print_values(values: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line."""
    print_table(["", ""], list(values.items()))


def print_json(value: Any) -> None:
    """Print a value as strict JSON on stdout."""
    print(json.dumps(plain(value), indent=1))


def tell(text: str) -> None:
    """Print a line for the person, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def tell_unverified(runs: Iterable[StoredRun]) -> None:
    """Say how many of the runs hold nothing that a change of them would disagree with.

    Whatever is made of runs says so.
    """
    number = sum(not run.verified for run in runs)
    if number:
        tell(
            f"{number} of these runs {'is' if number == 1 else 'are'} unverified: "
            "in schema 1 a change of config or status leaves no trace."
        )


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, tuple | list):
        return ", ".join(shown(item) for item in value)
    return printable(str(value))
