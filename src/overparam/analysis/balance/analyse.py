"""The analysis `balance`: stored networks against the best rescaling of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...errors import ConfigError
from ...networks.convolutional.vgg import VGG
from ...networks.deep import MLP
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...objectives.norms import path_norm
from ...objectives.power_penalties import PowerPenalty, minimal_penalty
from ...plots.curves import told_apart
from ...plots.figure import COLOURS, legend, logarithmic, panels, whole_ticks
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..subject import Subject, networks_of, titles
from .layers import balanced, deep_penalty, hidden_layers_of
from .measures import (
    balance_residual,
    conserved,
    homogeneous_neurons,
    rebalance,
)
from .options import BalanceOptions


NORMS = ("step", "readout_norm", "weights_norm", "path_norm")
"""Records that say how balanced a run was along its training."""


@dataclass(frozen=True)
class _Balance:
    """How balanced one network is."""

    neurons: pl.DataFrame
    summary: Mapping[str, float]


def analyse(
    subjects: Sequence[Subject], options: BalanceOptions, progress: Progress = silent
) -> Findings:
    """Norms, residuals and the penalty before and after balancing.

    Raises:
        ConfigError: If a network is not homogeneous.
    """
    told = []

    def look(subject: Subject) -> _Balance:
        progress(len(told), len(subjects))
        told.append(subject)
        return _balance(subject.network, options)

    subjects, found, notes = networks_of(subjects, look)
    names = [subject.name for subject in subjects]
    frames = [each.neurons for each in found]
    tables = {"neurons": _named(names, frames)}
    labels = told_apart([subject.run.config for subject in subjects]) or names
    caption = titles(subjects)
    figures = {"neurons": _figure(labels, frames, caption)}
    courses = [_along(subject, options) for subject in subjects]
    if all(course is not None for course in courses):
        tables["along"] = _named(names, [c for c in courses if c is not None])
        figures["along"] = _lines(labels, tables["along"], caption)
    summary = found[0].summary
    if len(names) > 1:
        summary = {
            f"{name}: {key}": value
            for name, each in zip(names, found, strict=True)
            for key, value in each.summary.items()
        }
    return Findings(tables=tables, figures=figures, summary=summary, notes=notes)


def check(subject: Subject, options: BalanceOptions) -> None:
    """Refuse a network whose neurons cannot be rescaled."""
    del options
    if _is_deep(subject.network):
        hidden_layers_of(subject.network)
    else:
        _neurons(subject.network)


def _is_deep(network: Network) -> bool:
    return isinstance(network, VGG) or (
        isinstance(network, MLP) and len(network.layers) > 1
    )


def _neurons(network: Network) -> TwoLayer:
    neurons = homogeneous_neurons(network, "balance")
    if not len(neurons.readout):
        raise ConfigError("The network has no neurons: there is none to balance.")
    return neurons


def _penalty(options: BalanceOptions) -> PowerPenalty:
    return PowerPenalty(p=options.p, q=options.q, mu=options.mu, nu=options.nu)


def _balance(network: Network, options: BalanceOptions) -> _Balance:
    if _is_deep(network):
        return _deep_balance(network, options)
    neurons, penalty = _neurons(network), _penalty(options)
    residual = balance_residual(neurons, penalty)
    frame = {
        "neuron": np.arange(neurons.readout.shape[0]),
        "readout_norm": np.linalg.norm(np.asarray(neurons.readout, float), axis=1),
        "weights_norm": np.linalg.norm(np.asarray(neurons.weights, float), axis=0),
        "conserved": np.asarray(conserved(neurons)),
        "residual": np.asarray(residual.per_neuron),
    }
    summary = {
        "path norm": float(path_norm(neurons)),
        "penalty": float(penalty(neurons)),
        "penalty after balancing": float(penalty(rebalance(neurons, penalty))),
        "largest residual (0 is balanced)": float(residual.maximum),
    }
    return _Balance(pl.DataFrame(frame), summary)


def _deep_balance(network: Network, options: BalanceOptions) -> _Balance:
    """The same of every hidden layer; what comes out of a unit is its readout."""
    if not options.p == options.q == 2:
        raise ConfigError(
            f"Deep networks are balanced for squared norms: `p` and `q` must be 2, got "
            f"{options.p:g} and {options.q:g}."
        )
    mu, nu = options.mu, options.nu
    layers = hidden_layers_of(network)
    # Only the last hidden layer lies between weights of two coefficients.
    ratios = [1.0] * (len(layers) - 1) + [mu / nu]
    residuals = [x.residual(ratio) for x, ratio in zip(layers, ratios, strict=True)]
    frames = [
        pl.DataFrame(
            {
                "layer": [layer.name] * len(residual),
                "neuron": np.arange(len(residual)),
                "readout_norm": layer.outgoing,
                "weights_norm": layer.incoming,
                "conserved": layer.outgoing**2 - layer.incoming**2,
                "residual": residual,
            }
        )
        for layer, residual in zip(layers, residuals, strict=True)
    ]
    least = deep_penalty(balanced(network, mu=mu, nu=nu), mu=mu, nu=nu)
    summary = {
        "penalty": deep_penalty(network, mu=mu, nu=nu),
        "penalty after balancing": least,
        "largest residual (0 is balanced)": max(float(r.max()) for r in residuals),
    }
    return _Balance(pl.concat(frames, how="vertical_relaxed"), summary)


def _along(subject: Subject, options: BalanceOptions) -> pl.DataFrame | None:
    """The penalty along a run, and the least that rescaling could make of it.

    That of every record, or of every kept network where none has the norms.
    """
    metrics, penalty = subject.run.metrics, _penalty(options)
    if set(NORMS) <= set(metrics.columns):
        records = metrics.select(NORMS).drop_nulls().drop_nans()
        moments = [subject.moment(step) for step in records["step"]]
        readout, weights = records["readout_norm"], records["weights_norm"]
        paid = penalty.mu * readout**penalty.p + penalty.nu * weights**penalty.q
        paid = paid.to_numpy()
        least = [minimal_penalty(norm, penalty) for norm in records["path_norm"]]
    elif len(course := subject.course()) > 1:
        moments = list(course)
        found = [
            _balance(subject.at(kept), options).summary for kept in course.values()
        ]
        paid = np.array([summary["penalty"] for summary in found])
        least = [summary["penalty after balancing"] for summary in found]
    else:
        return None
    return pl.DataFrame(
        {
            subject.unit: moments,
            "penalty": paid,
            "least_penalty": least,
            "excess": np.maximum(paid / np.maximum(least, 1e-300) - 1, 0),
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
    return pl.concat(labelled, how="diagonal_relaxed")


def _figure(
    labels: Sequence[str], neurons: Sequence[pl.DataFrame], caption: str
) -> Figure:
    figure, axes = panels(width=4.5, height=4.2, caption=caption)
    most = 0.0
    for index, (label, frame) in enumerate(zip(labels, neurons, strict=True)):
        inputs, outputs = (
            frame[c].to_numpy() for c in ("weights_norm", "readout_norm")
        )
        colour = COLOURS[index % len(COLOURS)]
        axes[0, 0].scatter(inputs, outputs, s=12, color=colour, label=label)
        most = max(most, inputs.max(initial=0), outputs.max(initial=0))
    axes[0, 0].plot([0, most], [0, most], color="0.5", linestyle=":")
    axes[0, 0].set_xlabel("norm of the input weights of a neuron")
    axes[0, 0].set_ylabel("norm of its output weights")
    axes[0, 0].set_title("On the dotted line a neuron is balanced for L2")
    if len(neurons) > 1:
        legend(axes[0, 0])
    return figure


def _lines(labels: Sequence[str], along: pl.DataFrame, caption: str) -> Figure:
    """Penalty and what balancing would save, along the training."""
    caption += "; dotted: the least over rescalings"
    figure, axes = panels(1, 2, width=4.2, caption=caption)
    several = "run" in along.columns
    runs = along.partition_by("run", maintain_order=True) if several else [along]
    units = [unit for unit in ("epoch", "step") if unit in along.columns]
    for index, (label, run) in enumerate(zip(labels, runs, strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        # Runs of several studies may count epochs or steps.
        moments = next(run[unit] for unit in units if not run[unit].null_count())
        axes[0, 0].plot(moments, run["penalty"], color=colour, label=label)
        axes[0, 0].plot(moments, run["least_penalty"], color=colour, linestyle=":")
        # Rounding of float32 norms is the floor.
        excess = np.maximum(run["excess"].to_numpy(), 1e-8)
        axes[0, 1].plot(moments, excess, color=colour)
    axes[0, 0].set_ylabel("penalty")
    axes[0, 1].set_ylabel("penalty over its least, minus 1")
    logarithmic(axes[0, 1])
    for panel in axes[0]:
        panel.set_xlabel(" or ".join(units))
        whole_ticks(panel)
    if several:
        legend(axes[0, 0])
    return figure
