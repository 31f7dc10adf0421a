"""Figures 5, 9, 10 and 22 to 32 of Wang et al.: normalised ReLU neurons."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .figures import caption, fitted_half, implied, phase_diagram, phase_grid, rates


NEURONS = (1, 2, 3)


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Gated minimum-norm programmes with one, two and three planted neurons."""
    variants = [{"network": "normalised", "n_planted": k} for k in NEURONS]
    cells = phase_grid(scale, variants)
    # As in the reference, only cells with at least as many samples as dimensions.
    return [cell for cell in cells if cell["n_samples"] >= cell["input_dim"]]


def figures(results: Results) -> Mapping[str, Figure]:
    """Recovery and condition over n and d, by the number of planted neurons."""
    text = "Gated minimum norm, normalised ReLU network, Gaussian data, no noise."
    figure, axes = panels(2, len(NEURONS), width=3.6, caption=caption(results, text))
    for column, k in enumerate(NEURONS):
        trials = results.runs.filter(pl.col("n_planted") == k)
        phase_diagram(
            axes[0, column],
            rates(trials),
            value="rate",
            title=f"recovered, k = {k}",
            half=fitted_half(trials),
        )
        phase_diagram(
            axes[1, column],
            rates(trials, "condition_holds"),
            value="rate",
            title=f"NNIC-{k} holds",
        )
    shared_legend(figure, axes[0, 0])
    return {"recovery_normalised": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Rates of every cell for each number of neurons."""
    parts = []
    for k in NEURONS:
        trials = results.runs.filter(pl.col("n_planted") == k)
        for outcome in ("recovered", "condition_holds"):
            named = [pl.lit(k).alias("n_planted"), pl.lit(outcome).alias("outcome")]
            parts.append(rates(trials, outcome).select(*named, pl.all()))
    return {"rates": pl.concat(parts, how="vertical_relaxed")}


def claims(results: Results) -> Sequence[Claim]:
    """Where one neuron is recovered, and that more neurons need more samples."""
    decided = results.scale != "smoke"
    halves = [
        fitted_half(results.runs.filter(pl.col("n_planted") == k)) for k in NEURONS
    ]
    shown = ", ".join(
        f"k = {k}: {half if half else 'not fitted'}"
        for k, half in zip(NEURONS, halves, strict=True)
    )
    pairs = itertools.pairwise(half for half in halves if half)
    order = every(fewer.is_below(more) for fewer, more in pairs)
    condition = results.runs.filter(pl.col("condition_holds"))
    broken = condition.filter(~pl.col("recovered"))
    first = halves[0]
    return [
        Claim(
            sentence="one normalised neuron: the 50 % line is near n = 2d",
            published="around n = 2d",
            measured=f"n/d = {shown}",
            holds=first.within(1.5, 2.5) if first and decided else None,
        ),
        Claim(
            sentence="more planted neurons need more samples",
            published="k neurons need more",
            measured=f"n/d = {shown}",
            holds=order if all(halves) and decided else None,
        ),
        Claim(
            sentence="NNIC-k implies recovery",
            published="theorem",
            measured=f"against it {told.rate(len(broken), len(condition), 'trial')}",
            holds=implied(condition["recovered"]),
        ),
    ]


REPRODUCTION = Reproduction(
    title="Recovery of normalised ReLU neurons over n and d",
    source="Wang et al. 2022, Figures 5, 9, 10",
    study="recovery",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
