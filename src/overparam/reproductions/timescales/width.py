"""Risk and distances against time for four widths, biased and unbiased."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import panels, shared_legend
from ..reproduction import Claim, Reproduction, Results, Scale
from ..told import medians
from .curves import (
    BIASED,
    SEEDS_OF_ORDERS,
    caption,
    configs,
    draw,
    draw_floor,
    falls,
    final,
    unbiased_closer,
)


WIDTHS = {"smoke": (8, 16), "laptop": (32, 128, 512), "paper": (32, 128, 512, 1024)}

# Read off the published figure at step 32000 (log axis, about 5 %, one seed).
PUBLISHED = {
    1.0: "3.8e-2, 1.65e-2, 1.2e-2, 1.0e-2",
    0.0: "4.0e-2, 2.4e-2, 2.1e-2, 2.05e-2",
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """All widths with both penalties, on common data."""
    return [
        config | {"width": width}
        for centre in (1.0, 0.0)
        for width in WIDTHS[scale]
        for config in configs(
            scale, {"width": width, "centre": centre}, seeds=SEEDS_OF_ORDERS[scale]
        )
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Risk of both penalties; distances, with the biased ones dashed."""
    records, text = results.records, caption(results) + "; penalty 1e-3"
    risk, axes = panels(1, 2, caption=text)
    for panel, centre, name in ((0, 0.0, "biased"), (1, 1.0, "unbiased")):
        part = records.filter(pl.col("centre") == centre)
        draw(axes[0, panel], part, y="risk", by="width", early=True)
        axes[0, panel].set_yscale("log")
        axes[0, panel].set_title(name)
    shared_legend(risk, axes[0, 0])
    text += "; dashed: biased; dotted: least of M points"
    distance, axes = panels(1, 3, caption=text)
    columns = ("teacher_distance", "ultra_fast_distance", "projected_distance")
    for panel, column in enumerate(columns):
        chosen = {"y": column, "by": "width", "dashed": BIASED}
        draw(axes[0, panel], records, **chosen, early=True)
        axes[0, panel].set_yscale("log")
        draw_floor(axes[0, panel], records)
    shared_legend(distance, axes[0, 0])
    return {"width-risk": risk, "width-distance": distance}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Last risk and distances, medians over seeds with intervals."""
    columns = ("risk", "teacher_distance", "teacher_w2", "ultra_fast_distance")
    columns = [f"last_{column}" for column in columns]
    return {"width": medians(results.runs, ["centre", "width"], columns)}


def claims(results: Results) -> Sequence[Claim]:
    """Wider is closer to the teacher; unbiased is closer."""
    widths = WIDTHS[results.scale]
    ends = {
        centre: [
            final(results, "last_teacher_distance", centre=centre, width=w)
            for w in widths
        ]
        for centre in (1.0, 0.0)
    }
    found: list[Claim] = []
    for centre, name in ((1.0, "unbiased"), (0.0, "biased")):
        found += falls(
            results,
            f"{name}: the last distance to the teacher falls with width",
            f"{PUBLISHED[centre]} (step 32000)",
            dict(zip(map(str, widths), ends[centre], strict=True)),
        )
    return [
        *found,
        *unbiased_closer(results, ends[1.0], ends[0.0], published="at every width"),
    ]


REPRODUCTION = Reproduction(
    title="Four widths under variable projection on the circle, biased and unbiased",
    source="Barboni et al. 2025, section 6.1, figures of width",
    study="timescales",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
