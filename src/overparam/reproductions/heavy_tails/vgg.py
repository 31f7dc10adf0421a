"""Heavy-tailed noise and filter pruning of VGG11 on CIFAR-10: Wan et al. 2024."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import mean_interval
from ...analysis.pruning.table import COLUMNS
from ...plots.curves import curves
from ...plots.figure import COLOURS, panels, shared_legend
from ..reproduction import Claim, Reproduction, Results, Scale
from .arms import by_ratio, matched_sigma


# Kernels start Gaussian with standard deviation sqrt(2 / (9 filters)), about 0.03 in
# the widest layers; noise that adds up to this scale is visible beside them.
ACCUMULATED_SCALE = 0.01
LEARNING_RATE = 0.05

ARMS: Mapping[str, Mapping[str, Any]] = {
    "no noise": {"noise": "none"},
    "per filter, alpha 1.75": {"noise": "isotropic", "alpha": 1.75},
    "per kernel, alpha 1.75": {
        "noise": "isotropic",
        "alpha": 1.75,
        "noise_unit": "kernel",
    },
    "Gaussian": {"noise": "isotropic", "alpha": 2.0},
}
CLEAN, FILTER, GAUSSIAN = "no noise", "per filter, alpha 1.75", "Gaussian"

SETTINGS: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {
        "network": "vgg11",
        "multiplier": 0.125,
        "n_train": 40,
        "n_test": 20,
        "batch_size": 20,
        "n_steps": 4,
        "evaluate_every": 4,
    },
    "laptop": {
        "network": "vgg11",
        "multiplier": 0.25,
        "n_train": 10_000,
        "n_test": 2000,
        "batch_size": 100,
        "n_steps": 300,
        "evaluate_every": 100,
    },
    "paper": {
        "network": "vgg11-wide",
        "batch_size": 100,
        "n_steps": 20_000,
        "evaluate_every": 500,
    },
}
SEEDS: Mapping[Scale, int] = {"smoke": 1, "laptop": 3, "paper": 5}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Every arm with the same seeds, steps and accumulated noise."""
    common: dict[str, Any] = {
        "dataset": "cifar-10",
        "learning_rate": LEARNING_RATE,
        "momentum": 0.9,
        "stop_when": "never",
        **SETTINGS[scale],
    }
    duration = LEARNING_RATE * (common["n_steps"] - 1)
    settings = []
    for arm in ARMS.values():
        own = {**common, **arm}
        if arm["noise"] != "none":
            own["sigma"] = matched_sigma(
                ACCUMULATED_SCALE, alpha=arm["alpha"], duration=duration
            )
        settings += [{**own, "seed": seed} for seed in range(SEEDS[scale])]
    return settings


def figures(results: Results) -> Mapping[str, Figure]:
    """Accuracy while training, and after removing filters."""
    first = results.runs.row(0, named=True)
    caption = (
        f"{first['network']}, multiplier {first['multiplier']:g}, CIFAR-10, batch "
        f"{first['batch_size']}, {first['n_steps']} steps of {LEARNING_RATE:g} with "
        f"momentum 0.9, noise of accumulated scale {ACCUMULATED_SCALE:g} on all "
        "convolutions but the first, isotropic per filter or per kernel; median and "
        "10-90 % band (left), mean after filters are removed (right), "
        f"{results.runs['seed'].n_unique()} seed(s)"
    )
    figure, axes = panels(1, 2, width=4.6, height=3.6, caption=caption)
    named = pl.concat(
        [_of(results.records, name).with_columns(noise=pl.lit(name)) for name in ARMS],
        how="vertical_relaxed",
    )
    # Records have the prefix where the summary has a column of the same name.
    curves(axes[0, 0], named, x="step", y="test_accuracy", by="noise")
    axes[0, 0].set_ylabel("test accuracy")
    for index, name in enumerate(sorted(ARMS)):
        paths = set(_of(results.runs, name)["path"])
        accuracies = np.array(
            [
                by_ratio(run)[:, COLUMNS.index("test_accuracy")]
                for run in results.stored
                if str(run.path) in paths
            ]
        )
        accuracies = accuracies[np.isfinite(accuracies).all(axis=1)]
        if not len(accuracies):
            continue
        accuracy = accuracies.mean(axis=0)
        fractions = np.linspace(0, 1, len(accuracy))
        axes[0, 1].plot(fractions, accuracy, color=COLOURS[index], label=name)
    axes[0, 1].set_xlabel("fraction of filters removed in each layer")
    axes[0, 1].set_ylabel("test accuracy")
    shared_legend(figure, axes[0, 1])
    return {"vgg": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Accuracies and ratios before and after pruning, one row per noise."""
    columns = ["train_accuracy", "test_accuracy", "pruning_ratio"]
    columns += ["test_accuracy_pruned"]
    rows = [
        _of(results.runs, name)
        .select(
            pl.lit(name).alias("noise"),
            pl.len().alias("seeds"),
            *(pl.col(column).mean() for column in columns),
        )
        .head(1)
        for name in ARMS
    ]
    return {"pruning": pl.concat(rows, how="vertical_relaxed")}


def claims(results: Results) -> Sequence[Claim]:
    """Whether noise raises the ratio for a convolutional network, and by its tail."""
    return [
        _more(results, FILTER, CLEAN, "noise raises the pruning ratio of VGG11"),
        _more(results, FILTER, GAUSSIAN, "a heavy tail raises it more"),
    ]


def _more(results: Results, first: str, second: str, sentence: str) -> Claim:
    pairs = _of(results.runs, first).join(
        _of(results.runs, second), on="seed", suffix="_second"
    )
    # A pair with a run that diverged has no difference.
    both = pairs["pruning_ratio"] - pairs["pruning_ratio_second"]
    found = both.drop_nulls().to_numpy()
    interval = mean_interval(found) if len(found) else None
    return Claim(
        sentence=sentence,
        published="noise raises it" if second == CLEAN else "ours",
        measured=f"difference {interval or 'not known'}, {len(found)} seed(s)",
        holds=interval.lies(above=0) if interval and len(found) > 2 else None,
    )


def _of(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    wanted = {"noise_unit": "filter"} | dict(ARMS[name])
    return frame.filter(*(pl.col(field) == value for field, value in wanted.items()))


REPRODUCTION = Reproduction(
    title="Heavy-tailed noise and filter pruning of VGG11 on CIFAR-10",
    source="Wan, Barsbey, Zaidi, Simsekli 2024, convolutional experiments",
    study="heavy-tails",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
