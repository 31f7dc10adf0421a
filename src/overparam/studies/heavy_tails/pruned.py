"""The pruning table of a network: every level with its ratios and accuracies."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Array, Float

from ...analysis.pruning import Metric, Scope, counts_for_error, counts_for_ratio
from ...analysis.pruning_accuracy import scores_after_pruning
from ...analysis.pruning_networks import Part, pruning_curves, pruning_ratios
from ...dynamics.losses import cross_entropy
from ...networks.network import Network
from .data import Data


ERRORS = (0.0, 0.01, 0.05, 0.1, 0.2)
"""Allowed relative errors of the table; 0.1 is that of the paper."""
RATIOS = tuple(tenth / 10 for tenth in range(11))
"""Fractions of columns of the table."""
SUMMARISED = 0.1
"""The allowed error whose row the summary repeats."""
COLUMNS = (
    "by_ratio",
    "level",
    "pruning_ratio",
    "pruning_ratio_with_readout",
    "pruning_ratio_legacy",
    "parameters_removed",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
)
"""Columns of the array `pruning` of a stored run, one row per level."""

Row = dict[str, float]


def pruning_rows(
    network: Network,
    data: Data | None,
    *,
    part: Part = "filter",
    metric: Metric = "squared",
    scope: Scope = "layer",
    layers: Sequence[str] = (),
    errors: Sequence[float] = ERRORS,
    ratios: Sequence[float] = RATIOS,
    loss: Callable[[Array, Array], Float[Array, ""]] = cross_entropy,
) -> list[Row]:
    """One row per level: by allowed error, then by fraction.

    Losses and accuracies are NaN without data.
    """
    curves = pruning_curves(network, part=part, layers=layers)
    by_error = [
        counts_for_error(curves, eps, metric=metric, scope=scope) for eps in errors
    ]
    by_ratio = [counts_for_ratio(curves, ratio, scope=scope) for ratio in ratios]
    levels = [*by_error, *by_ratio]
    names = [(0.0, eps) for eps in errors] + [(1.0, ratio) for ratio in ratios]
    rows = []
    for (kind, level), counts in zip(names, levels, strict=True):
        found = pruning_ratios(network, curves, counts, part=part)
        removed = float("nan") if found.removed is None else found.removed
        rows.append(
            {
                "by_ratio": kind,
                "level": level,
                "pruning_ratio": found.zeroed,
                "pruning_ratio_with_readout": found.zeroed_with_readout,
                "pruning_ratio_legacy": found.legacy,
                "parameters_removed": removed,
            }
        )
    if data is None:
        return rows
    for name, batch in (("train", data.train), ("test", data.test)):
        scores = scores_after_pruning(
            network, curves, levels, data=batch, part=part, loss=loss
        )
        for row, value, share in zip(rows, scores.loss, scores.accuracy, strict=True):
            row[f"{name}_loss"], row[f"{name}_accuracy"] = float(value), float(share)
    return rows


def summary_of(rows: Sequence[Row]) -> dict[str, Any]:
    """The row of the published level, under names of its own."""
    (row,) = [r for r in rows if (r["by_ratio"], r["level"]) == (0.0, SUMMARISED)]
    renamed = {
        "train_accuracy": "train_accuracy_pruned",
        "test_accuracy": "test_accuracy_pruned",
        "train_loss": "train_loss_pruned",
        "test_loss": "test_loss_pruned",
    }
    return {
        renamed.get(name, name): value
        for name, value in row.items()
        if name not in ("by_ratio", "level")
    }
