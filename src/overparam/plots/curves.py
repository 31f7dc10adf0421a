"""Curves of a frame of records: one colour per value, median and band over seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from ..errors import ConfigError
from .figure import COLOURS, band, legend


def curves(
    axes: Axes, records: pl.DataFrame, *, x: str, y: str, by: str | None = None
) -> None:
    """Draw `y` against `x`: for each value of `by` the median and band over runs.

    Args:
        axes: Where to draw.
        records: One row per record, with a column `id` that tells runs apart.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        by: Column whose values get a colour each.

    Raises:
        ConfigError: If a column is missing.
    """
    for name in (x, y, *([by] if by else [])):
        if name not in records.columns:
            listed = ", ".join(records.columns)
            raise ConfigError(f"There is no column `{name}`; the columns are {listed}.")
    values: Sequence[Any] = [None]
    if by:
        values = records[by].unique().sort().to_list()
    for index, value in enumerate(values):
        part = records if by is None else records.filter(pl.col(by) == value)
        grid, stacked = aligned(part, x=x, y=y)
        band(
            axes,
            grid,
            stacked,
            label=y if by is None else f"{by.replace('_', ' ')} {shown(value)}",
            colour=COLOURS[index % len(COLOURS)],
        )
    axes.set_xlabel(x.replace("_", " "))
    axes.set_ylabel(y.replace("_", " "))
    legend(axes)


def aligned(
    records: pl.DataFrame, *, x: str, y: str
) -> tuple[np.ndarray, list[np.ndarray]]:
    """All values of `x`, and one curve of `y` per run with NaN where it has none."""
    grid = np.sort(records[x].unique().to_numpy())
    stacked = []
    for _, run in records.group_by("path", maintain_order=True):
        curve = np.full(len(grid), np.nan)
        positions = np.searchsorted(grid, run[x].to_numpy())
        curve[positions] = run[y].cast(pl.Float64).to_numpy()
        stacked.append(curve)
    return grid, stacked


def shown(value: Any) -> str:
    """A value as it stands in a legend."""
    return f"{value:g}" if isinstance(value, float) else str(value)
