"""What the reproductions of the study `timescales` share: curves, grids, captions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from ...analysis.intervals import Interval, median_interval
from ...plots.curves import aligned, shown
from ...plots.figure import COLOURS
from ...progress import counted
from .. import told
from ..reproduction import Claim, Results, Scale, every


TINY: Mapping[str, Any] = {
    "width": 16,
    "n_samples": 128,
    "teacher_width": 64,
    "n_steps": 40,
    "records": 5,
    "keep": "3",
    "cells": 64,
    "particles": 120,
    "harmonics": 4,
}
"""Sizes of the smoke scale."""

# The claims are about the published horizon, time 31.25, which laptops reach too.
STEPS: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": TINY,
    "laptop": {"n_steps": 32000, "records": 257, "keep": "17"},
    "paper": {"n_steps": 32000},
}
SEEDS: Mapping[Scale, int] = {"smoke": 2, "laptop": 3, "paper": 6}
SEEDS_OF_ORDERS: Mapping[Scale, int] = {**SEEDS, "paper": 10}
"""Where an order by width or by penalty is decided."""

AT = 0.01
"""How far the time of a record may be, relatively, from the one it is told for."""

BIASED = pl.col("centre") == 0
"""The runs whose penalty pulls readouts to zero."""

SYMBOLS = {"width": "M", "penalty": "λ", "gamma": "γ"}
"""Fields as the paper writes them."""

DISTANCES = {
    "teacher_distance": "distance to the teacher",
    "ultra_fast_distance": "distance to ultra-fast limit",
    "projected_distance": "distance to projected limit",
}
"""Labels; `caption` says which distance."""


def configs(
    scale: Scale, fields: Mapping[str, Any], *, seeds: int | None = None
) -> list[dict[str, Any]]:
    """One config per seed, at the sizes of `scale`."""
    n_seeds = SEEDS[scale] if seeds is None else seeds
    common = dict(STEPS[scale]) | dict(fields)
    if scale == "smoke":
        common |= {"width": TINY["width"] if common["width"] > 64 else 8}
    return [common | {"seed": seed} for seed in range(n_seeds)]


def draw(
    axes: Axes,
    records: pl.DataFrame,
    *,
    y: str,
    by: str,
    dashed: pl.Expr | None = None,
    early: bool = False,
) -> None:
    """`y` against time: a colour per value of `by`, dashed where `dashed` is true.

    Times are on a logarithmic axis where it is about the `early` ones.
    """
    if early:
        records = records.filter(pl.col("time") > 0)
    for index, value in enumerate(records[by].unique().sort().to_list()):
        part = records.filter((pl.col(by) == value) & pl.col(y).is_finite())
        halves = [("-", part)]
        if dashed is not None:
            halves = [("-", part.filter(~dashed)), ("--", part.filter(dashed))]
        for style, half in halves:
            if half.height == 0:
                continue
            grid, curves = aligned(half, x="time", y=y)
            colour = COLOURS[index % len(COLOURS)]
            label = f"{SYMBOLS.get(by, by)} = {shown(value)}" if style == "-" else None
            middle = np.nanmedian(curves, axis=0)
            axes.plot(grid, middle, style, color=colour, label=label)
            if len(curves) > 1:
                low, high = np.nanmin(curves, axis=0), np.nanmax(curves, axis=0)
                axes.fill_between(grid, low, high, color=colour, alpha=0.15, lw=0)
    axes.set_xlabel("time (time step x steps)")
    axes.set_ylabel(DISTANCES.get(y, y.replace("_", " ")))
    if early:  # With labels that do not meet.
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())


def draw_floor(axes: Axes, records: pl.DataFrame) -> None:
    """The energy distance below which no finite set comes to a density, by width.

    Several have the colours of the widths.
    """
    floors = records.drop_nulls("floor").unique(["width", "floor"]).sort("width")
    widths = records["width"].unique().sort().to_list()
    for width, floor in floors.select("width", "floor").rows():
        colour = COLOURS[widths.index(width)] if len(widths) > 1 else "0.4"
        label = "least of M points" if width == widths[0] else None
        axes.axhline(floor, color=colour, lw=1, ls=":", label=label)


def final(results: Results, column: str, **chosen: Any) -> list[float]:
    """A summary of the runs with these fields by seed; NaN where a run diverged."""
    rows = results.runs
    for name, value in chosen.items():
        rows = rows.filter(pl.col(name) == value)
    return rows.sort("seed")[column].cast(pl.Float64).fill_null(np.nan).to_list()


def at_time(results: Results, column: str, time: float, **chosen: Any) -> list[float]:
    """A column at a physical time, in the order of seeds.

    It is NaN of a run that diverged before. Runs that end before, or have no record
    of it, have no value.
    """
    rows = results.records
    for name, value in chosen.items():
        rows = rows.filter(pl.col(name) == value)
    found = []
    for _, run in rows.sort("seed").group_by("path", maintain_order=True):
        if run["status"][0] == "diverged" and not (run["time"] >= time).any():
            found.append(np.nan)
            continue
        there = run.filter(pl.col(column).is_finite())
        away = (there["time"] - time).abs().to_numpy()
        if len(away) and away.min() <= AT * time:
            found.append(float(there[column][int(away.argmin())]))
    return found


def one_at(results: Results, column: str, time: float, **chosen: Any) -> float | None:
    """A column of a single run at a physical time, if it has a record of that."""
    return next(iter(at_time(results, column, time, **chosen)), None)


def recorded_times(results: Results, times: Sequence[float]) -> list[float]:
    """Times of the records nearest to these, as far as the runs reach."""
    there = results.records["time"].unique().sort().to_numpy()
    reached = [time for time in times if time <= there[-1]]
    return [float(there[np.abs(there - time).argmin()]) for time in reached]


def reached(value: float | None) -> str:
    """A value at a time, if there is one."""
    return "not reached" if value is None else f"{value:.3g}"


def falling(values: Sequence[float | None]) -> bool | None:
    """Whether each value is below the one before it; one that is missing is open."""
    known = [value for value in values if value is not None]
    return bool(np.all(np.diff(known) < 0)) if len(known) == len(values) else None


def interval(values: Sequence[float]) -> Interval:
    """The median and its interval over seeds; a run that diverged is infinitely far."""
    return median_interval(np.nan_to_num(values, nan=np.inf, posinf=np.inf))


def listed(groups: Mapping[str, Sequence[float]]) -> str:
    """Medians with their intervals, one per group."""
    parts = (
        f"{name}: {interval(values) if values else reached(None)}"
        for name, values in groups.items()
    )
    return "; ".join(parts)


def falls(
    results: Results,
    sentence: str,
    published: str,
    groups: Mapping[str, Sequence[float]],
) -> list[Claim]:
    """The claims that the groups, of one value per seed each, decrease.

    The median of the ratio of one to the one before is below one, and in every seed
    they decrease: what one published seed showed.
    """
    values = np.array(list(groups.values()))
    falling = np.diff(values, axis=0) < 0
    seeds, good = falling.shape[1], int(falling.all(axis=0).sum())
    steps = ", ".join(str(step) for step in falling.sum(axis=1))
    ratios = [interval(row) for row in (values[1:] / values[:-1]).tolist()]
    return _of_both(
        results,
        sentence,
        published,
        (
            f"{listed(groups)}; from one to the next in {steps} of "
            f"{counted(seeds, 'seed')}",
            every(ratio.lies(below=1) for ratio in ratios),
        ),
        (
            f"{told.rate(good, seeds, 'seed')}; from one to the next in {steps}",
            good == seeds,
        ),
    )


def unbiased_closer(
    results: Results,
    unbiased: Sequence[Sequence[float]],
    biased: Sequence[Sequence[float]],
    *,
    published: str,
) -> list[Claim]:
    """The claims that without the bias runs end closer to the teacher.

    Runs of one seed share their data: the interval counts seeds, not pairs.
    """
    closer = np.array(unbiased) < np.array(biased)
    seeds = closer.all(axis=0)
    ratios = np.array(unbiased) / np.array(biased)
    medians = [interval(row.tolist()) for row in ratios]
    return _of_both(
        results,
        "the unbiased penalty ends closer to the teacher than the biased one",
        published,
        (
            f"median ratios {'; '.join(map(str, medians))}",
            every(median.lies(below=1) for median in medians),
        ),
        (
            f"{closer.sum()} of {closer.size} pairs of equal data; without exception "
            f"{told.rate(int(seeds.sum()), seeds.size, 'seed')}",
            bool(closer.all()),
        ),
    )


def _of_both(
    results: Results,
    sentence: str,
    published: str,
    of_medians: tuple[str, bool | None],
    of_seeds: tuple[str, bool],
) -> list[Claim]:
    """A claim by its medians, and the same of every seed."""
    return [
        Claim(
            sentence=f"{sentence} ({which})",
            published=published,
            measured=measured,
            holds=holds if results.scale != "smoke" else None,
        )
        for which, (measured, holds) in (
            ("medians", of_medians),
            ("every seed", of_seeds),
        )
    ]


def late_rate(
    results: Results, column: str, window: tuple[float, float], **chosen: Any
) -> list[float]:
    """Minus the slope of the logarithm of a column over a window of time, per seed.

    Runs that end before the window does have none.
    """
    rows = results.records
    for name, value in chosen.items():
        rows = rows.filter(pl.col(name) == value)
    rates = []
    for _, run in rows.sort("seed").group_by("path", maintain_order=True):
        inside = run.filter(pl.col("time").is_between(*window))
        if inside.height >= 3 and (run["time"] >= window[1]).any():
            slope = np.polyfit(inside["time"], np.log(inside[column].to_numpy()), 1)[0]
            rates.append(-float(slope))
    return rates


def caption(results: Results) -> str:
    """Parametrisation, sizes and seeds, in one line."""
    first = results.runs.row(0, named=True)
    seeds = results.runs["seed"].n_unique()
    return (
        f"mean-field scale 1/M, N = {first['n_samples']}, teacher "
        f"{first['teacher_width']}, time step {first['time_step']:.3g}; energy "
        f"distances; median and range over {counted(seeds, 'seed')}"
    )
