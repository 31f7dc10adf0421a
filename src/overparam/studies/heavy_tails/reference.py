"""The table that the published analysis writes: its 20 columns in its units."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ...noise.ranges import KINDS
from ...store.read import StoredRun


COLUMNS = (
    "exp_key",
    "model",
    "dataset",
    "lr",
    "batch_size",
    "width",
    "depth",
    "seed",
    "iterations",
    "convergence_accuracy",
    "it_noise",
    "it_noise_alpha",
    "it_noise_scale",
    "criterion_ratio",
    "pruning_criterion",
    "train_loss",
    "train_acc",
    "test_loss",
    "test_acc",
    "pruning_ratio",
)
"""Columns in the published order; accuracies are percentages."""

MODELS = {"mlp": "fcn", "vgg11": "vgg11", "vgg11-wide": "vgg11_wide"}
"""The published names of the networks."""

SORTED_BY = ("model", "width", "lr", "it_noise", "it_noise_alpha", "it_noise_scale")


def reference_table(runs: Sequence[StoredRun], pruning: pl.DataFrame) -> pl.DataFrame:
    """Pruned runs of this study in the published form.

    Args:
        runs: Stored runs of heavy-tails.
        pruning: What the analysis `prune` found of them.
    """
    found = {run.path.name: run for run in runs}
    records = [
        {**_run_columns(found[row["run"]]), **_row_columns(row)}
        for row in pruning.to_dicts()
    ]
    return (
        pl.DataFrame(records, infer_schema_length=None)
        .select(COLUMNS)
        .sort(SORTED_BY, maintain_order=True)
    )


def _run_columns(run: StoredRun) -> dict[str, Any]:
    config = run.config
    never = config["stop_when"] == "never"
    noise = KINDS.index(config["noise"])
    is_target = config["stop_when"] == "target"
    return {
        "exp_key": run.path.name,
        "model": MODELS[config.get("network", "mlp")],
        "dataset": config["dataset"].replace("-", ""),
        "lr": float(config["learning_rate"]),
        "batch_size": config["batch_size"] or -1,
        "width": config["width"],
        "depth": config["depth"],
        "seed": config["seed"],
        "iterations": config["n_steps"] if never else -1,
        "convergence_accuracy": (
            100 * config["target_train_accuracy"] if is_target else -1.0
        ),
        "it_noise": noise,
        "it_noise_alpha": float(config["alpha"]) if noise else 0.0,
        "it_noise_scale": float(config["sigma"]) if noise else 0.0,
    }


def _row_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    # Level 0 means the network as it is, where ours removes columns of zeros.
    unpruned = row["level"] == 0
    return {
        "criterion_ratio": row["level"],
        "pruning_criterion": row["criterion"].replace("-", "_"),
        # Without the data of the run there are no scores.
        "train_loss": row.get("train_loss", math.nan),
        "train_acc": 100 * row.get("train_accuracy", math.nan),
        "test_loss": row.get("test_loss", math.nan),
        "test_acc": 100 * row.get("test_accuracy", math.nan),
        "pruning_ratio": 0.0 if unpruned else row["pruning_ratio"],
    }
