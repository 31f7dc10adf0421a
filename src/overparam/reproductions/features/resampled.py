"""Accuracy against the number of neurons kept, by source and way of drawing."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from matplotlib.figure import Figure

from ...analysis.intervals import Interval, mean_interval
from ...analysis.resampling.analyse import draw_accuracy
from ...analysis.resampling.efficiency import summarise
from ...analysis.resampling.options import ResampleOptions
from ...plots.figure import panels, shared_legend
from ...store.read import StoredRun
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .sources import (
    CONCENTRATING_PENALTY,
    DEFAULT_PENALTY,
    EPOCHS,
    caption,
    efficiency_of,
    source,
    trained,
)


PENALTIES = (DEFAULT_PENALTY, CONCENTRATING_PENALTY)
LAWS = ("uniform", "norm", "squared", "norm-product", "raw-importance", "leverage")
N_DRAWS = 20
EARLY = 3

FEW = ResampleOptions(
    n_features=(10, 30, 100), sampling=LAWS, n_draws=N_DRAWS, random=()
)
"""Few neurons: readouts are cheap."""
MANY = dataclasses.replace(
    FEW, n_features=(300, 1000), sampling=("uniform",), n_fit=10_000
)
"""Many neurons: one law, since the differences are within the noise there."""
SMOKE = ResampleOptions(
    n_features=(5, 10), sampling=("uniform",), n_draws=2, n_fit=500, random=()
)
RANDOM = ("truncated", "gaussian", "unit")
INITIAL = "initial"


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """The default and the concentrating penalty; several seeds on paper scale."""
    seeds = {"smoke": (0,), "laptop": (1234,), "paper": (1234, 5555, 1, 2, 3, 4)}[scale]
    return [
        source(scale, seed=seed, readout_penalty=penalty)
        for seed in seeds
        for penalty in PENALTIES
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """A panel per source; a line per way of drawing with its interval."""
    frame = _summary(results)
    sources = frame["source"].unique(maintain_order=True)
    units = "networks" if results.runs["seed"].n_unique() > 1 else "draws"
    text = f"exact logistic readout; mean and 95 % interval over {units}"
    text = caption(results, text)
    figure, axes = panels(1, len(sources), width=3.3, height=3.6, caption=text)
    ways = frame["features"].unique(maintain_order=True).to_list()
    for axis, name in zip(axes[0], sources, strict=True):
        draw_accuracy(axis, frame.filter(pl.col("source") == name), ways)
        numbers = frame["k"].unique().sort().to_list()
        axis.set_xticks(numbers, [f"{k}" for k in numbers])
        axis.minorticks_off()
        axis.set_title(name.replace(", ", ",\n"))
        axis.set_ylim(frame["test"].to_numpy().min() - 0.02, 1)
    shared_legend(figure, axes[0, -1])
    return {"resampled": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Mean accuracy, spread over draws, and interval."""
    return {"accuracy": _summary(results)}


def claims(results: Results) -> Sequence[Claim]:
    """Learned against random at every k, and the printed single draws of ten."""
    found = [_beats_random(results)]
    if results.scale == "smoke":
        return found
    default, strong = (trained(penalty, EPOCHS) for penalty in PENALTIES)
    return [
        *found,
        _band(results, (INITIAL, "uniform"), (0.49, 0.57), "53 % (one draw)"),
        _band(results, (default, "uniform"), (0.61, 0.77), "74 % (one draw)"),
        _band(results, (default, "norm"), (0.61, 0.77), "74 % (one draw)"),
        _band(results, (strong, "uniform"), (0.80, 0.89), "82 % (one draw)"),
        _gain(results, default, 0.08),
        _gain(results, strong, 0.08),
    ]


def _frame(results: Results) -> pl.DataFrame:
    """One row per draw; the fits are remembered by `efficiency_of`."""
    parts = []
    for name, run, epoch in _sources(results):
        for options in _plans(results.scale, name):
            frame = efficiency_of(run, epoch, options)
            seed = pl.lit(run.config["seed"]).alias("seed")
            parts.append(frame.with_columns(pl.lit(name).alias("source"), seed))
    return pl.concat(parts, how="vertical_relaxed")


def _sources(results: Results) -> list[tuple[str, StoredRun, int | None]]:
    """Names of the wide networks, where they are stored, and their epochs."""
    found: list[tuple[str, StoredRun, int | None]] = []
    early = 1 if results.scale == "smoke" else EARLY
    for run in results.stored:
        penalty = run.config["readout_penalty"]
        if penalty == DEFAULT_PENALTY:
            found.append((INITIAL, run, 0))
        found.append((trained(penalty, early), run, early))
        found.append((trained(penalty, run.config["epochs"]), run, None))
    return sorted(found, key=lambda entry: entry[0] != INITIAL)


