"""Width against accuracy: random first layers against full training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import mean_interval
from ...plots.figure import COLOURS, panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .sources import caption, source


RIDGE = 1e-4
"""Penalty of the exact readouts, the best of the document's path at width 1000."""
WIDTHS = {
    "smoke": (12, 24),
    "laptop": (100, 300, 1000, 3000, 10_000),
    "paper": (100, 300, 1000, 3000, 10_000),
}
LARGEST_TRAINED = {"smoke": 24, "laptop": 1000, "paper": 10_000}
SEEDS = {"smoke": (0,), "laptop": (1234,), "paper": (1234, 5555, 1, 2, 3)}

# Printed in the notes of the reference implementation: train / test, per cent.
PRINTED = {
    ("random", 10_000): "98 / 96",
    ("random", 1000): "97 / 95",
    ("all", 1000): "100 / 98",
}

NAMES = {
    ("all", "logistic"): "all layers trained (Adam)",
    ("readout", "logistic"): "random features, exact logistic readout",
    ("readout", "ridge"): "random features, exact ridge readout",
    ("readout", "adam"): "random features, Adam readout",
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Random features with every readout, and full training, over widths and seeds."""
    epochs = {"smoke": 2, "laptop": 20, "paper": 100}[scale]
    found: list[Mapping[str, Any]] = []
    for seed in SEEDS[scale]:
        for width in WIDTHS[scale]:
            if width <= LARGEST_TRAINED[scale]:
                found.append(source(scale, width=width, seed=seed))
                penalties = {"readout_penalty": 0.0}
                frozen = _frozen(scale, width=width, seed=seed, epochs=epochs)
                found.append(frozen | {"readout": "adam"} | penalties)
            for readout in ("logistic", "ridge"):
                frozen = _frozen(scale, width=width, seed=seed, ridge=RIDGE)
                found.append(frozen | {"readout": readout})
    return found


def figures(results: Results) -> Mapping[str, Figure]:
    """Accuracy against width on a log axis, with the printed numbers as crosses."""
    printed = {} if results.scale == "smoke" else PRINTED
    text = caption(results, f"ridge {RIDGE:g}" + "; crosses: printed" * bool(printed))
    figure, axes = panels(1, 2, width=4.6, height=3.8, caption=text)
    frame = _means(results)
    for axis, split in zip(axes[0], ("train", "test"), strict=True):
        for index, (kind, name) in enumerate(NAMES.items()):
            part = _of(frame, kind).sort("width")
            colour = COLOURS[index]
            x, y = part["width"].to_list(), part[f"{split}_accuracy"].to_list()
            axis.plot(x, y, marker=".", color=colour, label=name)
        for (_, width), pair in printed.items():
            value = float(pair.split("/")[split == "test"]) / 100
            axis.plot(width, value, "kx", zorder=5)
        axis.set_xscale("log")
        axis.set_xlabel("width m")
        axis.set_ylabel(f"{split} accuracy")
    shared_legend(figure, axes[0, 1])
    return {"random": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Accuracies and time by width and kind."""
    return {"accuracy": _means(results)}


def claims(results: Results) -> Sequence[Claim]:
    """The three printed pairs, and what exact readouts reach."""
    full = _values(results, ("all", "logistic"), 1000)
    narrow = _values(results, ("readout", "logistic"), 1000)
    wide = _values(results, ("readout", "logistic"), 10_000)
    widths = [w for w in WIDTHS[results.scale] if w <= LARGEST_TRAINED[results.scale]]
    gains = {width: _gains(results, width) for width in widths}
    text = ", ".join(f"{width}: {told.mean(each)}" for width, each in gains.items())
    beats = every(_lies_above(each, 0) for each in gains.values())
    return [
        _pair(
            "full training at width 1000: test at least 98 %", full, 0.98, "100 / 98"
        ),
        _pair(
            "random features, width 1000: test at least 94.5 %",
            narrow,
            0.945,
            "97 / 95",
        ),
        _pair(
            "random features, width 10,000: test at least 96.5 %",
            wide,
            0.965,
            "98 / 96",
        ),
        Claim(
            sentence="full training beats the exact readout of random features at "
            "every width",
            published="98 against 95 at 1000",
            measured=f"test accuracy gained at width {text}",
            holds=beats if results.scale != "smoke" else None,
        ),
    ]


def _pair(sentence: str, found: pl.DataFrame, least: float, printed: str) -> Claim:
    if not len(found):
        return Claim(
            sentence=sentence, published=printed, measured="not run", holds=None
        )
    train = mean_interval(found["train_accuracy"].to_numpy())
    test = mean_interval(found["test_accuracy"].to_numpy())
    return Claim(
        sentence=sentence,
        published=f"{printed} % (train / test)",
        measured=f"{100 * train.estimate:.2f} / {100 * test.estimate:.2f} %"
        + (
            f", test [{100 * test.low:.2f}, {100 * test.high:.2f}]"
            if len(found) > 1
            else f" {told.ONE_RUN}"
        ),
        holds=_lies_above(found["test_accuracy"].to_list(), least),
    )


def _lies_above(values: Sequence[float], least: float) -> bool | None:
    """Whether a mean does, with its interval over seeds; a single value by itself."""
    if len(values) == 1:
        return values[0] >= least
    return mean_interval(values).within(least, np.inf)


def _gains(results: Results, width: int) -> list[float]:
    """Test accuracy that training all layers adds to exact readouts, by seed."""
    trained, drawn = (
        _values(results, (train, "logistic"), width).sort("seed")["test_accuracy"]
        for train in ("all", "readout")
    )
    return (trained - drawn).to_list()


def _frozen(scale: Scale, **changes: Any) -> dict[str, Any]:
    dataset = "digits" if scale == "smoke" else "mnist"
    return {"dataset": dataset, "train": "readout"} | changes


def _of(frame: pl.DataFrame, kind: tuple[str, str]) -> pl.DataFrame:
    train, readout = kind
    return frame.filter((pl.col("train") == train) & (pl.col("readout") == readout))


def _values(results: Results, kind: tuple[str, str], width: int) -> pl.DataFrame:
    return _of(results.runs, kind).filter(pl.col("width") == width)


def _means(results: Results) -> pl.DataFrame:
    return (
        results.runs.group_by("train", "readout", "width")
        .agg(
            pl.len().alias("seeds"),
            pl.col("train_accuracy").mean().alias("train_accuracy"),
            pl.col("test_accuracy").mean().alias("test_accuracy"),
        )
        .sort("train", "readout", "width")
    )


REPRODUCTION = Reproduction(
    title="Random against learned features: accuracy against width",
    source="notes of the reference implementation of arXiv 1910.11508",
    study="features",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
