"""Radial features on the torus: widths, penalties, point masses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ..plots.figure import panels
from .reproduction import Claim, Reproduction, Results, Scale
from .timescales_curves import caption, configs, decreasing, draw, final, listed


WIDTHS = {"smoke": (8, 16), "laptop": (32, 128), "paper": (32, 128, 512, 1024)}
PENALTIES = {"smoke": (1e-2,), "laptop": (1e-1, 1e-2), "paper": (1e-1, 1e-2)}

# A laptop run takes a quarter of the published samples, and one unit of time.
SIZES: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"samples": 128},
    "laptop": {"samples": 1024, "steps": 1024, "records": 65},
    "paper": {},
}
# Read off the published figure (1e-3, unbiased, step 32000).
PUBLISHED = ".10, 2.2e-2, 7.8e-3, 5.6e-3 (M = 32, 128, 512, 1024)"


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Widths at penalty 1e-3, other penalties and point masses at the largest width."""
    common = {"problem": "torus", "limits": ()}
    most = WIDTHS[scale][-1]
    cases = [{"width": w, "penalty": 1e-3} for w in WIDTHS[scale]]
    cases += [{"width": most, "penalty": p} for p in PENALTIES[scale]]
    cases += [{"width": most, "penalty": 1e-2, "gamma": float("inf")}]
    return [
        {**config, **SIZES[scale], "width": case["width"]}
        for case in cases
        for config in configs(scale, common | case)
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Risk and distance to the teacher, for widths, penalties and concentrations."""
    text, most = caption(results) + "; Laplace kernel", WIDTHS[results.scale][-1]
    figure, axes = panels(2, 3, height=2.8, caption=text)
    smooth = pl.col("gamma").is_finite()
    parts = {
        "width": results.records.filter(smooth & (pl.col("penalty") == 1e-3)),
        "penalty": results.records.filter(smooth & (pl.col("width") == most)),
        "gamma": results.records.filter(
            (pl.col("penalty") == 1e-2) & (pl.col("width") == most)
        ),
    }
    for panel, (by, part) in enumerate(parts.items()):
        for row, column in enumerate(("risk", "teacher_distance")):
            draw(axes[row, panel], part, y=column, by=by)
            axes[row, panel].set_yscale("log")
        axes[0, panel].legend()
    return {"torus": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Last risk and distance, over seeds."""
    summary = (
        results.runs.group_by("gamma", "penalty", "width")
        .agg(
            pl.len().alias("seeds"),
            pl.col("last_risk").median(),
            pl.col("last_teacher_distance").median(),
        )
        .sort("gamma", "penalty", "width")
    )
    return {"torus": summary}


def claims(results: Results) -> Sequence[Claim]:
    """Wider students end closer to the teacher."""
    widths = WIDTHS[results.scale]
    gamma = float(np.min(results.runs["gamma"].to_numpy()))
    ends = [
        final(results, "last_teacher_distance", width=w, penalty=1e-3, gamma=gamma)
        for w in widths
    ]
    good, seeds = decreasing(ends)
    return [
        Claim(
            sentence="the last distance to the teacher falls with width",
            published=PUBLISHED,
            measured=f"{good} of {seeds} seeds; "
            + listed(dict(zip(map(str, widths), ends, strict=True))),
            holds=good == seeds if results.scale != "smoke" else None,
        )
    ]


REPRODUCTION = Reproduction(
    title="Radial features on the torus: widths, penalties, point masses",
    source="Barboni et al. 2025, section 6.1, figures of the torus",
    study="timescales",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
