"""The analysis `tails`: tail indices of a stored network, with controls."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy import ndarray

from ...analysis.pruning_networks import squared_sizes
from ...analysis.tails import CHARACTERISTIC_POINTS, hill_plot, survival
from ...analysis.tails_gradient import gradient_noise
from ...analysis.tails_report import tail_report
from ...analysis.tails_spectrum import spectrum_exponent
from ...dynamics.descent import BatchLoss
from ...errors import ConfigError
from ...networks.layers import hidden_layers, parameters
from ...networks.network import Network
from ...plots.figure import COLOURS, panels
from ..analyses import Findings, Subject
from .losses import LOSSES
from .prune_analysis import data_of
from .tails_options import TailsOptions


def analyse(subjects: Sequence[Subject], options: TailsOptions) -> Findings:
    """Every estimator on every layer of one network.

    Raises:
        ConfigError: If a layer is too small or constant, or gradient noise is asked of
            a run without known data.
    """
    subject = subjects[0]
    network = subject.network
    names = hidden_layers(network, patterns=_split(options.layers))
    samples = _samples(subject, network, names, options)
    weights = parameters(network)
    spectra = {name: spectrum_exponent(np.asarray(weights[name])) for name in names}
    caption = f"{subject.title}: {options.of}"
    return Findings(
        tables={
            "tails": _table(samples, options),
            "spectrum": pl.DataFrame(
                [
                    {"layer": name, **dataclasses.asdict(fit)}
                    for name, fit in spectra.items()
                ]
            ),
        },
        figures={"tails": _figure(samples, caption)},
        summary={"of": options.of}
        | {f"spectrum_exponent of {n}": fit.exponent for n, fit in spectra.items()},
        notes=(
            "On stable samples with an index above 1.7 hill, dekkers and pickands are "
            "strongly biased; on other power tails the first four are wrong. Compare "
            "with `gaussian`, the same estimator on as many Gaussian values.",
        ),
    )


def _table(samples: Mapping[str, ndarray], options: TailsOptions) -> pl.DataFrame:
    rows = [
        {"layer": name, **dataclasses.asdict(found)}
        for name, sample in samples.items()
        for found in tail_report(
            sample,
            estimators=_split(options.estimators),
            n_resamples=options.n_resamples,
            level=options.level,
            seed=options.seed,
        )
    ]
    return pl.DataFrame(rows)


def _samples(
    subject: Subject,
    network: Network,
    names: Sequence[str],
    options: TailsOptions,
) -> dict[str, ndarray]:
    weights = parameters(network)
    if options.of == "entries":
        return {name: np.asarray(weights[name]).ravel() for name in names}
    if options.of == "column-norms":
        return {name: np.sqrt(squared_sizes(weights[name])) for name in names}
    data = data_of(subject)
    if data is None:
        raise ConfigError(
            f"The data of a run of {subject.run.study} are not known to this analysis; "
            "gradient-noise needs a run of heavy-tails."
        )
    found = gradient_noise(
        network,
        data.train,
        objective=BatchLoss(LOSSES[subject.run.config["loss"]]),
        batch_size=options.batch_size,
        key=jax.random.key(options.seed),
    )
    return {name: found[name] for name in names}


def _figure(samples: Mapping[str, ndarray], caption: str) -> Figure:
    figure, axes = panels(1, 3, width=3.9, height=3.4, caption=caption)
    for index, (name, sample) in enumerate(samples.items()):
        style = {"color": COLOURS[index % len(COLOURS)], "label": name}
        _draw(axes, sample, style)
    first = next(iter(samples.values()))
    control = np.random.default_rng(0).standard_normal(len(first))
    control *= np.median(np.abs(first)) / np.median(np.abs(control))
    _draw(axes, control, {"color": "0.4", "linestyle": ":", "label": "Gaussian"})
    axes[0, 0].set_xlabel("absolute value")
    axes[0, 0].set_ylabel("share of values at least as large")
    axes[0, 0].set_xlim(left=float(np.quantile(np.abs(first), 0.01)) or None)
    axes[0, 0].legend()
    axes[0, 1].set_xlabel("k largest values")
    axes[0, 1].set_ylabel("Hill index")
    axes[0, 1].set_ylim(0, 10)
    axes[0, 2].set_xlabel("log t")
    axes[0, 2].set_ylabel("log(-log |characteristic function|^2)")
    axes[0, 2].set_title("the slope is the tail index")
    return figure


def _draw(axes: ndarray, sample: ndarray, style: Mapping[str, Any]) -> None:
    values, shares = survival(sample)
    # Dense in the tail; a point for each of a million values would burst the file.
    chosen = values.size - np.unique(np.geomspace(1, values.size, 300).astype(int))
    axes[0, 0].loglog(values[chosen], shares[chosen], **style)
    axes[0, 1].semilogx(*hill_plot(sample), **style)
    axes[0, 2].plot(*_characteristic(sample), **style)


def _characteristic(sample: ndarray) -> tuple[ndarray, ndarray]:
    low, high = np.quantile(sample, [0.25, 0.75])
    scaled = 2 * (np.asarray(sample, float) - np.median(sample)) / (high - low)
    squares = [abs(np.exp(1j * t * scaled).mean()) ** 2 for t in CHARACTERISTIC_POINTS]
    return np.log(CHARACTERISTIC_POINTS), np.log(-np.log(np.asarray(squares)))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
