"""The analysis `resample`: how few neurons of a wide network are enough."""

import dataclasses
from collections.abc import Iterable, Sequence

import jax.numpy as jnp
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.source import Batch
from ...data.train_test import TrainTest
from ...errors import ConfigError
from ...memory import Need, check_memory
from ...networks.activations import ACTIVATIONS
from ...networks.biased import Biased
from ...networks.network import Network
from ...networks.two_layer import TwoLayer
from ...networks.view import TwoLayerView
from ...plots.figure import COLOURS, MARKERS, TEN_COLOURS, logarithmic, panels
from ...readouts.feature_cache import StoredFeatures, cache_features
from ...training.plan import Progress, silent
from ..declaration import Findings
from ..shallow import Shallow, feature_moments, shallow_at_rest
from ..subject import Subject
from .efficiency import Splits, efficiency, sampling_errors, summarise
from .options import ResampleOptions
from .refit import Sample, fit_sample


N_ERROR_INPUTS = 2000
"""Inputs over which the error of the corrected readout is averaged."""


def analyse(
    subjects: Sequence[Subject], options: ResampleOptions, progress: Progress = silent
) -> Findings:
    """Draw, refit and score neurons of one stored network.

    Raises:
        ConfigError: If more neurons are to be drawn than there are, or the network is
            zero on the data.
    """
    (subject,) = subjects
    network, data = _neurons(subject, options)
    _checked(network, data, options)
    told = []
    if options.random and not _has_first_layer(network):
        told = [
            "There are no random features to compare with: they have no first layer."
        ]
        options = dataclasses.replace(options, random=())
    x = data.train.x
    drawn = ("`n_features`", max(options.n_features))
    rows = ("`n_fit`", min(options.n_fit, len(x)))
    check_memory(
        Need("drawn neurons", [("inputs", network.weights.shape[0]), drawn], 4, 2),
        Need("their values on the samples", [rows, drawn]),
        Need("the draws", [("`n_draws`", options.n_draws), drawn], 8, 2),
    )
    moments = feature_moments(network, x[: options.n_fit])
    varying = int(np.count_nonzero(moments.std > 0))
    notes = [*told, *_notes(len(moments.std), varying, data, options)]
    errors = sampling_errors(network, x[:N_ERROR_INPUTS], options)
    notes += _unseen(errors)
    tables, figures = {}, {"error": error_figure(errors, subject.title)}
    networks: dict[str, Network] = {}
    scored = _scored(data)
    if scored is not None:
        fit = fit_sample(Sample(*data.train), options.n_fit)
        splits = Splits(fit, Sample(*scored))
        found = efficiency(network, splits, options, progress)
        frame = found.frame
        if options.keep_networks:
            networks = {n: _alone(drawn) for n, drawn in found.networks.items()}
        table = summarise(frame)
        tables |= {"accuracy": table, "draws": frame}
        caption = (
            f"{subject.title}, width {network.weights.shape[1]}; "
            f"{_readouts(options)} on {len(splits.fit.y)} samples, ridge "
            f"{options.ridge:g}; mean and 95 % interval over {options.n_draws} draws"
        )
        figures["accuracy"] = accuracy_figure(table, caption)
    tables["error"] = errors
    return Findings(tables=tables, figures=figures, notes=notes, networks=networks)


def check(subject: Subject, options: ResampleOptions) -> None:
    """Refuse a network without neurons to draw, or without inputs for it."""
    _checked(*_neurons(subject, options), options)


def _checked(network: Shallow, data: TrainTest, options: ResampleOptions) -> None:
    """Refuse to keep networks where there will be none."""
    if not options.keep_networks:
        return
    if not _has_first_layer(network):
        raise ConfigError(
            "`keep_networks` needs neurons of a first layer: those of a deeper network "
            "are no network of its inputs."
        )
    if _scored(data) is None:
        raise ConfigError(
            "`keep_networks` needs data with classes: without, no readout is fitted."
        )
    _alone(network)


def _alone(network: Shallow) -> Network:
    """Drawn neurons as a network.

    Raises:
        ConfigError: If they are radial.
    """
    if not isinstance(network, TwoLayerView):
        return network
    plain = network.plain()
    return Biased(plain) if network.biased else plain


def _neurons(subject: Subject, options: ResampleOptions) -> tuple[Shallow, TrainTest]:
    """The neurons to draw from, with the data they take.

    Of a deeper network these are its last features, which take themselves.
    """
    data = subject.data(options.dataset)
    found = shallow_at_rest(subject.at(options.epoch), data.train.x)
    if isinstance(found, Shallow):
        return found, data
    parts = []
    for part in data.parts.values():
        features = cache_features(found, part.x)
        if not isinstance(features, StoredFeatures):
            raise ConfigError(
                f"The last features of {len(part.x)} samples need more memory than is "
                "given to features; analyse a run on fewer samples."
            )
        parts.append(Batch(features.values, part.y))
    width = found.readout.shape[0]
    last = TwoLayer(
        weights=jnp.eye(width, dtype=found.readout.dtype),
        readout=found.readout,
        activation="linear",
        scale=found.scale,
    )
    return last, TrainTest(*parts, n_classes=data.n_classes)


