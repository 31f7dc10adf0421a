"""The records of a study's runs as figures, one for each telling column."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StoreError
from ..plots.curves import draw, drawable
from ..plots.figure import panels, rendered
from ..store.json_values import encodable
from ..store.read import StoredRun
from .differences import unlike
from .material import StudyRuns


if TYPE_CHECKING:
    import polars as pl


# Of a horizontal axis of 400 pixels every second one, and of a figure a quarter MB.
_MOST_PLACES = 200
_MOST_POINTS = 20_000

_MOST_FIGURES = 6
_MOST_COLOURS = 8

_AXES = ("epoch", "step")
"""Columns that count progress, the first one there is used."""

_TAKEN = ("path", *_AXES)
"""Columns of a figure's table that no field of a study of one's own can be."""

_OF_NO_INTEREST = ("seconds", *_AXES)
_FIRST = ("loss", "risk", "error", "accuracy")
"""What a reader looks for; other columns follow in the study's order."""


@dataclass(frozen=True)
class Drawn:
    """A figure as SVG with its caption."""

    caption: str
    svg: bytes


def record_figures(study: StudyRuns, by: str | None = None) -> Iterator[Drawn]:
    """Draw the records of a study: median and band over seeds, or else every run.

    Args:
        study: The study and its runs.
        by: Config field whose values get a colour each; by default, and where it is
            called as an axis, the one with the most values that are told apart.
    """
    if by not in study.fields or by in _TAKEN:
        varying = {
            spread.name: len(spread.values)
            for spread in study.config
            if 2 <= len(spread.values) <= _MOST_COLOURS
            and "seed" not in spread.name
            and spread.name not in _TAKEN
        }
        by = max(varying, key=lambda name: varying[name]) if varying else None
    tables = [
        (run, table) for run in study.shown if (table := _records(run)) is not None
    ]
    x = next((n for n in _AXES if any(n in t.columns for _, t in tables)), None)
    if x is None:
        return
    runs, fields = [run for run, _ in tables], study.fields
    colours = _colours(runs, by)
    alike = not unlike([run.config for run in runs], colours)
    names = {n: None for _, t in tables for n in t.columns if t.schema[n].is_numeric()}
    wanted = [n for n in names if n not in _OF_NO_INTEREST and n not in fields]
    wanted.sort(key=lambda name: not any(word in name for word in _FIRST))
    records = _long(tables, colours, x, wanted, by)
    beside = [x, "path", *([] if by is None else [by])]
    frames = (records.select(*beside, y).drop_nulls((x, y)) for y in wanted)
    # Of a column that is constant there is nothing to see.
    told = (f for f in frames if f.height > 0 and f.to_series(-1).n_unique() > 1)
    for frame in itertools.islice(told, _MOST_FIGURES):
        yield _draw(frame, x, frame.columns[-1], by, alike=alike)


def _records(run: StoredRun) -> "pl.DataFrame | None":
    if run.error is not None:
        return None
    try:
        return run.metrics if run.metrics.height else None
    except StoreError:
        return None


def _long(
    tables: "Sequence[tuple[StoredRun, pl.DataFrame]]",
    colours: Sequence[Any],
    x: str,
    wanted: Sequence[str],
    by: str | None,
) -> "pl.DataFrame":
    """A few records of each run; null where a column has no number that is drawn."""
    import polars as pl

    most = max(2, min(_MOST_PLACES, _MOST_POINTS // len(tables)))
    heights = [table.height for _, table in tables]
    # Counted from the end, so that the last record is always there.
    kept = [range(n)[:: -math.ceil(n / most)][::-1] for n in heights]
    ends = itertools.accumulate(heights, initial=0)
    rows = [end + row for end, taken in zip(ends, kept, strict=False) for row in taken]
    joined = pl.concat([table for _, table in tables], how="diagonal_relaxed")
    named = {"path": [encodable(str(run.path)) for run, _ in tables]}
    named |= {} if by is None else {by: colours}
    owners = pl.DataFrame(named)[np.repeat(np.arange(len(tables)), [*map(len, kept)])]
    columns = pl.col(x, *wanted).cast(pl.Float64, strict=False)
    values = pl.col(x, *wanted)
    shown = pl.when(drawable(x, *wanted)).then(values)
    return joined[rows].select(columns).with_columns(shown).hstack(owners)


def _colours(runs: Sequence[StoredRun], by: str | None) -> list[Any]:
    """The value of each run that decides its colour: all numbers, or all text."""
    values: list[Any] = [None if by is None else run.config.get(by) for run in runs]
    kinds = {type(value) for value in values}
    if kinds == {int, float}:
        return [float(value) for value in values]
    return (
        values if len(kinds) == 1 and kinds <= {int, float} else list(map(str, values))
    )


def _draw(
    frame: "pl.DataFrame", x: str, y: str, by: str | None, *, alike: bool
) -> Drawn:
    figure, axes = panels(width=4.6, height=3.2)
    summarised = draw(axes[0, 0], frame, x=x, y=y, by=by, alike=alike)
    values = np.asarray(frame[y])
    logarithmic = values.min() > 0 and values.max() > 100 * values.min()
    axes[0, 0].set_yscale("log" if logarithmic else "linear")
    n_runs = frame["path"].n_unique()
    over = "one run" if n_runs == 1 else f"{n_runs} runs, each a line"
    if summarised and n_runs > 1:
        over = f"median and 10-90 % band over seeds, {n_runs} runs"
    coloured = "" if by is None else f", by {by.replace('_', ' ')}"
    caption = f"{y.replace('_', ' ')} against {x}{coloured}: {over}"
    return Drawn(caption, rendered(figure, "svg"))
