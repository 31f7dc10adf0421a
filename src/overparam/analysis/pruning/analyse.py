"""The analysis `prune`: stored networks at every pruning level."""

import contextlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...errors import ConfigError, DataError
from ...networks.files.named import NamedWeights, as_network
from ...networks.layers import inputs_first
from ...networks.network import Network
from ...objectives.losses import half_squared_error
from ...plots.curves import lettering
from ...plots.figure import COLOURS, panels
from ...report.differences import spreads
from ...report.values import shown
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..risk import loss_on
from ..subject import Subject, networks_of, titles
from .curves import PruningCurve, counts_for_error
from .limits import gaussian_column_ratio
from .networks import pruning_curves, pruning_ratios
from .options import PruneOptions
from .table import Row, pruning_rows


MOST_TOLD = 3
"""Fields in the legend that tell runs apart."""


def analyse(
    subjects: Sequence[Subject], options: PruneOptions, progress: Progress = silent
) -> Findings:
    """Ratios, and accuracies where the data are known, of every run at every level."""

    def curves_of(subject: Subject) -> dict[str, PruningCurve]:
        return pruning_curves(
            subject.weights, part=options.part, layers=options.patterns
        )

    subjects, curves, notes = networks_of(subjects, curves_of)
    networks = [subject.weights for subject in subjects]
    rows = []
    for subject in subjects:
        progress(len(rows), len(subjects))
        rows.append(_rows(subject, options, notes))
    configs = [subject.run.config for subject in subjects]
    common = set.intersection(*map(set, configs))
    varying = [s.name for s in spreads(configs) if s.varies and s.name in common]
    frame = pl.concat(
        [
            _labelled(subject, found, varying)
            for subject, found in zip(subjects, rows, strict=True)
        ],
        # Other studies give other types to fields of one name.
        how="diagonal_relaxed",
    )
    return Findings(
        tables={"pruning": frame},
        figures={
            "pruning": _figure(subjects, networks, curves, rows, options, varying)
        },
        summary={"runs": len(subjects), "part": options.part, "scope": options.scope},
        notes=notes,
    )


def check(subject: Subject, options: PruneOptions) -> None:
    """Refuse a network without a layer to prune."""
    pruning_curves(subject.weights, part=options.part, layers=options.patterns)


def _rows(subject: Subject, options: PruneOptions, notes: list[str]) -> list[Row]:
    network, parts, loss, exact = subject.weights, {}, half_squared_error, None
    try:
        network = subject.function()
        data = subject.data(options.dataset)
        parts = data.parts if data.train.y.size else {}
        loss = loss_on(subject, data.train.y, mean=True)
    except (ConfigError, DataError) as error:
        notes.append(f"Scores of {subject.title} are left out: {error}")
    with contextlib.suppress(ConfigError):
        risk = subject.teacher().risk
        risk(as_network(network))
        if options.dataset is None and not subject.has_other_data:
            exact = risk
        else:
            notes.append(
                f"Scores of {subject.title} are on other data than its own: the exact "
                "risk under its planted teacher is left out."
            )
    rows = pruning_rows(network, parts, options, loss=loss, risk=exact)
    if any(math.isnan(row["parameters_removed"]) for row in rows):
        why = "nothing says which layers its neurons feed"
        if options.part != "filter":
            why = f"parts of the kind {options.part} are no neurons"
        notes.append(f"`parameters_removed` of {subject.title} is not a number: {why}.")
    return rows


def _labelled(
    subject: Subject, rows: Sequence[Row], varying: Sequence[str]
) -> pl.DataFrame:
    run = subject.run
    labels = {name: run.config[name] for name in varying}
    # A column holds no lists of several lengths.
    labels |= {n: shown(v) for n, v in labels.items() if isinstance(v, list | dict)}
    named = [
        {"run": run.path.name, **labels}
        | {"criterion": "parameter-ratio" if row["by_ratio"] else "mce"}
        | {name: value for name, value in row.items() if name != "by_ratio"}
        for row in rows
    ]
    return pl.DataFrame(named)


def _figure(
    subjects: Sequence[Subject],
    networks: Sequence[Network | NamedWeights],
    curves: Sequence[Mapping[str, PruningCurve]],
    rows: Sequence[Sequence[Row]],
    options: PruneOptions,
    varying: Sequence[str],
) -> Figure:
    # What the networks are judged by: the best of what was measured of any.
    found = {name for each in rows for row in each for name in row}
    names = ("test_accuracy", "risk", "test_loss", "train_accuracy", "train_loss")
    score = next((name for name in names if name in found), None)
    caption = f"{titles(subjects)}; part: {options.part}, scope: {options.scope}"
    figure, axes = panels(1, 2 if score else 1, width=4.4, height=3.6, caption=caption)
    for index, subject in enumerate(subjects):
        colour = COLOURS[index % len(COLOURS)]
        label = _label(subject, varying) if index < len(COLOURS) else None
        _ratio_against_error(
            axes[0, 0], networks[index], curves[index], options, colour, label
        )
        if score:
            chosen = [row for row in rows[index] if row["by_ratio"] and score in row]
            axes[0, 1].plot(
                [row["pruning_ratio"] for row in chosen],
                [row[score] for row in chosen],
                color=colour,
                marker=".",
            )
    _gaussian_limit(axes[0, 0], curves[0], networks[0], options)
    axes[0, 0].set_xlabel("allowed relative squared error")
    axes[0, 0].set_ylabel("removed fraction of the hidden parameters")
    axes[0, 0].legend()
    if score:
        axes[0, 1].set_xlabel("removed fraction of the hidden parameters")
        axes[0, 1].set_ylabel(score.replace("_", " "))
    return figure


def _ratio_against_error(
    axes: Axes,
    network: Network | NamedWeights,
    curves: Mapping[str, PruningCurve],
    options: PruneOptions,
    colour: str,
    label: str | None,
) -> None:
    errors = np.linspace(0, 0.5, 51)
    ratios = [
        pruning_ratios(
            network,
            curves,
            counts_for_error(curves, eps, scope=options.scope),
            part=options.part,
        ).zeroed
        for eps in errors
    ]
    axes.plot(errors, ratios, color=colour, label=label)


def _gaussian_limit(
    axes: Axes,
    curves: Mapping[str, PruningCurve],
    network: Network | NamedWeights,
    options: PruneOptions,
) -> None:
    if options.part != "filter" or len(curves) != 1:
        return
    (name,) = curves
    fan_in = math.prod(inputs_first(network)[name].shape[:-1])
    errors = np.linspace(0, 0.5, 51)
    # Biases are counted and stay, so that all neurons are not all parameters.
    every = {name: len(curves[name])}
    most = pruning_ratios(network, curves, every, part=options.part).zeroed
    ratios = [most * gaussian_column_ratio(eps, fan_in=fan_in) for eps in errors]
    axes.plot(errors, ratios, ":", color="0.4", label="Gaussian weights")


def _label(subject: Subject, varying: Sequence[str]) -> str:
    """The run and the first fields in which it differs from the others."""
    config = subject.run.config
    told = [f"{name} {shown(config[name])}" for name in varying[:MOST_TOLD]]
    return lettering(": ".join([subject.name, *([", ".join(told)] if told else [])]))