def _has_first_layer(network: Shallow) -> bool:
    return network.activation in ACTIVATIONS and network.activation != "linear"


def _scored(data: TrainTest) -> Batch | None:
    """The samples that score fitted readouts; without classes none is fitted."""
    return None if data.n_classes is None else data.test


def _notes(
    width: int, varying: int, data: TrainTest, options: ResampleOptions
) -> list[str]:
    """What was asked for and is not there; a draw that cannot be made is refused."""
    too_many = [k for k in options.n_features if k > varying]
    listed = ", ".join(map(str, too_many))
    if too_many and options.method == "without-replacement":
        raise ConfigError(
            f"{varying} of the {width} neurons vary on the data: without replacement "
            f"`n_features` can be at most that, got {listed}."
        )
    n_fit = len(data.train.x)
    fitted = _scored(data) is not None
    missing = "classes" if data.n_classes is None else "test samples"
    told = {
        f"{width - varying} constant features were kept out of the draws.": (
            varying < width
        ),
        f"There is no top-k of {listed} features: {varying} vary.": (
            fitted and bool(too_many)
        ),
        f"Without {missing} no readout is fitted: the error is that of the corrected "
        "one.": not fitted,
        f"The readout is solved on the {n_fit} training samples there are.": (
            fitted and n_fit < options.n_fit
        ),
        "The error without refit is that of draws with replacement.": (
            options.method != "with-replacement"
        ),
    }
    return [sentence for sentence, holds in told.items() if holds]


def _unseen(errors: pl.DataFrame) -> list[str]:
    """Where most of the error is that of neurons too rare for the draws."""
    hidden = errors.filter(pl.col("unseen") > pl.col("predicted") / 2)
    told = [
        f"{kind} at k = {', '.join(map(str, part['k']))}"
        for (kind,), part in hidden.group_by("sampling", maintain_order=True)
    ]
    if not told:
        return []
    return [
        "Most of the error without refit is that of neurons too rare for the draws "
        f"({'; '.join(told)}): `predicted` is exact and counts them, `monte_carlo` "
        "misses them, and its interval reaches up to them."
    ]


def _readouts(options: ResampleOptions) -> str:
    """How readouts are fitted, for a caption."""
    exact = ["exact logistic readout"] if "logistic" in options.readout else []
    names = " and ".join(name for name in options.readout if name != "logistic")
    steps = f"{options.epochs} epochs of {names} at {options.learning_rate:g}"
    return ", ".join([*exact, steps] if names else exact)


def accuracy_figure(table: pl.DataFrame, caption: str) -> Figure:
    """Test accuracy against the number of features, a line per way of drawing."""
    readouts = table["readout"].unique(maintain_order=True).to_list()
    ways = table["features"].unique(maintain_order=True)
    number, width = len(readouts), 6 if len(readouts) == 1 else 4
    figure, axes = panels(1, number, width=width, height=4, caption=caption)
    for axis, readout in zip(axes[0], readouts, strict=True):
        draw_accuracy(axis, table.filter(pl.col("readout") == readout), ways)
        axis.set_title(readout if number > 1 else "")
    lows, highs = zip(*(axis.get_ylim() for axis in axes[0]), strict=True)
    for axis in axes[0]:
        axis.set_ylim(min(lows), max(highs))
    axes[0, 0].legend()
    return figure


def draw_accuracy(axis: Axes, table: pl.DataFrame, ways: Iterable[str]) -> None:
    """Mean and interval of every way of drawing, which a marker tells apart too."""
    for index, way in enumerate(ways):
        part = table.filter(pl.col("features") == way).sort("k")
        colour = TEN_COLOURS[index % len(TEN_COLOURS)]
        x = part["k"].to_numpy()
        axis.plot(
            x,
            part["test"],
            "--" if way.startswith("random") else "-",
            color=colour,
            label=way,
            marker=MARKERS[index % len(MARKERS)],
            markersize=5,
        )
        low, high = (part[side].cast(pl.Float64).to_numpy() for side in ("low", "high"))
        axis.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
        axis.vlines(x, low, high, color=colour, alpha=0.5, linewidth=1)
    axis.set_xscale("log")
    axis.set_xlabel("number of features k")
    axis.set_ylabel("test accuracy")


def error_figure(errors: pl.DataFrame, caption: str) -> Figure:
    """Predicted (lines) and Monte Carlo (dots) error of the corrected readout."""
    caption += "; importance-corrected, no refit; lines: predicted, dots: drawn"
    figure, axes = panels(width=6, height=4, caption=caption)
    for index, kind in enumerate(errors["sampling"].unique(maintain_order=True)):
        part = errors.filter(pl.col("sampling") == kind)
        colour = COLOURS[index % len(COLOURS)]
        axes[0, 0].plot(part["k"], part["predicted"], color=colour, label=kind)
        axes[0, 0].plot(part["k"], part["monte_carlo"], "o", color=colour)
    axes[0, 0].set_xscale("log")
    logarithmic(axes[0, 0])
    axes[0, 0].set_xlabel("number of features k")
    axes[0, 0].set_ylabel("relative mean squared error")
    axes[0, 0].legend()
    return figure
