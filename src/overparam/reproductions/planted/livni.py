"""Part (e) of the exercise: the order of Livni et al. at a small step, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import ratio_interval
from ...plots.figure import panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .figures import caption, risk_curves


WIDTHS = (60, 120, 240, 480)

# Ratios of the objective at epoch 199 to that of r = 60: median of three seeds.
RATIOS = {120: 0.93, 240: 0.87, 480: 0.81}
RATIO_TOLERANCE = 0.05


def variants(width: int, teacher_width: int) -> dict[str, dict[str, Any]]:
    """The published setting, and the three that say which part makes the order."""
    return {
        "as published": {},
        "readout step x r0/r": {"readout_rate": teacher_width / width},
        "readout frozen": {"train": "features"},
        "features frozen": {"train": "readout"},
    }


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Four widths, small step, large batch, full-scale initialisation, variants."""
    common: dict[str, Any] = {
        "learning_rate": 1e-3,
        "batch_size": 100,
        "init_scale": 1.0,
        "epochs": 200,
    }
    seeds = {"smoke": 2, "laptop": 3, "paper": 10}[scale]
    widths, teacher_width = WIDTHS, 60
    if scale == "smoke":
        common |= {"input_dim": 20, "n_outputs": 3, "teacher_width": 6}
        common |= {"samples_per_epoch": 1000, "epochs": 4}
        widths, teacher_width = (6, 12), 6
    settings = [
        common | {"width": width, "seed": seed} | variant
        for width in widths
        for seed in range(seeds)
        for variant in variants(width, teacher_width).values()
    ]
    # At r = r0 the scaled readout step is the published one: asked for once.
    return [s for i, s in enumerate(settings) if _without_ones(s) not in settings[:i]]


def _without_ones(setting: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in setting.items() if not (k == "readout_rate" and v == 1)}


def figures(results: Results) -> Mapping[str, Figure]:
    """One panel per variant, one colour per width."""
    names = list(variants(1, 1))
    figure, axes = panels(1, len(names), width=3.4, caption=caption(results))
    for panel, name in zip(axes[0], names, strict=True):
        risk_curves(panel, _variant(results.records, name), by="width")
        panel.set_title(name)
        panel.set_ylabel("")
    axes[0, 0].set_ylabel("half squared error")
    shared_legend(figure, axes[0, 0])
    return {"livni": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """The last objective, one row per variant, seed and width."""
    rows = [
        {"variant": name, "seed": seed, "width": width, "objective": value}
        for name in variants(1, 1)
        for seed, losses in _last(results, name).items()
        for width, value in losses.items()
    ]
    return {"objective": pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """The published order, and that it is an effect of the readout."""
    found = [
        _order(results, "as published", wanted=True),
        _order(results, "readout step x r0/r", wanted=False),
        _order(results, "features frozen", wanted=True),
    ]
    if results.scale == "smoke":
        return found
    # A ratio of runs one of which diverged is none.
    seeds = [
        losses
        for losses in _last(results, "as published").values()
        if np.isfinite([*losses.values()]).all()
    ]
    for width, published in RATIOS.items():
        ratios = [losses[width] / losses[60] for losses in seeds]
        ratio = ratio_interval(ratios) if ratios else None
        found.append(
            Claim(
                sentence=f"objective of r = {width} over that of r = 60, epoch 199: "
                f"within {RATIO_TOLERANCE} of {published}",
                published=f"ours: {published}",
                measured=str(ratio or "every seed has a run that diverged"),
                holds=ratio
                and ratio.within(
                    published - RATIO_TOLERANCE, published + RATIO_TOLERANCE
                ),
            )
        )
    return found


def _order(results: Results, name: str, *, wanted: bool) -> Claim:
    steps = [np.diff(list(losses.values())) for losses in _last(results, name).values()]
    orders = [bool((step < 0).all()) for step in steps]
    # A run that diverged breaks an order; that there is none, others must show.
    broken = [bool((step >= 0).any()) or None for step in steps]
    ordered = sum(orders)
    sentence = (
        f"{name}: the objective decreases with width in every seed"
        if wanted
        else f"{name}: the objective decreases with width in no seed"
    )
    published = "wider is faster" if name == "as published" else "ours"
    holds = all(orders) if wanted else not ordered and every(broken)
    return Claim(
        sentence=sentence,
        published=published,
        measured=f"in {told.rate(ordered, len(orders), 'seed')}",
        holds=None if results.scale == "smoke" else holds,
    )


def _last(results: Results, name: str) -> dict[int, dict[int, float]]:
    """Objective at the last epoch: seed -> width -> value, widths ascending.

    It is NaN of a run that diverged.
    """
    runs = _variant(results.runs, name).sort("seed", "width")
    runs = runs.with_columns(pl.col("objective").cast(pl.Float64).fill_null(np.nan))
    found: dict[int, dict[int, float]] = {}
    for row in runs.iter_rows(named=True):
        found.setdefault(row["seed"], {})[row["width"]] = row["objective"]
    return found


def _variant(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    scaled = pl.col("readout_rate") * pl.col("width") == pl.col("teacher_width")
    chosen = {
        "as published": (pl.col("train") == "all") & (pl.col("readout_rate") == 1),
        "readout step x r0/r": (pl.col("train") == "all") & scaled,
        "readout frozen": pl.col("train") == "features",
        "features frozen": pl.col("train") == "readout",
    }
    return frame.filter(chosen[name])


REPRODUCTION = Reproduction(
    title="The order of Livni et al. at a small step, and why",
    source="exercise on Livni et al. 2014, part (e)",
    study="planted",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
