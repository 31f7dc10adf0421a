"""How claims and tables tell what was measured: with its interval, or why none."""

from collections.abc import Sequence

import polars as pl

from ..analysis.intervals import mean_interval, median_interval, wilson
from ..progress import counted


def spanned(values: Sequence[float]) -> str:
    """From the first to the last, or the only one."""
    first, *rest = values
    return f"{first}..{rest[-1]}" if rest else str(first)


def without_interval(why: str) -> str:
    """In place of an interval."""
    return f"(no interval: {why})"


ONE_RUN = without_interval("one run")
NOT_RANDOM = without_interval("nothing of it is drawn at random")


def rate(successes: int, trials: int, noun: str) -> str:
    """How many of some trials, and the interval of their rate."""
    told = f"{successes} of {counted(trials, noun)}"
    return f"{told}, rate {wilson(successes, trials)}" if trials else told


def mean(
    values: Sequence[float],
    *,
    within: tuple[float, float] = (-float("inf"), float("inf")),
) -> str:
    """The mean with its interval over seeds."""
    if len(values) > 1:
        return str(mean_interval(values, within=within))
    return f"{values[0]:.3g} {ONE_RUN}" if len(values) else "not known"


def medians(
    runs: pl.DataFrame, by: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Runs of equal `by`: their number, and the median of each column.

    `COLUMN_low` and `COLUMN_high` are the ends of its interval of order statistics.
    Runs that diverged have no value, and are counted only.
    """
    rows = []
    for key, part in runs.sort(by).group_by(by, maintain_order=True):
        row = dict(zip(by, key, strict=True)) | {"seeds": part.height}
        for column in columns:
            values = part[column].cast(pl.Float64).drop_nulls().drop_nans().to_list()
            found = median_interval(values) if values else None
            row[column] = found and found.estimate
            row[f"{column}_low"] = found and found.low
            row[f"{column}_high"] = found and found.high
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)
