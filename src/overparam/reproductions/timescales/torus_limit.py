"""Particles on the torus against the ultra-fast diffusion.

Radial features are injective, so that the published limit is theirs. It is judged on
lattice data and a smooth teacher: there an explicit step follows it, and particles
start about as close to it as their number allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.density.analyse import kept_points, kept_steps
from ...analysis.density.energy import torus_energy
from ...analysis.subject import Subject
from ...plots.figure import panels
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .curves import TINY, configs, draw, falling, one_at, reached, recorded_times


WIDTHS = {"smoke": (8, 16), "laptop": (64, 128, 256), "paper": (64, 128, 256, 1024)}
PENALTIES = (1e-1, 1e-2, 1e-3)
LEAST = PENALTIES[-1]
EARLY = 0.5
"""Time at which particles are compared with the limit."""
OURS = "ours (lattice data, gamma 10)"

COMMON: Mapping[str, Any] = {
    "problem": "torus",
    "limits": ("ultra-fast",),
    "data": "lattice",
    "gamma": 10.0,
    "penalty": LEAST,
}
SIZES: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"n_samples": TINY["n_samples"], "cells": 64},
    "laptop": {"n_steps": 1024, "records": 65},
    "paper": {"n_steps": 1024, "records": 65},
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """All widths at the least penalty, and all penalties at the largest width."""
    widths = WIDTHS[scale]
    cases = [{"width": width} for width in widths]
    cases += [{"width": widths[-1], "penalty": p} for p in PENALTIES[:-1]]
    return [
        {**config, **SIZES[scale], "width": case["width"]}
        for case in cases
        for config in configs(scale, {**COMMON, **case}, seeds=1)
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Distance to the diffusion against time, by width and by penalty."""
    most = WIDTHS[results.scale][-1]
    text = "lattice data, gamma 10, Laplace kernel; energy distances by chords"
    text += "; dashed: particles that stay where they started"
    figure, axes = panels(1, 2, caption=text)
    parts = {
        "width": (pl.col("penalty") == LEAST, f"λ = {LEAST:g}"),
        "penalty": (pl.col("width") == most, f"M = {most}"),
    }
    for axis, (by, (chosen, title)) in zip(axes[0], parts.items(), strict=True):
        draw(axis, results.records.filter(chosen), y="ultra_fast_distance", by=by)
        axis.set_yscale("log")
        axis.set_title(title)
        axis.legend(loc="center right", bbox_to_anchor=(1, 0.72))
    times, still = _control(results)
    for axis in axes[0]:
        axis.plot(times, still, "--", color="0.4", lw=1)
        axis.set_ylim(
            0.8 * float(np.min(results.records["ultra_fast_distance"].to_numpy())),
            1.2 * float(still.max()),
        )
    return {"torus-limit": figure}


def _control(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Times of snapshots, and the distances there of the features of the start."""
    chosen = (pl.col("width") == WIDTHS[results.scale][-1]) & (
        pl.col("penalty") == LEAST
    )
    (index,) = results.runs.with_row_index("row").filter(chosen)["row"].to_list()
    run = results.stored[index]
    arrays = run.arrays
    distances = [
        torus_energy(
            kept_points(Subject(run), 0),
            np.asarray(arrays["limit.points"], float),
            second_weights=np.asarray(density, float),
            chordal=True,
        )
        for density in arrays["limit.ultra_fast"]
    ]
    times = kept_steps(run) * run.config["time_step"]
    return times, np.array(distances)


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Distances to the diffusion at the records nearest to five times."""
    times = recorded_times(results, (0.0, 0.1, 0.25, EARLY, 1.0))
    pairs = results.runs.select("width", "penalty").unique().sort("width", "penalty")
    rows = [
        {"width": width, "penalty": penalty}
        | {
            f"t={t:.3g}": _distance(results, t, width=width, penalty=penalty)
            for t in times
        }
        for width, penalty in pairs.rows()
    ]
    return {"torus-limit": pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """Particles approach the diffusion in both directions of the limit."""
    widths = WIDTHS[results.scale]
    most, decided = widths[-1], results.scale != "smoke"
    by_width = {w: _distance(results, EARLY, width=w) for w in widths}
    by_penalty = {
        f"{p:g}": _distance(results, EARLY, width=most, penalty=p) for p in PENALTIES
    }
    found = []
    for what, values in (
        (f"width grows (penalty {LEAST:g})", by_width),
        (f"penalty vanishes (M = {most})", by_penalty),
    ):
        sentence = f"at time {EARLY} particles approach the diffusion as the {what}"
        each = [f"{name}: {reached(value)}" for name, value in values.items()]
        found.append(
            Claim(
                sentence=sentence,
                published=OURS,
                measured=f"{'; '.join(each)} {told.NOT_RANDOM}",
                holds=falling([*values.values()]) if decided else None,
            )
        )
    start, end = (_distance(results, time, width=most) for time in (0.0, 1.0))
    stays = None if start is None or end is None else end <= start
    kept = Claim(
        sentence=f"M = {most}, penalty {LEAST:g}: at time 1 particles are no further "
        "from the diffusion than at the start",
        published=OURS,
        measured=f"{reached(end)} against {reached(start)} {told.NOT_RANDOM}",
        holds=stays if decided else None,
    )
    return [*found, kept]


def _distance(
    results: Results, time: float, *, width: int, penalty: float = LEAST
) -> float | None:
    return one_at(results, "ultra_fast_distance", time, width=width, penalty=penalty)


REPRODUCTION = Reproduction(
    title="Particles on the torus against the ultra-fast diffusion",
    source="Barboni et al. 2025, section 3 (the limit); ours on the torus",
    study="timescales",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
