"""Every command of the reference's notes, with the accuracy it quotes beside ours."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import Interval, mean_interval
from ...analysis.resampling.options import ResampleOptions
from ...plots.figure import COLOURS, panels, shared_legend
from ...progress import counted
from ...store.read import StoredRun
from ...studies.features.config import Features
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .sources import KEPT, efficiency_of


WIDE = 10_000
SIZES: Mapping[Scale, Mapping[str, Any]] = {
    "smoke": {"dataset": "digits", "width": 24, "epochs": 2, "keep": "1,"},
    "laptop": {"dataset": "mnist", "width": 1000, "epochs": 20, "keep": KEPT},
    "paper": {"dataset": "mnist", "keep": "4,21"},
}
"""What a scale changes in every row: below `paper`, wide networks are 1000 wide."""
FROZEN: Mapping[str, Any] = {"train": "readout", "readout": "adam", "keep": ""}
DRAW = ResampleOptions(n_features=(10,), sampling=("squared",), random=())
"""The reference draws ten neurons by their squared importance; we, 20 times."""
STEPS = ("adam", "sgd")
"""It fits readouts by 100 epochs of Adam, later of SGD, at the rate 1e-3: done beside
the exact readouts where it prints what they reach."""
N_FIT: Mapping[Scale, int] = {"smoke": 300, "laptop": DRAW.n_fit, "paper": 55_000}
"""Images on which these are fitted; published are 55,000."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A training of the notes, and what they print of it."""

    numbers: str
    """Its numbers in the list of the notes."""
    fields: Mapping[str, Any]
    """Config fields at the published size."""
    printed: str = ""
    """Train / test accuracy, per cent."""
    least: float | None = None
    """Test accuracy from which the printed one counts as reached."""
    draws: Sequence["Ten"] = field(default=())
    """Draws of ten neurons out of it."""


@dataclass(frozen=True, kw_only=True)
class Ten:
    """Ten neurons drawn from a stored network, and a fresh readout."""

    number: str
    epoch: int | None = None
    """Epochs that its source was trained: the folders of the notes count from 0."""
    printed: str = ""
    band: tuple[float, float] | None = None
    """Band for the mean over draws; a printed number is a single draw."""


def _full(width: int = WIDE, **changes: Any) -> dict[str, Any]:
    return {"width": width, "epochs": 100, "seed": 1234} | changes


def _readout(width: int = WIDE, **changes: Any) -> dict[str, Any]:
    return _full(width, **FROZEN) | {"readout_penalty": 0.0} | changes


ROWS = (
    Row(numbers="1", fields=_readout(epochs=1000, decay=0.95)),
    Row(numbers="2", fields=_full(1000), printed="100 / 98", least=0.977),
    Row(numbers="3", fields=_full(100, readout_penalty=0.2)),
    Row(numbers="4", fields=_readout(), printed="98 / 96", draws=(Ten(number="5"),)),
    Row(numbers="6", fields=_readout(readout_penalty=0.1)),
    Row(
        numbers="7",
        fields=_readout(readout_penalty=0.01, feature_penalty=1e-4),
        draws=(Ten(number="8"),),
    ),
    Row(numbers="9, 19", fields=_full(readout_penalty=1.0), draws=(Ten(number="10"),)),
    Row(
        numbers="11, 17",
        fields=_full(readout_penalty=10.0),
        draws=(
            Ten(number="12, 13"),
            Ten(number="18", epoch=21, printed="82", band=(0.80, 0.89)),
        ),
    ),
    Row(
        numbers="14",
        fields=_full(),
        draws=(
            Ten(number="20", epoch=4, printed="77", band=(0.61, 0.77)),
            Ten(number="20", printed="74", band=(0.61, 0.77)),
        ),
    ),
    Row(
        numbers="15",
        fields=_readout(epochs=400, keep="100,"),
        draws=(Ten(number="21", epoch=100, printed="53", band=(0.49, 0.57)),),
    ),
    Row(numbers="16", fields=_readout(1000, epochs=500), printed="97 / 95", least=0.94),
    Row(
        numbers="22",
        fields=_readout(epochs=400, readout_penalty=0.1, first_all=4, keep="100,"),
        draws=(Ten(number="23", epoch=100, printed="75"),),
    ),
    Row(numbers="24", fields=_full(feature_penalty=1e-4, readout_penalty=1.0)),
    Row(numbers="25", fields=_readout(1000, readout_penalty=0.1, first_all=4)),
    Row(numbers="26", fields=_full(1000, seed=5555)),
)
SMOKE = ("2", "15")
PARTS = ("train", "test")
_COLUMNS: Mapping[str, Any] = {
    "number": pl.String,
    "draw_of": pl.String,
    "epoch": pl.Int64,
    "config": pl.String,
    "printed": pl.String,
    "train": pl.Float64,
    "test": pl.Float64,
    "half_width": pl.Float64,
    **{f"{name}_{part}": pl.Float64 for name in STEPS for part in PARTS},
}


