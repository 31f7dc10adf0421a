"""Radial features on the torus: widths, penalties, point masses, both centres."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...data.sources.torus import teacher_density
from ...plots.figure import legend, panels
from ..reproduction import Claim, Reproduction, Results, Scale
from ..told import medians
from .curves import (
    BIASED,
    caption,
    configs,
    draw,
    falls,
    final,
    unbiased_closer,
)


WIDTHS = {"smoke": (8, 16), "laptop": (32, 128), "paper": (32, 128, 512, 1024)}
PENALTIES = {"smoke": (1e-2,), "laptop": (1e-1, 1e-2), "paper": (1e-1, 1e-2)}
POINT_MASSES = float("inf")

# A step costs samples x width^2: a quarter of the published samples, and time 4.
SIZES: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"n_samples": 128, "cells": 64},
    "laptop": {"n_samples": 1024, "n_steps": 4096, "records": 65},
    "paper": {},
}
# Read off the published figure (1e-3, step 32000).
PUBLISHED = {
    1.0: ".10, 2.2e-2, 7.8e-3, 5.6e-3 (M = 32, 128, 512, 1024)",
    0.0: "not read off",
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Widths at penalty 1e-3, other penalties and point masses at the largest width.

    All of it with both centres, on common data.
    """
    common = {"problem": "torus", "limits": ("ultra-fast",)}
    most = WIDTHS[scale][-1]
    cases = [{"width": w, "penalty": 1e-3} for w in WIDTHS[scale]]
    cases += [{"width": most, "penalty": p} for p in PENALTIES[scale]]
    cases += [{"width": most, "penalty": 1e-2, "gamma": POINT_MASSES}]
    return [
        {**config, **SIZES[scale], "width": case["width"]}
        for centre in (1.0, 0.0)
        for case in cases
        for config in configs(scale, common | case | {"centre": centre})
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Risk and distances; the teacher's density and its signal."""
    text = caption(results) + "; Laplace kernel; dashed: biased"
    most = WIDTHS[results.scale][-1]
    figure, axes = panels(3, 3, height=2.6, caption=text)
    records = results.records
    smooth = pl.col("gamma").is_finite()
    parts = {
        "width": records.filter(smooth & (pl.col("penalty") == 1e-3)),
        "penalty": records.filter(smooth & (pl.col("width") == most)),
        "gamma": records.filter(
            (pl.col("penalty") == 1e-2) & (pl.col("width") == most)
        ),
    }
    columns = ("risk", "teacher_distance", "ultra_fast_distance")
    for panel, (by, part) in enumerate(parts.items()):
        for row, column in enumerate(columns):
            draw(axes[row, panel], part, y=column, by=by, dashed=BIASED)
            axes[row, panel].set_yscale("log")
        legend(axes[0, panel], loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return {"torus": figure, "torus-teacher": _teacher()}


def _teacher(n_side: int = 128, gamma: float = 100.0, length: float = 0.5) -> Figure:
    """The teacher's density, and the signal it makes: a convolution on a grid."""
    centres = -2 + 4 * (np.arange(n_side) + 0.5) / n_side
    points = np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)
    density = teacher_density(points.reshape(-1, 2), gamma=gamma)
    density = density.reshape(n_side, n_side)
    offset = 4 * np.fft.fftfreq(n_side)
    radius = np.hypot(offset[:, None], offset[None, :])
    kernel = 2 / length**2 * np.exp(-radius / length) * (4 / n_side) ** 2
    signal = np.fft.ifft2(np.fft.fft2(density) * np.fft.fft2(kernel)).real
    figure, axes = panels(1, 2, caption=f"gamma {gamma:g}, Laplace kernel")
    for axis, values, title in zip(
        axes[0], (density, signal), ("teacher density", "signal"), strict=True
    ):
        shown = axis.imshow(
            values.T, origin="lower", extent=(-2, 2, -2, 2), cmap="Blues"
        )
        figure.colorbar(shown, ax=axis, shrink=0.8)
        axis.set_title(title)
        axis.grid(False)
    return figure


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Last risk and distance, medians over seeds with intervals."""
    names = ("risk", "teacher_distance", "ultra_fast_distance")
    by = ["centre", "gamma", "penalty", "width"]
    return {"torus": medians(results.runs, by, [f"last_{name}" for name in names])}


def claims(results: Results) -> Sequence[Claim]:
    """What width and penalty buy with each centre, and which centre ends closer."""
    widths = WIDTHS[results.scale]
    penalties = sorted({1e-3, *PENALTIES[results.scale]}, reverse=True)
    sentence = "the last distance to the teacher falls with"
    found, pairs = [], []
    for centre, name in ((1.0, "unbiased"), (0.0, "biased")):
        by_width = _ends(results, centre, [(w, 1e-3) for w in widths])
        by_penalty = _ends(results, centre, [(widths[-1], p) for p in penalties])
        groups = dict(zip(map(str, widths), by_width, strict=True))
        found += falls(results, f"{name}: {sentence} width", PUBLISHED[centre], groups)
        pairs.append([*by_width, *by_penalty[:-1]])  # The last is the widest again.
    costs = dict(zip((f"{p:g}" for p in penalties), by_penalty, strict=True))
    return [
        *found,
        *falls(results, f"biased: {sentence} the penalty", "not read off", costs),
        *unbiased_closer(results, *pairs, published="in the figures"),
    ]


def _ends(
    results: Results, centre: float, cases: Sequence[tuple[int, float]]
) -> list[list[float]]:
    """Last distances to the teacher, for pairs of a width and a penalty."""
    return [
        final(
            results,
            "last_teacher_distance",
            centre=centre,
            width=width,
            penalty=penalty,
            gamma=100.0,
        )
        for width, penalty in cases
    ]


REPRODUCTION = Reproduction(
    title="Radial features on the torus: widths, penalties, point masses, both centres",
    source="Barboni et al. 2025, section 6.1, figures of the torus",
    study="timescales",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
