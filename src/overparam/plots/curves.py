"""Curves of a frame of records: one colour per value, median and band over seeds."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from ..errors import ConfigError
from ..field_values import unknown
from ..store.json_values import printable
from .figure import COLOURS, DASHES, band, legend, legend_columns, whole_ticks


LARGEST = 1e200
"""Larger numbers are not drawn: of an axis with a margin some tick would overflow."""

_FEW_BANDS = 3
_LOOKS = list(itertools.product(DASHES, COLOURS))
_FEW_FIELDS = 3  # Of a label; more are no name.
# In letters: longer ones would leave no room for the axes.
_LONGEST_LABEL = 60
_LONGEST_NAME = 32


def draw(
    axes: Axes,
    records: pl.DataFrame,
    *,
    x: str,
    y: str,
    by: str | Sequence[str] | None = None,
    alike: bool,
) -> bool:
    """Draw median and band where runs may be pooled, else every run as a line.

    Args:
        axes: Where to draw.
        records: One row per record, with a column `path` that tells runs apart.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        by: Columns whose values get a colour each. More than there are looks of lines
            have no legend.
        alike: Whether runs of one colour differ in their seeds only.

    Returns:
        Whether it is the median.

    Example:
        ```python
        run = op.run("planted", **small)
        records = op.table("runs", study="planted", metrics="records")
        figure, axes = op.plots.panels()
        op.plots.draw(axes[0, 0], records, x="epoch", y="risk", by="width", alike=True)
        ```
    """
    ends = records.group_by("path").agg(pl.col(x).max())[x]
    # A median over the runs that are left would jump wherever one stops.
    pooled = alike and ends.n_unique() == 1
    (curves if pooled else lines)(axes, records, x=x, y=y, by=by)
    return pooled


def curves(
    axes: Axes,
    records: pl.DataFrame,
    *,
    x: str,
    y: str,
    by: str | Sequence[str] | None = None,
) -> None:
    """Draw `y` against `x`: for each value of `by` the median and band over runs.

    Args:
        axes: Where to draw.
        records: One row per record, with a column `path` that tells runs apart.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        by: Columns whose values get a colour each.

    Raises:
        ConfigError: If a column is missing.
    """
    styled = list(_styled(records, x=x, y=y, by=by))
    # Bands of many colours that lie over each other hide the medians.
    alpha = 0.18 if len(styled) <= _FEW_BANDS else 0.08
    several = False
    for label, style, part in styled:
        grid, stacked = aligned(part, x=x, y=y)
        band(axes, grid, stacked, label=label, alpha=alpha, **style)
        several |= len(stacked) > 1
    _name(axes, x=x, y=y)
    if len(styled) <= len(_LOOKS):
        legend(axes, title="median, 10-90 % band" if several else None)


def lines(
    axes: Axes,
    records: pl.DataFrame,
    *,
    x: str,
    y: str,
    by: str | Sequence[str] | None = None,
) -> None:
    """Draw every run as a thin line; those of a colour are one object, for speed."""
    styled = list(_styled(records, x=x, y=y, by=by))
    for label, style, part in styled:
        runs = part.group_by("path", maintain_order=True)
        points = [run.select(x, y).cast(pl.Float64).to_numpy() for _, run in runs]
        gap = np.full((1, 2), np.nan)
        joined = np.concatenate([piece for line in points for piece in (line, gap)])
        look = {"color": style["colour"], "linestyle": style["dash"], "alpha": 0.7}
        # A line of one point is invisible.
        look["marker"] = "." if any(len(line) == 1 for line in points) else ""
        axes.plot(*joined.T, linewidth=0.8, label=label, **look)
    _name(axes, x=x, y=y)
    # Above the axes: among this many lines there is no free place.
    if len(styled) <= len(_LOOKS):
        inches = axes.figure.bbox.width / axes.figure.dpi
        columns = min(3, legend_columns(inches, [label for label, *_ in styled]))
        legend(axes, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)


def drawable(*columns: str) -> pl.Expr:
    """Whether a column, or each of several, holds a number that an axis can show."""
    return pl.col(columns).cast(pl.Float64).abs() <= LARGEST


def check_columns(
    records: pl.DataFrame, *, x: str, y: str, by: Sequence[str] = ()
) -> None:
    """`x` and `y` hold numbers, and `by` one value for each run.

    Raises:
        ConfigError: If not, or if a column is missing.
    """
    _check_there(records, [x, y, *by])
    numbers = [n for n, kind in records.schema.items() if kind.is_numeric()]
    for name in (x, y):
        if name not in numbers:
            listed = ", ".join(numbers)
            raise ConfigError(f"`{name}` holds no numbers; these do: {listed}.")
    for name in by:
        distinct = records.group_by("path").agg(pl.col(name).n_unique().alias("n"))["n"]
        if distinct.max() != 1:
            raise ConfigError(
                f"`{name}` changes along a run: a colour needs a column with one value "
                "for each run."
            )


def aligned(records: pl.DataFrame, *, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """All values of `x`, and one curve of `y` per run with NaN where it has none."""
    grid = np.sort(records[x].unique().to_numpy())
    runs = records.select(pl.col("path").unique(maintain_order=True))
    owners = records.join(runs.with_row_index("run"), on="path", maintain_order="left")
    stacked = np.full((runs.height, len(grid)), np.nan)
    places = np.searchsorted(grid, records[x].to_numpy())
    stacked[owners["run"], places] = records[y].cast(pl.Float64).to_numpy()
    return grid, stacked


def _styled(
    records: pl.DataFrame, *, x: str, y: str, by: str | Sequence[str] | None
) -> Iterator[tuple[str, dict[str, str], pl.DataFrame]]:
    """Label, look and records of each value, ascending; runs without one first."""
    names = list(dict.fromkeys([by] if isinstance(by, str) else by or ()))
    _check_there(records, [x, y, *names])
    groups: list[tuple[dict[str, Any], pl.DataFrame]] = [({}, records)]
    if names:
        parts = records.sort(names, maintain_order=True).partition_by(
            names, maintain_order=True
        )
        groups = [(part.select(names).row(0, named=True), part) for part in parts]
    # No two lines look alike before every colour has had every dash.
    looks = itertools.cycle(_LOOKS)
    for (values, part), (dash, colour) in zip(groups, looks, strict=False):
        label = lettering(_label(values) or called(y))
        yield label, {"colour": colour, "dash": dash}, part


def told_apart(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of what differs between configs; none, if it does not tell them apart."""
    names = [n for n in configs[0] if len({repr(c.get(n)) for c in configs}) > 1]
    labels = [lettering(_label({n: c.get(n) for n in names})) for c in configs]
    few = 0 < len(names) <= _FEW_FIELDS and len(set(labels)) == len(labels)
    return labels if few else []


