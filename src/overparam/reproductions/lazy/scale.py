"""Test error against the scale of the output, from a start of zero."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import COLOURS, chosen_ticks, legend, panels
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .values import caption, drawn_over_seeds, interval, pairs, ratio


FACTORS: Mapping[Scale, Sequence[float]] = {
    "smoke": (0.1, 10.0),
    "laptop": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0),
    "paper": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
}
SEEDS = {"smoke": 2, "laptop": 5, "paper": 20}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Scales on common teachers and samples; a start of zero needs smaller steps."""
    common: dict[str, Any] = {"zero_start": True, "width": 100, "n_steps": 3000}
    common |= {"evaluate_every": 500}
    if scale == "smoke":
        common |= {"width": 20, "n_steps": 50, "n_train": 60, "evaluate_every": 50}
    if scale == "paper":
        common |= {"n_steps": 30_000, "evaluate_every": 5000}
    return [
        common
        | {"scale": factor, "seed": seed}
        # The kernel grows by about one over the scale before it fits.
        | {"learning_rate": min(0.5, 0.4 * factor)}
        for factor in FACTORS[scale]
        for seed in range(SEEDS[scale])
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Risks, and how far the network went, against the scale."""
    facts = (
        "planted teacher of 3 neurons, start of zero, width {width}".format(
            **results.runs.row(0, named=True)
        ),
    )
    figure, axes = panels(1, 2, caption=caption(results, *facts))
    losses = {
        "risk": "network (exact risk)",
        "test_loss_linear": "linearised network",
        "test_loss_wide": "infinite width",
    }
    moved = {
        "kernel_change": "change of the kernel",
        "weights_change": "change of the weights",
        "distance_to_linear": "distance to the linearised network",
    }
    for panel, drawn in zip(axes[0], (losses, moved), strict=True):
        for colour, (column, label) in zip(COLOURS, drawn.items(), strict=False):
            drawn_over_seeds(
                panel, results.runs, x="scale", y=column, label=label, colour=colour
            )
        panel.set_yscale("log")
        chosen_ticks(panel, results.runs["scale"])
        legend(panel)
    axes[0, 0].set_ylabel("half mean squared error")
    axes[0, 1].set_ylabel("relative change or distance")
    return {"scale": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Medians over seeds with intervals, by scale."""
    columns = ["train_loss", "risk", "test_loss_linear", "test_loss_wide"]
    columns += ["test_loss_random", "kernel_change", "weights_change", "flipped"]
    columns += ["label_alignment", "distance_to_linear"]
    return {"scale": told.medians(results.runs, ["scale"], columns)}


def claims(results: Results) -> Sequence[Claim]:
    """Small scales learn the teacher, large ones do not."""
    small, large = min(FACTORS[results.scale]), max(FACTORS[results.scale])
    at_small, at_large = pl.col("scale") == small, pl.col("scale") == large
    runs, decided = results.runs, results.scale != "smoke"
    risks = pairs(runs, "risk", at_small, at_large)
    better = sum(one < other for one, other in risks)
    quotient = ratio([one / other for one, other in risks])
    changes = pairs(runs, "kernel_change", at_large, at_small)
    less = sum(one < other for one, other in changes)
    near = runs.filter(at_large)["distance_to_linear"].drop_nulls().to_list()
    far = runs.filter(at_small)["distance_to_linear"].drop_nulls().to_list()
    lazy, rich = (interval(found, within=(0, np.inf)) for found in (near, far))
    return [
        Claim(
            sentence=f"scale {small:g} generalises better than scale {large:g}",
            published="lazy training has the larger test loss",
            measured=f"{told.rate(better, len(risks), 'seed')}; ratio of risks "
            f"{quotient}",
            holds=_in_every(runs, risks) if decided else None,
        ),
        Claim(
            sentence="the kernel of the largest scale moves less",
            published="weights move by 1/scale",
            measured=told.rate(less, len(changes), "seed"),
            holds=_in_every(runs, changes) if decided else None,
        ),
        Claim(
            sentence=f"at scale {large:g} the network is its linearised one to 5 %",
            published="tends to it as the scale grows",
            measured=f"distance {lazy}; at scale {small:g} {rich}",
            holds=lazy.lies(below=0.05) if decided else None,
        ),
    ]


def _in_every(runs: pl.DataFrame, found: Sequence[tuple[float, float]]) -> bool | None:
    """Whether the first is less in every seed; one with a lost run is open."""
    lost = runs["seed"].n_unique() - len(found)
    return every([*(one < other for one, other in found), *[None] * lost])


REPRODUCTION = Reproduction(
    title="Test error against the scale of the output: lazy or rich",
    source="Chizat, Oyallon, Bach 2019",
    study="lazy",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
