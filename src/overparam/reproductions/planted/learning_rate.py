"""Part (c) of the exercise: four learning rates, width 120, batch 10, 20 epochs."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import median_interval
from ...plots.figure import panels
from ...progress import counted
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .figures import at_epoch, caption, risk_curves


RATES = (1e-4, 1e-3, 1e-2, 1e-1)

# Printed in the worked solution of the exercise (one teacher, one student).
PRINTED_FIRST = {1e-4: 1.975, 1e-3: 1.723, 1e-2: 1.051, 1e-1: 0.5633}
PRINTED_LAST = {1e-4: 1.460, 1e-3: 0.4422, 1e-2: 3.101e-2, 1e-1: 5.427e-5}

# Bands for every seed at epoch 19; the last rate is judged by its median.
BANDS = {1e-4: (1.2, 1.9), 1e-3: (0.35, 0.55), 1e-2: (0.012, 0.045)}
FIRST_BAND = (0.48, 0.70)
"""For every seed at epoch 0, of the largest rate."""
MEDIAN_BAND = (3.0e-5, 7e-5)


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Four rates on common teachers and samples, several seeds."""
    common: dict[str, Any] = {"epochs": 20}
    seeds = {"smoke": 2, "laptop": 12, "paper": 30}[scale]
    if scale == "smoke":
        common |= {
            "input_dim": 20,
            "teacher_width": 6,
            "width": 12,
            "n_outputs": 3,
            "samples_per_epoch": 1000,
            "epochs": 3,
        }
    return [
        common | {"learning_rate": rate, "seed": seed}
        for rate in RATES
        for seed in range(seeds)
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Objective against epoch, one colour per rate, printed values as crosses."""
    figure, axes = panels(width=6, height=4, caption=caption(results))
    risk_curves(axes[0, 0], results.records, by="learning_rate")
    if results.scale != "smoke":
        axes[0, 0].set_title("crosses: printed values")
        for epoch, printed in ((0, PRINTED_FIRST), (19, PRINTED_LAST)):
            values = list(printed.values())
            axes[0, 0].plot([epoch] * 4, values, "kx", markersize=5, zorder=5)
    return {"learning_rate": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Objective and exact risk at the first and last epoch, over seeds."""
    last = int(results.runs["epochs"].max()) - 1  # pyright: ignore[reportArgumentType]
    chosen = results.records.filter(pl.col("epoch").is_in([0, last]))
    summary = (
        chosen.group_by("learning_rate", "epoch")
        .agg(
            pl.len().alias("seeds"),
            pl.col("loss").min().alias("objective_min"),
            pl.col("loss").median().alias("objective_median"),
            pl.col("loss").max().alias("objective_max"),
            pl.col("risk").median().alias("risk_median"),
        )
        .sort("learning_rate", "epoch")
    )
    return {"objective": summary}


def claims(results: Results) -> Sequence[Claim]:
    """The bands of the worked solution, and the order of the rates."""
    found = [_order(results)]
    if results.scale == "smoke":
        return found
    found += [
        _every_in(results, rate, 19, band, PRINTED_LAST[rate])
        for rate, band in BANDS.items()
    ]
    found.append(_every_in(results, 1e-1, 0, FIRST_BAND, PRINTED_FIRST[1e-1]))
    values = _losses(results, 1e-1, 19)
    low, high = MEDIAN_BAND
    median = median_interval(values)
    best = Claim(
        sentence=f"epoch 19, rate 0.1: the median in [{low:g}, {high:g}]",
        published=f"{PRINTED_LAST[1e-1]:.4g}",
        measured=f"{median}, {counted(len(values), 'seed')}",
        holds=median.within(low, high),
    )
    return [*found, best]


def _every_in(
    results: Results,
    rate: float,
    epoch: int,
    band: tuple[float, float],
    printed: float,
) -> Claim:
    low, high = band
    values = _losses(results, rate, epoch)
    inside = sum(low <= value <= high for value in values)
    return Claim(
        sentence=f"epoch {epoch}, rate {rate:g}: every seed in [{low:g}, {high:g}]",
        published=f"{printed:.4g}",
        measured=f"{min(values):.4g} to {max(values):.4g}; inside "
        + told.rate(inside, len(values), "seed"),
        holds=inside == len(values),
    )


def _order(results: Results) -> Claim:
    last = int(results.runs["epochs"].max()) - 1  # pyright: ignore[reportArgumentType]
    columns = [_losses(results, rate, last) for rate in RATES]
    ordered = sum(
        math.isfinite(losses[0]) and all(a > b for a, b in itertools.pairwise(losses))
        for losses in zip(*columns, strict=True)
    )
    return Claim(
        sentence="the last objective decreases with the rate, and 0.1 is the best",
        published="one seed",
        measured=told.rate(ordered, len(columns[0]), "seed"),
        holds=ordered == len(columns[0]) if results.scale != "smoke" else None,
    )


def _losses(results: Results, rate: float, epoch: int) -> list[float]:
    """By seed; infinite of a run that diverged before."""
    runs = results.runs.filter(pl.col("learning_rate") == rate).select("path", "seed")
    reached = at_epoch(results, epoch).select("path", "loss")
    losses = runs.join(reached, on="path", how="left").sort("seed")["loss"]
    return losses.cast(pl.Float64).fill_null(math.inf).fill_nan(math.inf).to_list()


REPRODUCTION = Reproduction(
    title="Four learning rates on a planted teacher",
    source="exercise on Livni et al. 2014, part (c)",
    study="planted",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
