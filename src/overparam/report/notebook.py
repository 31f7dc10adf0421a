"""What objects look like in a notebook: values, tables, figures, claims."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..progress import counted
from .markup import Markup, joined, tag
from .values import cell


if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


MOST_ROWS = 20
"""Of a table; more would push what stands below it out of sight."""


def values(title: str, named: Mapping[str, Any]) -> Markup:
    """Names and values, if there are any, below a title, if there is one."""
    rows = [tag("tr", tag("th", name), cell(value)) for name, value in named.items()]
    heading = [tag("b", title)] if title else []
    return joined(*heading, *([tag("table", *rows)] if rows else []))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Markup:
    """The first rows of a table, and how many more there are."""
    head = tag("tr", *(tag("th", name) for name in columns))
    body = [tag("tr", *map(cell, row)) for row in rows[:MOST_ROWS]]
    more = len(rows) - MOST_ROWS
    said = [tag("p", f"... and {counted(more, 'more row')}")] if more > 0 else []
    return joined(tag("table", head, *body), *said)


def frame(content: "pl.DataFrame") -> Markup:
    """The first rows of a frame."""
    return table(content.columns, content.rows())


def image(figure: "Figure") -> Markup:
    """A figure as it is saved."""
    from ..plots.figure import rendered

    encoded = base64.b64encode(rendered(figure, "png")).decode()
    return tag("img", src=f"data:image/png;base64,{encoded}", style="max-width: 100%")