def _plans(scale: Scale, name: str) -> tuple[ResampleOptions, ...]:
    """What is drawn from a source; random first layers count as drawn at the start."""
    if scale == "smoke":
        plans = (SMOKE,)
    else:
        plans = (FEW,) if name.endswith(f"epoch {EARLY}") else (FEW, MANY)
    if name != INITIAL:
        return plans
    return tuple(
        dataclasses.replace(plan, sampling=("uniform",), random=RANDOM)
        for plan in plans
    )


def _summary(results: Results) -> pl.DataFrame:
    """Every way and k of each source; the interval is that of `_mean`."""
    parts = []
    for (name,), part in _frame(results).group_by("source", maintain_order=True):
        n_networks = part["seed"].n_unique()
        told = summarise(part)
        if n_networks > 1:
            kind = ["features", "k", "readout", "seed"]
            scores = pl.col("test_accuracy", "train_accuracy", "duplicates").mean()
            means = part.group_by(kind, maintain_order=True).agg(scores)
            told = told.with_columns(summarise(means).select("low", "high"))
        named = [pl.lit(n_networks).alias("networks"), pl.lit(name).alias("source")]
        parts.append(told.with_columns(named))
    return pl.concat(parts, how="vertical_relaxed")


def _accuracies(
    results: Results, source: str, way: str, k: int
) -> Float[np.ndarray, "networks draws"]:
    part = _frame(results).filter(
        (pl.col("source") == source) & (pl.col("features") == way) & (pl.col("k") == k)
    )
    by_network = part.sort("seed", maintain_order=True).partition_by("seed")
    return np.array([network["test_accuracy"].to_numpy() for network in by_network])


def _mean(
    values: Float[np.ndarray, "networks draws"],
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean and interval over networks, or over the draws of the only one.

    Draws of one network share its features, and are independent given these alone.
    """
    units = values.mean(axis=1) if len(values) > 1 else values.ravel()
    return mean_interval(units, within=within)


def _band(
    results: Results, drawn: tuple[str, str], band: tuple[float, float], printed: str
) -> Claim:
    source, way = drawn
    values = _accuracies(results, source, way, 10)
    low, high = band
    mean = _mean(values, within=(0, 1))
    return Claim(
        sentence=f"10 neurons, {source}, {way}: mean in [{low:g}, {high:g}]",
        published=printed,
        measured=f"{mean}, sd {values.std(ddof=1):.3f}, {_units(values)}",
        holds=mean.within(low, high),
    )


def _gain(results: Results, source: str, least: float) -> Claim:
    learned = _accuracies(results, source, "uniform", 10)
    random = _accuracies(results, INITIAL, "uniform", 10)
    gain = _mean(learned - random)
    return Claim(
        sentence=f"10 uniform draws, {source} minus initial: at least {least:g}",
        published="ours",
        measured=f"{gain}, {_units(learned)}, paired",
        holds=gain.within(least, 1),
    )


def _units(values: Float[np.ndarray, "networks draws"]) -> str:
    """What an interval is over."""
    n_networks, n_draws = values.shape
    if n_networks == 1:
        return f"over {n_draws} draws of one network"
    return f"over {n_networks} networks of {n_draws} draws"


def _beats_random(results: Results) -> Claim:
    """Features of the concentrating penalty against random ones of every law."""
    penalty = max(results.runs["readout_penalty"].to_list())
    epochs = max(results.runs["epochs"].to_list())
    source = trained(penalty, epochs)
    numbers = sorted(_frame(results)["k"].unique().to_list())
    gaps = {k: _gap(results, source, k) for k in numbers}
    text = ", ".join(f"k = {k}: {gap}" for k, gap in gaps.items())
    units = _units(_accuracies(results, source, "uniform", numbers[0]))
    holds = every(gap.lies(above=0) for gap in gaps.values())
    return Claim(
        sentence="features trained with the concentrating penalty beat random ones "
        "(best law) at every k",
        published="ours",
        measured=f"mean gain in test accuracy {text}, {units}",
        holds=holds if results.scale != "smoke" else None,
    )


def _gap(results: Results, source: str, k: int) -> Interval:
    """Uniform draws of a source minus the best law of random features."""
    learned = _accuracies(results, source, "uniform", k)
    ways = _frame(results)["features"].unique().sort().to_list()
    random = [_accuracies(results, INITIAL, way, k) for way in ways if "random" in way]
    best = max((r for r in random if len(r)), key=lambda values: values.mean())
    return _mean(learned - best)


REPRODUCTION = Reproduction(
    title="Accuracy against the number of neurons kept",
    source="notes of the reference implementation of arXiv 1910.11508",
    study="features",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
