"""What the figures of the study `lazy` share: values over seeds, slopes, points."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from ...analysis.intervals import Interval, mean_interval, ratio_interval
from ...progress import counted
from ..reproduction import Results


def drawn_over_seeds(
    axes: Axes, runs: pl.DataFrame, *, x: str, y: str, label: str, colour: str
) -> None:
    """The median of finished runs against `x`, and every run as a point."""
    part = runs.drop_nulls(y).sort(x)
    if part.is_empty():
        return
    middle = part.group_by(x, maintain_order=True).agg(pl.col(y).median())
    axes.plot(middle[x], middle[y], color=colour, label=label)
    axes.plot(part[x], part[y], ".", color=colour, markersize=4, alpha=0.6)
    axes.set_xlabel(x.replace("_", " "))
    axes.set_xscale("log")


def slopes(runs: pl.DataFrame, *, x: str, y: str) -> list[float]:
    """Slopes of log y against log x by least squares, one for each seed."""
    found = []
    for _, run in runs.group_by("seed", maintain_order=True):
        part = run.drop_nulls(y).filter(pl.col(y) > 0)
        if part[x].n_unique() > 1:
            logs = [np.log(part[name].to_numpy()) for name in (x, y)]
            found.append(float(np.polyfit(logs[0], logs[1], 1)[0]))
    return found


def pairs(
    runs: pl.DataFrame, column: str, one: pl.Expr, other: pl.Expr
) -> list[tuple[float, float]]:
    """Values of two kinds of runs, those of one seed together."""
    left, right = (
        runs.filter(kind).select("seed", column).drop_nulls() for kind in (one, other)
    )
    joined = left.join(right, on="seed", suffix="_other", maintain_order="left")
    return list(zip(joined[column], joined[f"{column}_other"], strict=True))


NOTHING = Interval(estimate=np.nan, low=np.nan, high=np.nan)


def interval(
    values: Sequence[float], *, within: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Mean and Student's interval over seeds; of no value it is NaN."""
    return mean_interval(values, within=within) if len(values) else NOTHING


def ratio(values: Sequence[float]) -> Interval:
    """Geometric mean and its interval over seeds; of no value it is NaN."""
    return ratio_interval(values) if len(values) else NOTHING


def caption(results: Results, *facts: str) -> str:
    """What was trained, and over how many seeds."""
    first, seeds = results.runs.row(0, named=True), results.runs["seed"].n_unique()
    told = [*facts, f"{first['n_train']} training samples", first["activation"]]
    return f"{', '.join(told)}; medians of {counted(seeds, 'seed')}, which are points"
