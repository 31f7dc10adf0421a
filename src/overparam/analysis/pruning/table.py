"""The pruning table of a network: every level with its ratios and accuracies."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.source import Batch
from ...networks.files.named import NamedWeights
from ...networks.network import Network
from ...objectives.labels import is_classes
from ...objectives.losses import Loss, cross_entropy
from .accuracy import scores_after_pruning
from .curves import counts_for_error, counts_for_ratio
from .networks import masked, pruning_curves, pruning_ratios
from .options import PruneOptions


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
    network: Network | NamedWeights,
    parts: Mapping[str, Batch],
    options: PruneOptions | None = None,
    *,
    loss: Loss = cross_entropy,
    risk: Callable[[Network], float] | None = None,
) -> list[Row]:
    """One row per level: by allowed error, then by fraction.

    Losses and accuracies are of the parts of the data that are given, `risk` is the
    exact risk of a network, where it is known; weights that are no network have none.
    """
    options = options or PruneOptions()
    part = options.part
    curves = pruning_curves(network, part=part, layers=options.patterns)
    metric, scope = options.metric, options.scope
    levels = [
        counts_for_error(curves, eps, metric=metric, scope=scope)
        for eps in options.errors
    ]
    levels += [counts_for_ratio(curves, ratio, scope=scope) for ratio in options.ratios]
    names = [(0.0, eps) for eps in options.errors]
    names += [(1.0, ratio) for ratio in options.ratios]
    rows = []
    for (kind, level), counts in zip(names, levels, strict=True):
        found = pruning_ratios(network, curves, counts, part=part)
        rows.append(
            {
                "by_ratio": kind,
                "level": level,
                "pruning_ratio": found.zeroed,
                "pruning_ratio_with_readout": found.zeroed_with_readout,
                "pruning_ratio_legacy": found.legacy,
                "parameters_removed": math.nan
                if found.removed is None
                else found.removed,
            }
        )
    if isinstance(network, NamedWeights):
        return rows
    for name, batch in parts.items():
        scores = scores_after_pruning(
            network, curves, levels, data=batch, part=part, loss=loss
        )
        for row, value, share in zip(rows, scores.loss, scores.accuracy, strict=True):
            row[f"{name}_loss"] = float(value)
            if is_classes(batch.y):
                row[f"{name}_accuracy"] = float(share)
    if risk is not None:
        for row, counts in zip(rows, levels, strict=True):
            row["risk"] = risk(masked(network, curves, counts, part=part))
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
