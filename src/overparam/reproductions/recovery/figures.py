"""Phase diagrams and transition curves of the recovery reproductions."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from ...analysis.intervals import Interval, median_interval, wilson
from ...analysis.phase import half_line, on_grid, success_rates
from ...convex.recovery.isometry import wendel_probability
from ...errors import ConfigError
from ...plots.figure import COLOURS, TEN_COLOURS, panels, shared_legend
from ...progress import counted
from ..reproduction import Claim, Results, Scale, every
from ..told import spanned


CORNERS: Mapping[Scale, tuple[range, range, int]] = {
    "smoke": (range(10, 41, 30), range(5, 6), 2),
    "laptop": (range(10, 121, 10), range(10, 31, 10), 10),
    "paper": (range(10, 401, 10), range(10, 101, 10), 5),
}
"""Sample sizes, dimensions and number of trials of every scale."""
NOISES = (0.0, 0.05, 0.1, 0.2)
"""Published levels of label noise."""
ERRORS = {
    "distance_high": "distance",
    "test_error": "test error (RMS)",
    "test_norm": "test distance",
}
"""What is drawn under noise; the published test distance is no average over samples."""
SHOWN = {"rate": "share of trials", **{n: f"mean {e}" for n, e in ERRORS.items()}}
"""What the colours of a diagram mean, by its column."""
_BIN = 0.1


def phase_grid(
    scale: Scale, variants: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Every variant in every cell with every seed."""
    samples, dimensions, trials = CORNERS[scale]
    return [
        {**variant, "n_samples": n, "input_dim": d, "seed": seed}
        for variant in variants
        for n in samples
        for d in dimensions
        for seed in range(trials)
    ]


def phase_diagram(
    axes: Axes,
    cells: pl.DataFrame,
    *,
    value: str,
    title: str,
    top: float = 1.0,
    half: Interval | None = None,
) -> None:
    """Filled contours over n and d, with the lines n = 2d, n = 4d and the fitted one.

    The contours fill the panel: `shared_legend` says above it what the lines are, and
    an arrow on the bar of colours that values are above it. A grid of fewer than two
    dimensions is drawn as curves over n.
    """
    samples, dimensions, grid = on_grid(cells, value)
    fitted = "" if half is None else f"\n50 % at n = {half.estimate:.2f}d"
    axes.set_title(title + fitted)
    axes.set_xlabel("samples n")
    if len(dimensions) < 2 or len(samples) < 2:
        for colour, dimension, row in zip(
            itertools.cycle(TEN_COLOURS), dimensions, grid, strict=False
        ):
            axes.plot(samples, row, "o-", color=colour, label=f"d = {dimension}")
        axes.set_ylabel(SHOWN[value])
        top = max(top, float(np.nanmax(grid)))
        axes.set_ylim(-0.05 * top, 1.05 * top)
        return
    levels = MaxNLocator(10).tick_values(0, top)
    # Rates fill their scale, and distances have no largest one.
    above = bool((grid > levels[-1]).any())
    shown = axes.contourf(
        samples,
        dimensions,
        np.clip(grid, 0, 10 * levels[-1]),
        levels=levels,
        cmap="viridis",
        extend="max" if above else "neither",
    )
    axes.figure.colorbar(shown, ax=axes, ticks=levels[::2], label=SHOWN[value])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    lines = [(2.0, "w-", "n = 2d"), (4.0, "w--", "n = 4d")]
    if half is not None:
        lines.append((half.estimate, "r-", "50 %"))
    heights = np.linspace(dimensions[0], dimensions[-1], 200)
    for factor, style, label in lines:
        inside = factor * heights <= samples[-1]
        (line,) = axes.plot(
            factor * heights[inside], heights[inside], style, label=label
        )
        # White is seen in the legend, too, and on the light end of the colours.
        line.set_path_effects([withStroke(linewidth=3, foreground="0.3")])
    axes.set_ylabel("dimension d")


def rates(trials: pl.DataFrame, outcome: str = "recovered") -> pl.DataFrame:
    """Success rates per cell."""
    return success_rates(trials, outcome)


def stacked(
    table: Callable[[pl.DataFrame], pl.DataFrame],
    trials: pl.DataFrame,
    *,
    by: str,
    values: Iterable[Any],
) -> pl.DataFrame:
    """A table of the trials of each value of a column, which comes first."""
    return pl.concat(
        (
            table(trials.filter(pl.col(by) == value)).select(
                pl.lit(value).alias(by), pl.all()
            )
            for value in values
        ),
        how="vertical_relaxed",
    )


def noise_diagrams(trials: pl.DataFrame, *, error: str, text: str) -> Figure:
    """Mean distance to the planted weights and mean error over n and d, per noise."""
    figure, axes = panels(2, len(NOISES), width=3.4, caption=text)
    # A common end of the colour scale: the 90 % quantile of all trials.
    largest = np.nanquantile(trials[error].cast(pl.Float64).to_numpy(), 0.9)
    tops = {"distance_high": 1.0, error: float(max(largest, 1e-12))}
    for column, noise in enumerate(NOISES):
        cells = noise_means(trials.filter(pl.col("noise") == noise))
        for row, (value, top) in enumerate(tops.items()):
            phase_diagram(
                axes[row, column],
                cells,
                value=value,
                top=top,
                title=f"{ERRORS[value]}, noise {noise:g}",
            )
    shared_legend(figure, axes[0, 0])
    return figure


