"""The analysis `tails`: tail indices of a stored network, with controls."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from numpy import ndarray

from ...errors import ConfigError
from ...keys import seed_key
from ...networks.layers import is_readout
from ...objectives.batch_loss import BatchLoss
from ...plots.curves import lettering
from ...plots.figure import COLOURS, legend, panels
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..pruning.networks import layer_weights, squared_sizes
from ..risk import loss_on
from ..subject import Subject
from .estimators import CHARACTERISTIC_POINTS, MIN_SAMPLE, hill_plot, survival
from .gradient import gradient_noise
from .options import TailsOptions
from .report import TailIndex, tail_report
from .spectrum import spectrum_exponent, weightwatcher_alpha


BATCH_SIZE = 100
N_BATCHES = 10
"""Of gradient noise, where the options name no other."""

NEARLY_ZERO = 1e-6
"""Part of the 90 % quantile of absolute values below which a value is nearly 0.

A law with a density has next to none there, squares of Cauchy values 0.4 %."""
_FEW = 0.01

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class _Sample:
    """Values of a layer, and for each the label of its independent unit."""

    values: ndarray
    units: ndarray
    n_dead: int = 0
    """Values that were left out: zeros throughout a neuron, an input or a gradient."""


def _living(values: ndarray, units: ndarray, alive: ndarray) -> _Sample:
    """A sample without what is dead, which no law has drawn; all of it if all is."""
    if not alive.any():
        alive = ~alive
    kept = np.asarray(values, float)[alive]
    return _Sample(kept, units[alive], values.size - kept.size)


def analyse(
    subjects: Sequence[Subject], options: TailsOptions, progress: Progress = silent
) -> Findings:
    """Every estimator on every layer of one network; each one fails alone.

    Raises:
        ConfigError: If no layer has a tail index, or gradient noise is asked of a run
            without known data.
    """
    subject = subjects[0]
    weights = layer_weights(subject.weights, layers=_split(options.layers))
    samples = _samples(subject, weights, options)
    notes: list[str] = []
    dead = [
        f"`{name}`: {sample.n_dead} of {sample.n_dead + sample.values.size} values are "
        "left out, zeros of dead neurons or inputs: no law has drawn them."
        for name, sample in samples.items()
        if sample.n_dead
    ]
    dead += [told for each in samples.items() for told in _nearly_zero(*each)]
    reports = _each(samples, lambda sample: _report(sample, options), notes, progress)
    if not reports:
        raise ConfigError(f"No layer has a tail index: {notes[0]}")
    spectra = _each(weights, lambda matrix: [spectrum_exponent(matrix)], notes)
    exponents = {f"spectrum_exponent of {n}": f.exponent for n, [f] in spectra.items()}
    chosen = {name: samples[name].values for name in reports}
    tables = {"tails": _table(reports)} | (
        {"spectrum": _table(spectra)} if spectra else {}
    )
    if options.weightwatcher:
        alphas = _each(weights, weightwatcher_alpha, notes)
        exponents |= {f"WeightWatcher's alpha of {n}": a for n, a in alphas.items()}
        rows = {"layer": [*alphas], "alpha": [*alphas.values()]}
        tables["weightwatcher"] = pl.DataFrame(
            rows, {"layer": pl.String, "alpha": pl.Float64}
        )
    return Findings(
        tables=tables,
        figures={"tails": _figure(chosen, f"{subject.title}: {options.of}")},
        summary={"of": options.of} | exponents,
        notes=[*_notes(options), *dead, *notes],
    )


def check(subject: Subject, options: TailsOptions) -> None:
    """Refuse a network without such layers, or without the data of its gradients."""
    weights = layer_weights(subject.weights, layers=_split(options.layers))
    if options.of == "gradient-noise":
        subject.samples(1)
        return
    samples = _samples(subject, weights, options)
    if all(sample.values.size < MIN_SAMPLE for sample in samples.values()):
        name, first = next(iter(samples.items()))
        raise ConfigError(
            f"No layer has a tail index: `{name}`: A tail index needs at least "
            f"{MIN_SAMPLE} values, got {first.values.size}."
        )


def _each(
    layers: Mapping[str, Given],
    find: Callable[[Given], Found],
    notes: list[str],
    progress: Progress = silent,
) -> dict[str, Found]:
    """What is found in every layer; one where nothing is found adds a note."""
    found = {}
    for done, (name, given) in enumerate(layers.items()):
        progress(done, len(layers))
        try:
            found[name] = find(given)
        except ConfigError as error:
            notes.append(f"`{name}`: {error}")
    return found


def _report(sample: _Sample, options: TailsOptions) -> list[TailIndex]:
    return tail_report(
        sample.values,
        units=sample.units,
        estimators=_split(options.estimators),
        n_resamples=options.n_resamples,
        level=options.level,
        seed=options.seed,
    )


def _table(layers: Mapping[str, Sequence[Any]]) -> pl.DataFrame:
    rows = [
        {"layer": name, **dataclasses.asdict(found)}
        for name, several in layers.items()
        for found in several
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _notes(options: TailsOptions) -> list[str]:
    unit = {"entries": "neurons", "column-norms": "columns"}.get(options.of, "batches")
    return [
        "On stable samples with an index above 1.7 hill, dekkers and pickands are "
        "strongly biased; on other power tails the first four are wrong. Compare "
        "with `gaussian`, the same estimator on as many Gaussian values.",
        f"Intervals resample whole {unit}: they say how an index would move with other "
        f"{unit} of the same law in this network, not with another run.",
    ]


def _nearly_zero(name: str, sample: _Sample) -> list[str]:
    """That many values are so small that the sample is none of one law."""
    sizes = np.abs(sample.values)
    least = NEARLY_ZERO * float(np.quantile(sizes, 0.9)) if sizes.size else 0.0
    n_small = int(np.count_nonzero((sizes > 0) & (sizes < least)))
    if n_small <= _FEW * sizes.size:
        return []
    return [
        f"`{name}`: {n_small} of {sizes.size} values are nearly 0, below "
        f"{NEARLY_ZERO:g} of the 90 % quantile, as weight decay leaves them: no one "
        "law has drawn these and the others, and estimators that use all values, those "
        "of stable laws, take the two sizes for a heavy tail."
    ]


def _samples(
    subject: Subject, weights: Mapping[str, ndarray], options: TailsOptions
) -> dict[str, _Sample]:
    if options.of == "entries":
        return {
            name: _living(matrix, _neurons(name, matrix.shape), _in_use(matrix))
            for name, matrix in weights.items()
        }
    if options.of == "column-norms":
        norms = {name: np.sqrt(squared_sizes(w)) for name, w in weights.items()}
        return {n: _living(v, np.arange(v.size), v > 0) for n, v in norms.items()}
    n_batches = options.n_batches or N_BATCHES
    train = subject.data().train
    found = gradient_noise(
        subject.network,
        train,
        # A sum over a batch is no estimate of the sum over all samples.
        objective=BatchLoss(loss_on(subject, train.y, mean=True)),
        batch_size=options.batch_size or BATCH_SIZE,
        n_batches=n_batches,
        key=seed_key(options.seed),
    )
    noise = {name: found[name].reshape(n_batches, -1) for name in weights}
    # All entries of a batch's gradient see the same samples.
    batches = np.arange(n_batches)[:, None]
    return {
        name: _living(
            entries,
            np.broadcast_to(batches, entries.shape),
            np.broadcast_to((entries != 0).any(axis=0), entries.shape),
        )
        for name, entries in noise.items()
    }


def _in_use(matrix: ndarray) -> ndarray:
    """Which weights have an input and a neuron that are not 0 throughout."""
    used, axes = np.ones(matrix.shape, bool), range(matrix.ndim)
    for axis in axes[-2:]:
        others = tuple(other for other in axes if other != axis)
        used &= (matrix != 0).any(axis=others, keepdims=True)
    return used


def _neurons(name: str, shape: tuple[int, ...]) -> ndarray:
    """The neuron of every weight: its column, or its row of the readout.

    Whatever the noise, neurons of a layer share no random numbers; weights of a neuron
    may (`shared` and `isotropic` noise), and its gradients tie them in any case.
    """
    axis = -2 if is_readout(name) else -1
    labels = np.arange(shape[axis]).reshape(-1, *(1,) * (-axis - 1))
    return np.broadcast_to(labels, shape)


def _figure(samples: Mapping[str, ndarray], caption: str) -> Figure:
    figure, axes = panels(1, 3, width=3.9, height=3.4, caption=caption)
    for index, (name, sample) in enumerate(samples.items()):
        style = {"color": COLOURS[index % len(COLOURS)], "label": lettering(name)}
        _draw(axes, sample, style)
    first = next(iter(samples.values()))
    control = np.random.default_rng(0).standard_normal(first.size)
    if size := np.median(np.abs(first)):
        control *= size / np.median(np.abs(control))
    _draw(axes, control, {"color": "0.4", "linestyle": ":", "label": "Gaussian"})
    axes[0, 0].set_xlabel("absolute value")
    axes[0, 0].set_ylabel("share of values at least as large")
    axes[0, 0].set_xlim(left=float(np.quantile(np.abs(first), 0.01)) or None)
    legend(axes[0, 0])
    axes[0, 1].set_xlabel("k largest values")
    axes[0, 1].set_ylabel("Hill index, drawn up to 10")
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
    if np.count_nonzero(values) >= MIN_SAMPLE:
        axes[0, 1].semilogx(*hill_plot(sample), **style)
    low, high = np.quantile(sample, [0.25, 0.75])
    if low < high:
        scaled = 2 * (sample - np.median(sample)) / (high - low)
        means = [np.exp(1j * t * scaled).mean() for t in CHARACTERISTIC_POINTS]
        slopes = np.log(-2 * np.log(np.abs(means)))
        axes[0, 2].plot(np.log(CHARACTERISTIC_POINTS), slopes, **style)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
