"""The pruned fraction against width: does heavy-tailed noise need wide networks?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import COLOURS, band, panels, shared_legend
from ..reproduction import Claim, Reproduction, Results, Scale
from .arms import Arm, caption, differences, sign_claim


KINDS = ("shared", "isotropic")
ALPHAS = (1.5, 1.75, 2.0)
ACCUMULATED_SCALE = 0.05
"""Of the noise in all steps; initial entries have deviation 1/sqrt(3 * 140)."""

SETTINGS: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"dataset": "mixture", "n_test": 500, "n_steps": 10},
    "laptop": {"dataset": "ecg5000", "n_steps": 100},
    "paper": {"dataset": "ecg5000", "n_steps": 2000},
}
WIDTHS: Mapping[Scale, Sequence[int]] = {
    "smoke": (20, 80),
    "laptop": (125, 500, 2000),
    "paper": (2000, 5000, 10000),
}
SEEDS: Mapping[Scale, int] = {"smoke": 2, "laptop": 40, "paper": 10}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Every width with no noise and with noise of equal accumulated scale."""
    common: dict[str, Any] = {
        "learning_rate": 0.01,
        "stop_when": "never",
        **SETTINGS[scale],
    }
    common["evaluate_every"] = common["n_steps"]
    return [
        common
        | arm.config(
            scale=ACCUMULATED_SCALE,
            learning_rate=common["learning_rate"],
            n_steps=common["n_steps"],
        )
        | {"seed": seed}
        for width in WIDTHS[scale]
        for arm in _arms(width)
        for seed in range(SEEDS[scale])
    ]


def _arms(width: int) -> list[Arm]:
    noisy = [Arm(noise=k, alpha=a, width=width) for k in KINDS for a in ALPHAS]
    return [Arm(width=width), *noisy]


def figures(results: Results) -> Mapping[str, Figure]:
    """Fraction pruned and test accuracy after pruning against width, per index."""
    figure, axes = panels(
        2, len(KINDS), width=4.2, height=3.2, caption=caption(results)
    )
    columns = {
        "pruning_ratio": "fraction of neurons pruned",
        "test_accuracy_pruned": "test accuracy after pruning",
    }
    for column, kind in enumerate(KINDS):
        for row, (name, text) in enumerate(columns.items()):
            panel = axes[row, column]
            widths = WIDTHS[results.scale]
            shown = [arm for arm in _arms(widths[0]) if arm.noise in ("none", kind)]
            for colour, arm in zip(COLOURS, shown, strict=False):
                by_width = [_at(arm, width).values(results, name) for width in widths]
                band(
                    panel,
                    np.array(widths),
                    list(np.array(by_width).T),
                    label=arm.label.removeprefix(f"{kind}, "),
                    colour=colour,
                )
            panel.set_xscale("log")
            panel.set_xticks(widths, [str(width) for width in widths])
            panel.minorticks_off()
            panel.set_ylabel(text)
            panel.set_xlabel("width")
        axes[0, column].set_title(f"{kind} noise")
    shared_legend(figure, axes[0, 0])
    return {"width": figure}


def _at(arm: Arm, width: int) -> Arm:
    return Arm(noise=arm.noise, alpha=arm.alpha, width=width)


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Fraction pruned and accuracies, mean and deviation over seeds."""
    rows = []
    for width in WIDTHS[results.scale]:
        for arm in _arms(width):
            runs = arm.runs(results)
            rows.append(
                {
                    "arm": arm.label,
                    "width": width,
                    "seeds": runs.height,
                    "pruning_ratio": runs["pruning_ratio"].mean(),
                    "pruning_ratio_sd": runs["pruning_ratio"].std(),
                    "pruning_ratio_median": runs["pruning_ratio"].median(),
                    "test_accuracy": runs["test_accuracy"].mean(),
                    "test_accuracy_pruned": runs["test_accuracy_pruned"].mean(),
                }
            )
    return {"width": pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """The fraction grows with the width where the tail is heavy, else it does not."""
    narrow, *_, wide = WIDTHS[results.scale]
    found = []
    for kind in KINDS:
        for alpha in ALPHAS:
            arm = Arm(noise=kind, alpha=alpha, width=wide)
            difference = differences(results, arm, _at(arm, narrow), "pruning_ratio")
            if alpha == 2:
                claim = sign_claim(
                    0.05 - abs(difference),
                    sentence=f"{arm.label}: the fraction changes by less than 0.05 "
                    f"from width {narrow} to {wide}",
                    published="ours: a finite variance has a limit curve",
                )
            else:
                claim = sign_claim(
                    difference,
                    sentence=f"{arm.label}: width {wide} prunes a larger fraction than "
                    f"width {narrow}",
                    published="the compressibility grows with the width",
                )
            found.append(claim)
    return found


REPRODUCTION = Reproduction(
    title="Pruned fraction against width",
    source="Wan et al. 2024, claim that compressibility grows with the width",
    study="heavy-tails",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
