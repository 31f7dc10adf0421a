"""What the verbs print: tables and JSON on stdout, everything else on stderr."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from ..store.json_values import plain


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table on stdout; wide enough to lose nothing when it is piped."""
    shows = any(headers)
    table = Table(
        *headers,
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_header=shows,
        highlight=False,
    )
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    console = Console() if sys.stdout.isatty() else Console(width=220)
    console.print(table, markup=False, highlight=False)


def print_values(values: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line."""
    print_table(["", ""], list(values.items()))


def print_json(value: Any) -> None:
    """Print a value as strict JSON on stdout."""
    print(json.dumps(plain(value), indent=1))


def tell(text: str) -> None:
    """Print a line for the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def shown(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, tuple | list):
        return ", ".join(shown(item) for item in value)
    return str(value)


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
