"""Figure 8 of Wang et al. over n and d: where training recovers, under noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import wilson
from ...progress import counted
from ..reproduction import Claim, Reproduction, Results, Scale
from ..told import spanned
from .figures import NOISES, distances, noise_claim, noise_diagrams, noise_table
from .training import RECOVERED


SIZES: Mapping[Scale, tuple[range, range, int, int]] = {
    "smoke": (range(10, 41, 30), range(5, 6), 1, 300),
    "laptop": (range(20, 121, 20), range(10, 31, 10), 3, 10_000),
    "paper": (range(10, 401, 10), range(10, 101, 10), 10, 10_000),
}
"""Sample sizes, dimensions, trials, and steps of the penalised training."""
TRAININGS = {"penalised": False, "legacy": True}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Penalised training and the published one in every cell, on the same data."""
    samples, dimensions, trials, steps = SIZES[scale]
    common = {"method": "training", "fit": "penalised"}
    return [
        {**common, "legacy": legacy, "n_steps": 400 if legacy else steps}
        | {"noise": noise, "n_samples": n, "input_dim": d, "seed": seed}
        for legacy in TRAININGS.values()
        for noise in NOISES
        for n in samples
        for d in dimensions
        for seed in range(trials)
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Distance to the planted weights and test distance over n and d."""
    samples, dimensions, trials, steps = SIZES[results.scale]
    told = {
        "penalised": f"{steps} steps of Adam at 2e-3 with penalty 1e-3 in the loss",
        "legacy": "400 sign steps of 2e-3 without an effective penalty, as published",
    }
    found = {}
    for name, legacy in TRAININGS.items():
        text = (
            f"Skip network of width n + 1, {told[name]}; means over trials of the "
            "distance of the linear neuron to the planted weights, and of the "
            "Euclidean norm of the error on n test samples. "
            f"n = {spanned(samples)}, d = {spanned(dimensions)}, "
            f"{counted(trials, 'trial')} per cell."
        )
        found[f"recovery_training_phase_{name}"] = noise_diagrams(
            results.runs.filter(pl.col("legacy") == legacy),
            error="test_norm",
            text=text,
        )
    return found


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Mean distances and errors of every cell."""
    return {
        f"distances-{name}": noise_table(
            results.runs.filter(pl.col("legacy") == legacy)
        )
        for name, legacy in TRAININGS.items()
    }


def claims(results: Results) -> Sequence[Claim]:
    """Where each training recovers, and what noise costs the penalised one."""
    runs, decided = results.runs, results.scale != "smoke"
    clean = runs.filter(pl.col("noise") == 0)
    above = pl.col("n_samples") / pl.col("input_dim") >= 4
    penalised = _recovered(clean.filter(above & ~pl.col("legacy")))
    legacy = _recovered(clean.filter("legacy"))
    return [
        Claim(
            sentence=f"penalised, n >= 4d: every distance is below {RECOVERED:g}",
            published="recovery above the line",
            measured=_rate(penalised),
            holds=bool(penalised.all()) if decided else None,
        ),
        Claim(
            sentence="training as the published code does it recovers in no trial",
            published="recovery (the paper); none (our reading of the code)",
            measured=_rate(legacy),
            holds=not legacy.any() if decided else None,
        ),
        noise_claim(results, runs.filter(~pl.col("legacy")), prefix="penalised, "),
    ]


def _recovered(trials: pl.DataFrame) -> pl.Series:
    """Whether each trial ends at the planted weights."""
    return distances(trials) < RECOVERED


def _rate(found: pl.Series) -> str:
    return f"recovered at rate {wilson(int(found.sum()), len(found))}"


REPRODUCTION = Reproduction(
    title="Gradient training over n and d, with and without label noise",
    source="Wang et al. 2022, Figure 8",
    study="recovery",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
