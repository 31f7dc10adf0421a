"""The analysis `balance`: stored networks against the best rescaling of themselves."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...networks.two_layer import TwoLayer, check_homogeneous
from ...objectives.norms import path_norm
from ...objectives.power_penalties import PowerPenalty, minimal_penalty
from ...plots.figure import COLOURS, legend, panels
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject, networks_of
from .measures import (
    balance_residual,
    conserved,
    rebalance,
)
from .options import BalanceOptions


NORMS = ("epoch", "readout_norm", "weights_norm", "path_norm")
"""Records that say how balanced a run was along its epochs."""


def analyse(
    subjects: Sequence[Subject], options: BalanceOptions, progress: Progress = silent
) -> Findings:
    """Norms, residuals and the penalty before and after balancing.

    Raises:
        ConfigError: If a network is not two-layer and homogeneous.
    """
    subjects, networks, notes = networks_of(
        subjects, lambda each: check_homogeneous(each.network, "balance")
    )
    penalty = PowerPenalty(p=options.p, q=options.q, mu=options.mu, nu=options.nu)
    neurons = [_neurons(network, penalty) for network in networks]
    names = [subject.name for subject in subjects]
    tables = {"neurons": _named(names, neurons)}
    figures = {"neurons": _figure(names, neurons)}
    courses = [_along(subject, penalty) for subject in subjects]
    if all(course is not None for course in courses):
        tables["along"] = _named(names, [c for c in courses if c is not None])
        figures["along"] = _lines(tables["along"])
    summaries = []
    for done, network in enumerate(networks):
        progress(done, len(networks))
        summaries.append(_summary(network, penalty))
    summary = summaries[0]
    if len(names) > 1:
        summary = {
            f"{name}: {key}": value
            for name, found in zip(names, summaries, strict=True)
            for key, value in found.items()
        }
    return Findings(tables=tables, figures=figures, summary=summary, notes=notes)


def check(subject: Subject, options: BalanceOptions) -> None:
    """Refuse a network that is not two-layer and homogeneous."""
    del options
    check_homogeneous(subject.network, "balance")


def _neurons(network: TwoLayer, penalty: PowerPenalty) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "neuron": np.arange(network.readout.shape[0]),
            "readout_norm": np.linalg.norm(np.asarray(network.readout, float), axis=1),
            "weights_norm": np.linalg.norm(np.asarray(network.weights, float), axis=0),
            "conserved": np.asarray(conserved(network)),
            "residual": np.asarray(balance_residual(network, penalty).per_neuron),
        }
    )


def _summary(network: TwoLayer, penalty: PowerPenalty) -> dict[str, float]:
    return {
        "path norm": float(path_norm(network)),
        "penalty": float(penalty(network)),
        "penalty after balancing": float(penalty(rebalance(network, penalty))),
        "largest residual (0 is balanced)": float(
            balance_residual(network, penalty).maximum
        ),
    }


def _along(subject: Subject, penalty: PowerPenalty) -> pl.DataFrame | None:
    """The penalty at every record, and the least that rescaling could make of it."""
    metrics = subject.run.metrics
    if not set(NORMS) <= set(metrics.columns):
        return None
    records = metrics.select(NORMS).drop_nulls().drop_nans()
    readout, weights = records["readout_norm"], records["weights_norm"]
    paid = penalty.mu * readout**penalty.p + penalty.nu * weights**penalty.q
    least = [minimal_penalty(norm, penalty) for norm in records["path_norm"]]
    return pl.DataFrame(
        {
            "epoch": records["epoch"],
            "penalty": paid,
            "least_penalty": least,
            "excess": np.maximum(paid.to_numpy() / np.maximum(least, 1e-300) - 1, 0),
        }
    )


def _named(names: Sequence[str], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """All frames in one; the column `run` is there where there are several."""
    if len(frames) == 1:
        return frames[0]
    labelled = [
        frame.select(pl.lit(name).alias("run"), pl.all())
        for name, frame in zip(names, frames, strict=True)
    ]
    return pl.concat(labelled)


def _figure(names: Sequence[str], neurons: Sequence[pl.DataFrame]) -> Figure:
    figure, axes = panels(width=4.5, height=4.2, caption=f"runs {', '.join(names)}")
    most = 0.0
    for index, (name, frame) in enumerate(zip(names, neurons, strict=True)):
        inputs, outputs = (
            frame[c].to_numpy() for c in ("weights_norm", "readout_norm")
        )
        colour = COLOURS[index % len(COLOURS)]
        axes[0, 0].scatter(inputs, outputs, s=12, color=colour, label=name)
        most = max(most, inputs.max(initial=0), outputs.max(initial=0))
    axes[0, 0].plot([0, most], [0, most], color="0.5", linestyle=":")
    axes[0, 0].set_xlabel("norm of the input weights of a neuron")
    axes[0, 0].set_ylabel("norm of its output weights")
    axes[0, 0].set_title("On the dotted line a neuron is balanced for L2")
    if len(names) > 1:
        legend(axes[0, 0])
    return figure


def _lines(along: pl.DataFrame) -> Figure:
    """Penalty and what balancing would save, against epochs."""
    figure, axes = panels(1, 2, width=4.2, caption="dotted: the least over rescalings")
    runs = along.partition_by("run") if "run" in along.columns else [along]
    for index, run in enumerate(runs):
        colour = COLOURS[index % len(COLOURS)]
        label = run["run"][0] if "run" in run.columns else None
        epochs = run["epoch"]
        axes[0, 0].plot(epochs, run["penalty"], color=colour, label=label)
        axes[0, 0].plot(epochs, run["least_penalty"], color=colour, linestyle=":")
        # Rounding of float32 norms is the floor.
        excess = np.maximum(run["excess"].to_numpy(), 1e-8)
        axes[0, 1].plot(epochs, excess, color=colour)
    axes[0, 0].set_ylabel("penalty")
    axes[0, 1].set_ylabel("penalty over its least, minus 1")
    axes[0, 1].set_yscale("log")
    for panel in axes[0]:
        panel.set_xlabel("epoch")
    if len(runs) > 1:
        legend(axes[0, 0])
    return figure
