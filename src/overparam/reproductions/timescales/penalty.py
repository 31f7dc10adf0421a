"""Distances against time for four penalties, biased and unbiased.

Limits are judged on lattice data: features drawn at random start about 1/sqrt(M) away
from the uniform law, which hides distances to a limit that starts there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .curves import (
    BIASED,
    SEEDS_OF_ORDERS,
    caption,
    configs,
    draw,
    draw_floor,
    falling,
    falls,
    final,
    one_at,
    reached,
)


PENALTIES = {
    "smoke": (1e-1, 1e-2),
    "laptop": (1e-1, 1e-2, 1e-3, 1e-4),
    "paper": (1e-1, 1e-2, 1e-3, 1e-4),
}
WIDTH = {"smoke": 16, "laptop": 512, "paper": 1024}
EARLY = 0.5
"""Time at which particles are compared with the limits."""

_EVEN = {"data": "lattice", "width": 256, "n_steps": 1024, "records": 65}
LATTICE: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"data": "lattice"},
    "laptop": _EVEN,
    "paper": _EVEN,
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """All penalties with both centres, on common data."""
    width = WIDTH[scale]
    even = [
        {**config, **LATTICE[scale]}
        for penalty in PENALTIES[scale]
        for config in configs(scale, {"width": width, "penalty": penalty}, seeds=1)
    ]
    sampled = [
        config
        for centre in (1.0, 0.0)
        for penalty in PENALTIES[scale]
        for config in configs(
            scale,
            {"width": width, "centre": centre, "penalty": penalty},
            seeds=SEEDS_OF_ORDERS[scale],
        )
    ]
    return [*sampled, *even]


def figures(results: Results) -> Mapping[str, Figure]:
    """Distance to the teacher; distances to both limits on lattice data."""
    text = f"{caption(results)}; dashed: biased; dotted: least of M points"
    figure, axes = panels(1, 3, caption=text)
    lattice = pl.col("data") == "lattice"
    sampled = results.records.filter(~lattice)
    draw(
        axes[0, 0],
        sampled,
        y="teacher_distance",
        by="penalty",
        dashed=BIASED,
        early=True,
    )
    axes[0, 0].set_title(f"sampled data, M = {sampled['width'][0]}")
    even = results.records.filter(lattice)
    for panel, column in ((1, "ultra_fast_distance"), (2, "projected_distance")):
        draw(axes[0, panel], even, y=column, by="penalty", early=True)
        axes[0, panel].set_title(f"lattice data, M = {even['width'][0]}, unbiased")
    for axis, part in zip(axes[0], (sampled, even, even), strict=True):
        axis.set_yscale("log")
        draw_floor(axis, part)
    axes[0, 2].sharey(axes[0, 1])
    shared_legend(figure, axes[0, 1])
    return {"penalty-distance": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Last risk and distances, medians over seeds with intervals."""
    columns = ("risk", "teacher_distance", "teacher_w2", "ultra_fast_distance")
    columns = [f"last_{column}" for column in columns]
    by = ["data", "centre", "penalty"]
    return {"penalty": told.medians(results.runs, by, columns)}


def claims(results: Results) -> Sequence[Claim]:
    """What the penalty costs, and which limit particles approach as it vanishes."""
    penalties = PENALTIES[results.scale]
    ends = [
        final(results, "last_teacher_distance", centre=0.0, penalty=p, data="sampled")
        for p in penalties
    ]
    biased = falls(
        results,
        "biased: the last distance to the teacher falls with the penalty",
        ".22, 5e-2, 2.05e-2, 1.25e-2 (M = 1024, step 32000)",
        dict(zip((f"{p:g}" for p in penalties), ends, strict=True)),
    )
    values = [
        one_at(results, "projected_distance", EARLY, data="lattice", penalty=p)
        for p in penalties
    ]
    projected = Claim(
        sentence=f"particles approach the projected diffusion at time {EARLY} as the "
        "penalty vanishes",
        published="ours: .058, .0265, .0085 at 1e-2, 1e-3, 1e-4 on lattice data",
        measured="; ".join(
            f"{p:g}: {reached(value)}"
            for p, value in zip(penalties, values, strict=True)
        )
        + f" {told.NOT_RANDOM}",
        holds=falling(values) if results.scale != "smoke" else None,
    )
    # The plain diffusion stays away: the negative control.
    least = min(penalties)
    plain, seen = (
        one_at(results, f"{name}_distance", EARLY, data="lattice", penalty=least)
        for name in ("ultra_fast", "projected")
    )
    ratio = plain / seen if plain is not None and seen is not None else None
    control = Claim(
        sentence=f"at penalty {least:g} and time {EARLY} they are at least twice as "
        "far from the plain diffusion",
        published="ours: .0422 against .0085 on lattice data",
        measured=f"ratio {reached(ratio)} on lattice data {told.NOT_RANDOM}",
        holds=ratio >= 2 if ratio is not None and results.scale != "smoke" else None,
    )
    return [*biased, projected, control]


REPRODUCTION = Reproduction(
    title="Four penalties under variable projection on the circle",
    source="Barboni et al. 2025, section 6.1, figure of the penalty",
    study="timescales",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