def fields_of(row: Row, scale: Scale) -> Mapping[str, Any]:
    """The config of a row at a scale; epochs of the notes are kept at `paper` only."""
    sizes = dict(SIZES[scale])
    if row.fields["width"] < WIDE and "width" in sizes:
        sizes["width"] = min(sizes["width"], row.fields["width"])
    if "keep" in row.fields:
        sizes["keep"] = row.fields["keep"] if scale == "paper" else ""
    return {**row.fields, **sizes}


def rows_of(scale: Scale) -> Sequence[Row]:
    """The rows that a scale runs."""
    return [row for row in ROWS if scale != "smoke" or row.numbers in SMOKE]


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """One config for each distinct training; at a smaller scale some rows coincide."""
    distinct = {Features(**fields_of(row, scale)): row for row in rows_of(scale)}
    return [fields_of(row, scale) for row in distinct.values()]


_SERIES = (
    ("trained", "test", False, "o", COLOURS[0]),
    ("ten neurons, exact", "test", True, "s", COLOURS[1]),
    ("ten neurons, Adam", "adam_test", True, "^", COLOURS[2]),
    ("ten neurons, SGD", "sgd_test", True, "v", COLOURS[3]),
)
"""Label, column, whether of draws, marker and colour of what is ours."""


def figures(results: Results) -> Mapping[str, Figure]:
    """Test accuracy of every row with its interval over draws, beside the printed."""
    rows = _table(results).to_dicts()
    text = (
        f"{results.scale} scale; ten neurons: exact readouts, mean with 95 % over "
        f"{DRAW.n_draws} draws; Adam and SGD: readouts by {DRAW.epochs} epochs at "
        f"{DRAW.learning_rate:g}"
    )
    figure, axes = panels(1, 1, width=5, height=0.22 * len(rows) + 1.2, caption=text)
    axis = axes[0, 0]
    for label, column, drawn, marker, colour in _SERIES:
        found = [
            (100 * row[column], place, 100 * row["half_width"] * (column == "test"))
            for place, row in enumerate(rows)
            if bool(row["draw_of"]) == drawn and row[column] is not None
        ]
        if found:
            x, y, spread = zip(*found, strict=True)
            look = {"fmt": marker, "color": colour, "markersize": 5}
            # Empty, as some lie on others.
            axis.errorbar(x, y, xerr=spread, fillstyle="none", label=label, **look)
    printed = [
        (float(row["printed"].split("/")[-1]), place)
        for place, row in enumerate(rows)
        if row["printed"]
    ]
    axis.plot(*zip(*printed, strict=True), "kx", label="printed")
    shared_legend(figure, axis)
    axis.set_yticks(range(len(rows)), [_label(row) for row in rows], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("test accuracy, per cent")
    return {"notes": figure}


def _label(row: Mapping[str, Any]) -> str:
    drawn = f"ten of {row['draw_of']}" if row["draw_of"] else "trained"
    epoch = "" if row["epoch"] is None else f", epoch {row['epoch']}"
    return f"{row['number']}: {drawn}{epoch}"


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """One line per command: what it is, printed, train and test accuracy."""
    return {"notes": _table(results)}


def claims(results: Results) -> Sequence[Claim]:
    """The printed accuracies, each with the band it is compared with."""
    rows = {(r["number"], r["epoch"]): r for r in _table(results).to_dicts()}
    found = []
    for row in rows_of(results.scale):
        if row.printed:
            entry = rows[row.numbers, None]
            # A readout that descends for 20 epochs instead of 500 decides nothing.
            decides = row.least is not None and (
                results.scale == "paper" or row.fields.get("train") != "readout"
            )
            reached = entry["test"] >= row.least if decides else None
            aim = "" if row.least is None else f"at least {100 * row.least:g} %"
            found.append(_claim(f"row {row.numbers}", aim, row.printed, entry, reached))
        for ten in row.draws:
            if ten.printed:
                epoch = _epoch(row, ten, results.scale)
                entry, aim, inside = rows[ten.number, epoch], "", None
                if ten.band:
                    low, high = ten.band
                    aim = f"mean in [{100 * low:g}, {100 * high:g}] %"
                    inside = _interval(entry).within(low, high)
                name = f"row {ten.number}, ten neurons of row {row.numbers}"
                name += "" if epoch is None else f", epoch {epoch}"
                found.append(_claim(name, aim, ten.printed, entry, inside))
    if results.scale == "smoke":
        return [replace(claim, holds=None) for claim in found]
    return found


def _interval(entry: Mapping[str, Any]) -> Interval:
    """Of the mean over draws."""
    test, half = entry["test"], entry["half_width"]
    return Interval(estimate=test, low=test - half, high=test + half)


def _claim(
    name: str, aim: str, printed: str, entry: Mapping[str, Any], holds: bool | None
) -> Claim:
    """The test accuracy against its aim; without one there is nothing to decide."""
    measured = _pair(entry, "")
    if entry["draw_of"]:
        found = _interval(entry)
        measured = f"exact readout {measured}, test "
        measured += f"[{100 * found.low:.1f}, {100 * found.high:.1f}] over "
        measured += f"{counted(DRAW.n_draws, 'draw')} of one network"
        named = zip(("Adam", "SGD"), STEPS, strict=True)
        measured += "".join(f"; by {n} {_pair(entry, f'{s}_')}" for n, s in named)
    return Claim(
        sentence=f"{name}: test accuracy, {aim or 'beside the printed one'}",
        published=f"{printed} %" + (" (one draw)" if entry["draw_of"] else ""),
        measured=f"{measured}, train / test"
        + ("" if entry["draw_of"] else f" {told.ONE_RUN}"),
        holds=holds,
    )


def _pair(entry: Mapping[str, Any], prefix: str) -> str:
    return " / ".join(f"{100 * entry[prefix + part]:.1f}" for part in PARTS) + " %"


def _table(results: Results) -> pl.DataFrame:
    lines: list[dict[str, Any]] = []
    for row in rows_of(results.scale):
        wanted = Features(**fields_of(row, results.scale))
        run = next(run for run in results.stored if Features(**run.config) == wanted)
        shown = {"number": row.numbers, "draw_of": "", "epoch": None}
        accuracies = {
            "train": run.summary["train_accuracy"],
            "test": run.summary["test_accuracy"],
        }
        fields = fields_of(row, results.scale)
        default = Features()
        config = " ".join(
            f"{k}={v}" for k, v in fields.items() if getattr(default, k) != v
        )
        lines.append(
            {**shown, "config": config, "printed": row.printed, **accuracies}
            | {"half_width": 0.0}
        )
        lines += [_drawn(run, row, ten, results.scale) for ten in row.draws]
    return pl.DataFrame(lines, schema=_COLUMNS)


def _epoch(row: Row, ten: Ten, scale: Scale) -> int | None:
    """The epoch that is drawn from, or the last kept before it; none is the end."""
    config = Features(**fields_of(row, scale))
    if scale == "smoke" or ten.epoch is None or ten.epoch >= config.epochs:
        return None
    return max(kept for kept in config.kept_epochs if kept <= ten.epoch)


def _drawn(run: StoredRun, row: Row, ten: Ten, scale: Scale) -> dict[str, Any]:
    epoch = _epoch(row, ten, scale)
    squared = pl.col("features") == "squared"
    asked = replace(DRAW, n_fit=N_FIT[scale])
    found = efficiency_of(run, epoch, asked).filter(squared)
    test = mean_interval(found["test_accuracy"].to_numpy())
    by_steps: dict[str, float] = {}
    if ten.printed:
        fitted = efficiency_of(run, epoch, replace(asked, readout=STEPS))
        fitted = fitted.filter(squared)
        for optimiser, part in itertools.product(STEPS, PARTS):
            column = fitted.filter(readout=optimiser)[f"{part}_accuracy"]
            by_steps[f"{optimiser}_{part}"] = float(np.mean(column.to_numpy()))
    return {
        "number": ten.number,
        "draw_of": row.numbers,
        "epoch": epoch,
        "config": f"resample --n-features 10 --sampling squared of row {row.numbers}",
        "printed": ten.printed,
        "train": float(np.mean(found["train_accuracy"].to_numpy())),
        "test": test.estimate,
        "half_width": (test.high - test.low) / 2,
        **by_steps,
    }


REPRODUCTION = Reproduction(
    title="Every command of the notes, printed and measured",
    source="notes of the reference implementation of arXiv 1910.11508",
    study="features",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