def _label(values: Mapping[str, Any]) -> str:
    """Fields with their values, in words."""
    named = []
    for field, value in values.items():
        words = called(field)
        if value is None or value is False:
            # "balance every" without a number is no balance.
            named.append(f"no {words.removesuffix(' every')}")
        else:
            named.append(words if value is True else f"{words} {shown(value)}")
    return ", ".join(named)


def _check_there(records: pl.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in records.columns:
            raise ConfigError(unknown(name, records.columns, what="column"))


def _name(axes: Axes, *, x: str, y: str) -> None:
    whole_ticks(axes)
    axes.set_xlabel(lettering(called(x), _LONGEST_NAME))
    axes.set_ylabel(lettering(called(y), _LONGEST_NAME))


def called(column: str) -> str:
    """A column as it stands in a picture: what a table adds to its name is left out."""
    for table in ("metrics.", "summary."):
        column = column.removeprefix(table)
    return column.replace("_", " ")


def lettering(text: str, longest: int = _LONGEST_LABEL) -> str:
    """A text of a run as a picture can have it: on a line, and no formula.

    Of a long one the middle is left out, as names differ at their ends.
    """
    text = printable(text)
    if len(text) > longest:
        half = longest // 2
        text = f"{text[: half - 1]}…{text[-half:]}"
    return text.replace("$", r"\$")


def shown(value: Any) -> str:
    """A value as it stands in a legend."""
    return f"{value:g}".replace("inf", "∞") if isinstance(value, float) else str(value)