def noise_means(trials: pl.DataFrame) -> pl.DataFrame:
    """Mean distance and errors of every cell."""
    return (
        trials.group_by("n_samples", "input_dim")
        .agg(pl.col(*ERRORS).mean())
        .sort("input_dim", "n_samples")
    )


def noise_table(trials: pl.DataFrame) -> pl.DataFrame:
    """Mean distance and errors of every cell and noise level."""
    return stacked(noise_means, trials, by="noise", values=NOISES)


def noise_claim(results: Results, trials: pl.DataFrame, *, prefix: str = "") -> Claim:
    """That above the line the distance is of the order of the noise."""
    far = trials.filter(pl.col("n_samples") / pl.col("input_dim") >= 4)
    parts, small = [], []
    for noise in NOISES[1:]:
        values = distances(far.filter(pl.col("noise") == noise)) / noise
        found = median_interval(values.to_list())
        small.append(found.within(0, 4))
        parts.append(f"{noise:g}: {found}")
    return Claim(
        sentence=f"{prefix}n >= 4d: the distance is at most 4 times the noise level",
        published="O(noise)",
        measured="median distance / noise at " + ", ".join(parts),
        holds=every(small) if results.scale != "smoke" else None,
    )


def implied(recovered: pl.Series) -> bool | None:
    """Whether all of some trials recovered.

    One that did not is a counter-example, one that is not decided leaves it open, as
    does having none.
    """
    if not recovered.all():
        return False
    return True if len(recovered) and recovered.null_count() == 0 else None


def share_of(recovered: pl.Series) -> Interval:
    """The rate at which such trials recover; any of those not decided may have."""
    sure, unknown = int(recovered.sum()), recovered.null_count()
    known, n = len(recovered) - unknown, len(recovered)
    if not known:
        return Interval(estimate=np.nan, low=0.0, high=1.0)
    least, most = wilson(sure, n), wilson(sure + unknown, n)
    return Interval(estimate=sure / known, low=least.low, high=most.high)


def distances(trials: pl.DataFrame) -> pl.Series:
    """The largest distance of each trial; one that diverged is infinitely far."""
    known = trials["distance_high"].cast(pl.Float64)
    return known.fill_null(np.inf).fill_nan(np.inf)


BARS = "bars 95 % intervals, curves Wendel's chance of no all-ones pattern, one per d"
"""What the panels of `ratio_curve` and `wendel_curve` show, for captions."""


def ratio_curve(
    axes: Axes, cells: pl.DataFrame, *, label: str, colour: str, shift: float = 0.0
) -> None:
    """Rates against n/d, pooled over the cells of a bin, with Wilson intervals.

    Of several in one panel `shift` moves each, or points of one place hide each other.
    """
    pooled = pooled_rates(cells)
    x, y = pooled["ratio"].to_numpy() + shift, pooled["rate"].to_numpy()
    below, above = y - pooled["low"].to_numpy(), pooled["high"].to_numpy() - y
    axes.errorbar(
        x, y, [below, above], fmt="o", ms=3, lw=0.8, color=colour, label=label
    )
    axes.set_ylim(-0.05, 1.05)


def pooled_rates(cells: pl.DataFrame) -> pl.DataFrame:
    """Rates of all trials whose n/d is nearest to one of 0, 0.1, 0.2, ..."""
    ratio = pl.col("n_samples") / pl.col("input_dim")
    bins = cells.group_by((ratio / _BIN).round().alias("bin")).agg(
        ratio.mean().alias("ratio"),
        (pl.col("rate") * pl.col("trials")).sum().round().cast(int).alias("successes"),
        pl.col("trials").sum(),
    )
    rows = []
    for one in bins.sort("ratio").iter_rows(named=True):
        rate = wilson(one["successes"], one["trials"])
        rows.append((one["ratio"], one["trials"], rate.estimate, rate.low, rate.high))
    return pl.DataFrame(
        rows,
        ["ratio", "trials", "rate", "low", "high"],
        orient="row",
        infer_schema_length=None,
    )


def wendel_curve(axes: Axes, cells: pl.DataFrame) -> None:
    """The probability that no all-ones pattern exists, for every dimension."""
    for index, dimension in enumerate(cells["input_dim"].unique().sort().to_list()):
        samples = np.arange(dimension, 6 * dimension + 1)
        chance = [1 - wendel_probability(int(n), dimension) for n in samples]
        label = "Wendel" if not index else None
        axes.plot(samples / dimension, chance, color=COLOURS[6], lw=0.8, label=label)


def fitted_half(trials: pl.DataFrame, outcome: str = "recovered") -> Interval | None:
    """The fitted 50 % line as an interval, `None` where it cannot be fitted."""
    decided = trials.filter(pl.col(outcome).is_not_null())
    ratios = (decided["n_samples"] / decided["input_dim"]).to_numpy()
    try:
        return half_line(
            ratios,
            decided[outcome].cast(pl.Boolean).to_numpy(),
            units=decided["seed"].to_numpy(),
        )
    except ConfigError:
        return None


def caption(results: Results, text: str) -> str:
    """What the figure shows, with cells and trials."""
    samples, dimensions, trials = CORNERS[results.scale]
    return (
        f"{text} n = {spanned(samples)}, d = {spanned(dimensions)}, "
        f"{counted(trials, 'trial')} per cell, max(n, 50) sampled gates."
    )
