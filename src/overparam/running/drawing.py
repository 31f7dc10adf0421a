"""A column of the records of many runs: median and band, or a line for each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..checks import written
from ..errors import ConfigError
from ..plots.curves import LARGEST, check_columns, curves, draw, drawable, lettering
from ..plots.figure import chosen_ticks, panels
from ..progress import counted
from ..report.differences import Spread, unlike
from ..report.values import shown
from ..spellings import spelled
from ..store.json_values import encodable
from ..store.tables import Gathered


def draw_records(
    gathered: Gathered,
    *,
    x: str,
    y: str,
    by: Sequence[str] = (),
    log_x: bool = False,
    log_y: bool = False,
) -> tuple[Figure, list[str]]:
    """Draw `y` against `x`, and say in sentences what is not as one might expect.

    Against a field of the config the last record of every run is drawn.

    Args:
        gathered: Runs with their records.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        by: Columns whose values get a colour each.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axis is logarithmic.

    Raises:
        ConfigError: If a column is missing or holds nothing to draw, or runs of one
            colour differ in more than their seeds.
    """
    for name in (x, y, *by):
        if not isinstance(name, str):
            raise ConfigError(f"A column has a name, got {written(name)}.")
    records = gathered.frame
    studies = {run.study for run in gathered.runs}
    x, y, *by = (spelled(name, records.columns, studies) for name in (x, y, *by))
    of_records = {
        column: f"metrics.{column}"
        for run in gathered.runs
        for column in run.metrics.columns
        if f"metrics.{column}" in records.columns
    }
    is_field = all(x in run.config for run in gathered.runs)
    # Of a field and a record of one name it is the record that has a curve.
    y = of_records.get(y, y)
    check_columns(records, x=x, y=y, by=by)
    drawn = records
    for name in (x, y):
        drawn = drawn.filter(drawable(name))
        if drawn.is_empty():
            raise ConfigError(
                f"`{name}` has no finite value up to {LARGEST:g} to draw."
            )
    left_out = len(records) - len(drawn)
    for name, is_log in ((x, log_x), (y, log_y)):
        if is_log and not (drawn[name] > 0).any():
            raise ConfigError(
                f"`{name}` has no positive value: draw it without a logarithmic axis."
            )
    recorded = {name for run in gathered.runs for name in run.metrics.columns}
    recorded = {of_records.get(name, name) for name in recorded}
    if x in recorded and not is_field and y not in recorded:
        raise ConfigError(
            f"`{y}` is one value of each run, and `{x}` has many: draw it against a "
            "field that differs between the runs (`--x FIELD`)."
        )
    if is_field:
        drawn = drawn.unique("path", keep="last", maintain_order=True)
    runs = drawn.unique("path", maintain_order=True)
    configs = {
        encodable(str(run.path)): run.config | run.made_by for run in gathered.runs
    }
    apart = list(dict.fromkeys([*by, x] if is_field else by))
    colours = runs.select(apart).rows() if apart else [None] * len(runs)
    if differing := unlike([configs[path] for path in runs["path"]], colours):
        raise ConfigError(_no_median(differing))
    studies = lettering(", ".join(runs["study"].unique(maintain_order=True)))
    n_all, n_drawn = len(gathered.runs), len(runs)
    part = f"{n_drawn} of " if n_drawn < n_all else ""
    caption = f"{studies}: {part}{counted(n_all, 'stored run')}"
    figure, axes = panels(width=6, height=4, caption=caption)
    pooled = True
    if is_field:
        curves(axes[0, 0], drawn, x=x, y=y, by=by)
    else:
        pooled = draw(axes[0, 0], drawn, x=x, y=y, by=by, alike=True)
    if log_x:  # To set a scale sets the ticks anew.
        axes[0, 0].set_xscale("log")
    axes[0, 0].set_yscale("log" if log_y else "linear")
    if log_y:
        _break_at_zero(axes[0, 0])
    if is_field:
        chosen_ticks(axes[0, 0], drawn[x].to_list())
    notes = []
    if left_out:
        notes.append(
            f"{left_out} records without a finite number up to {LARGEST:g} are left "
            "out."
        )
    if not pooled and len(runs) > 1:
        notes.append("The runs end at different places: each is a line.")
    if by and axes[0, 0].get_legend() is None:
        notes.append("These are more lines than can be told apart: none is named.")
    return figure, notes


def _break_at_zero(axes: Axes) -> None:
    """Leave gaps where a line is not positive: to the edge it would seem to fall."""
    for line in axes.lines:
        heights = np.asarray(line.get_ydata(), float)
        line.set_ydata(np.where(heights > 0, heights, np.nan))


def _no_median(differing: Sequence[Spread]) -> str:
    told = [
        f"`{spread.name}` ({', '.join(shown(value) for value, _ in spread.values[:4])}"
        f"{', ...' if len(spread.values) > 4 else ''})"
        for spread in differing
    ]
    return (
        f"Runs of one colour differ in {', '.join(told)}, and a median is over seeds "
        "only: name these columns in `by`, or take fewer runs "
        f"(`--where {differing[0].name}=VALUE`)."
    )
