"""Three parametrisations of one problem at several widths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import COLOURS, chosen_ticks, legend, panels
from ..reproduction import Claim, Reproduction, Results, Scale
from ..told import medians
from .values import caption, drawn_over_seeds, interval, slopes


SCALINGS = ("ntk", "standard", "mean-field")
WIDTHS: Mapping[Scale, Sequence[int]] = {
    "smoke": (8, 32),
    "laptop": (32, 128, 512, 1024),
    "paper": (32, 128, 512, 2048, 8192),
}
SEEDS = {"smoke": 2, "laptop": 4, "paper": 10}
MOVED = {
    "kernel_change": "relative change of the tangent kernel",
    "weights_change": "relative change of the weights",
    "risk": "exact risk",
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Widths of every parametrisation on common teachers and samples.

    The step has the same unit for all, the eigenvalue of their own kernels.
    """
    common: dict[str, Any] = {"learning_rate": 0.05, "n_steps": 2000}
    common |= {"evaluate_every": 500}
    if scale == "smoke":
        common |= {"n_train": 50, "n_steps": 40, "evaluate_every": 20}
    if scale == "paper":
        common |= {"n_steps": 10_000, "evaluate_every": 2000}
    return [
        common | {"scaling": scaling, "width": width, "seed": seed}
        for scaling in SCALINGS
        for width in WIDTHS[scale]
        for seed in range(SEEDS[scale])
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """How far kernels and weights moved, and the risk, against width."""
    figure, axes = panels(
        1, 3, width=3.6, caption=caption(results, "planted teacher of 3 neurons")
    )
    for panel, (column, title) in zip(axes[0], MOVED.items(), strict=True):
        for colour, scaling in zip(COLOURS, SCALINGS, strict=False):
            runs = results.runs.filter(pl.col("scaling") == scaling)
            drawn_over_seeds(
                panel, runs, x="width", y=column, label=scaling, colour=colour
            )
        panel.set_yscale("log")
        panel.set_title(title, fontsize=9)
        chosen_ticks(panel, results.runs["width"])
    legend(axes[0, 0])
    return {"mean-field": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Medians over seeds with intervals; where each network lies between two limits.

    The position is 0 where the kernel moved as in the NTK parametrisation of the same
    width and seed, and 1 where it did as in the mean-field one, on a logarithmic axis.
    """
    columns = ["position", *MOVED, "flipped", "label_alignment"]
    columns += ["distance_to_linear", "train_loss", "test_loss_linear"]
    columns += ["test_loss_wide"]
    runs = _with_positions(results.runs)
    return {"mean-field": medians(runs, ["scaling", "width"], columns)}


def _with_positions(runs: pl.DataFrame) -> pl.DataFrame:
    place = ["width", "seed"]
    for end in ("ntk", "mean-field"):
        known = runs.filter(pl.col("scaling") == end)
        runs = runs.join(
            known.select(*place, pl.col("kernel_change").log().alias(end)), on=place
        )
    low, high = pl.col("ntk"), pl.col("mean-field")
    position = (pl.col("kernel_change").log() - low) / (high - low)
    return runs.with_columns(position.alias("position"))


def claims(results: Results) -> Sequence[Claim]:
    """NTK tends to lazy, mean-field does not; where the standard one lies."""
    decided, found = results.scale != "smoke", []
    for scaling in SCALINGS:
        runs = results.runs.filter(pl.col("scaling") == scaling)
        slope = interval(slopes(runs, x="width", y="kernel_change"))
        words, verdict = "tends to lazy", slope.lies(below=-0.25)
        if scaling == "mean-field":
            words, verdict = "does not tend to lazy", slope.lies(above=-0.25)
        found.append(
            Claim(
                sentence=f"{scaling}: the change of the kernel {words} with width",
                published="ours; slopes of -1/2 and 0 by theory",
                measured=f"slope of the change against width {slope}",
                holds=verdict if decided else None,
            )
        )
    widest = max(WIDTHS[results.scale])
    standard = _with_positions(results.runs).filter(
        (pl.col("scaling") == "standard") & (pl.col("width") == widest)
    )
    values = standard["position"].drop_nulls().to_numpy()
    place = interval([float(v) for v in values if np.isfinite(v)])
    found.append(
        Claim(
            sentence=f"width {widest}: standard lies between NTK and mean-field",
            published="ours",
            measured=f"position {place} (0 NTK, 1 mean-field)",
            holds=place.lies(above=0, below=1) if decided else None,
        )
    )
    return found


REPRODUCTION = Reproduction(
    title="NTK, standard and mean-field parametrisations of one problem (ours)",
    source="ours, after Chizat et al. 2019 and Fang, Dong, Zhang 2019",
    study="lazy",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
