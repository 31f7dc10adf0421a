"""Do two over-parameterised networks learn the same distribution of neurons?"""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.comparison.analyse import analyse
from ...analysis.comparison.options import CompareOptions
from ...analysis.intervals import Interval
from ...keeping import moments
from ...plots.figure import COLOURS, panels, shared_legend
from ...store.read import StoredRun
from ...studies.contract import as_subject
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale, every
from .sources import CONCENTRATING_PENALTY, DEFAULT_PENALTY, SEEDS, caption, source


SPACES = ("raw", "preactivation", "function", "joint")
WIDTHS = {"smoke": (20,), "laptop": (250,), "paper": (250, 2000, 4000)}
"""Further widths, two seeds each."""
N_SEEDS = {"smoke": 2, "laptop": 3, "paper": 6}
RESOLUTION = 0.01
"""Largest effect size that counts as none: a hundredth of the distance travelled."""


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Seeds of the default training, one of the concentrating one, other widths."""
    seeds = SEEDS[: N_SEEDS[scale]]
    default = {"readout_penalty": DEFAULT_PENALTY}
    found = [source(scale, seed=seed, **default) for seed in seeds]
    strong = source(scale, seed=SEEDS[0], readout_penalty=CONCENTRATING_PENALTY)
    others = [
        source(scale, seed=seed, width=width, **default)
        for width in WIDTHS[scale]
        for seed in SEEDS[:2]
    ]
    return [*found, strong, *others]


def figures(results: Results) -> Mapping[str, Figure]:
    """Distance between seeds and to the start along training, with the null band."""
    frame = _along_training(results)
    text = caption(results, "uniform weights; band: 95 % of the permutation null")
    figure, axes = panels(1, len(SPACES), width=3.0, height=3.0, caption=text)
    for axis, space in zip(axes[0], SPACES, strict=True):
        part = frame.filter(pl.col("representation") == space).sort("epoch")
        x = part["epoch"].to_numpy()
        away = part["travelled"].cast(pl.Float64).to_numpy()
        axis.plot(x, away, color=COLOURS[0], marker=".", label="to own start")
        axis.plot(x, part["mmd"], color=COLOURS[1], marker=".", label="between seeds")
        null = part["null_95"].to_numpy()
        axis.fill_between(x, -null, null, color="0.7", alpha=0.5, linewidth=0)
        # A power of ten, or ticks of the linear part lie upon each other.
        linear = 10.0 ** np.ceil(np.log10(2 * null.max()))
        axis.set_yscale("symlog", linthresh=linear)
        axis.set_title(space)
        axis.set_xlabel("epoch")
    axes[0, 0].set_ylabel("squared distance (unbiased)")
    shared_legend(figure, axes[0, 0])
    return {"distribution": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """All pairs of seeds, other widths, the control, and the curve over epochs."""
    base = _seeds(results)[:2]
    frames = [_distances(*base, None, results.scale)]
    widths = [pl.lit(base[0].config["width"])]
    for width in WIDTHS[results.scale]:
        pair = _runs(results, readout_penalty=DEFAULT_PENALTY, width=width)
        frames.append(_distances(pair[0], pair[1], None, results.scale))
        widths.append(pl.lit(width))
    named = (
        frame.with_columns(width.alias("width"))
        for frame, width in zip(frames, widths, strict=True)
    )
    return {
        "pairs": _pairs(results),
        "control": _control(results),
        "widths": pl.concat(named, how="vertical_relaxed"),
        "epochs": _along_training(results),
    }


def claims(results: Results) -> Sequence[Claim]:
    """The two seeds of the reference, both tails, and the power of the test."""
    pair = _distances(*_seeds(results)[:2], None, results.scale)
    decided = results.scale != "smoke"
    found = [_same(pair, space, decided) for space in ("raw", "preactivation")]
    return [
        *found,
        _repulsion(pair, decided),
        _control_claim(_control(results), decided),
        _rank(_pairs(results), decided),
    ]


def _same(pair: pl.DataFrame, space: str, decided: bool) -> Claim:
    row = _row(pair, space)
    # Without a measurable distance travelled there is no effect size, and no verdict.
    rho, effect = row["rho"], None
    if rho is not None:
        low, high = (row[end] / row["travelled"] for end in ("low", "high"))
        effect = Interval(estimate=rho, low=low, high=high)
        effect = effect.within(-RESOLUTION, RESOLUTION)
    holds = row["p_upper"] >= 0.01 and effect
    return Claim(
        sentence=f"seeds 1234 and 5555 are not told apart ({space}): p >= .01 and "
        f"effect at most {RESOLUTION:g} of the distance travelled",
        published="left open",
        measured=f"p = {row['p_upper']:.3f}, M2 = {_distance(row)}, "
        + ("no ratio" if rho is None else f"ratio {rho:.1e}"),
        holds=holds if decided else None,
    )


def _repulsion(pair: pl.DataFrame, decided: bool) -> Claim:
    row = _row(pair, "function")
    return Claim(
        sentence="as functions, neurons of two networks are closer than independent "
        "samples of one law: neurons of one network repel each other",
        published="ours",
        measured=f"M2 = {_distance(row)}, {row['mmd'] / row['null_std']:.1f} null "
        f"standard deviations, lower p = {row['p_lower']:.3f}",
        holds=_significant(row["p_lower"], row["p_upper"]) if decided else None,
    )


def _control_claim(control: pl.DataFrame, decided: bool) -> Claim:
    rows = [_row(control, space) for space in SPACES]
    text = ", ".join(
        f"{r['representation']} {_distance(r)} (p {r['p_upper']:.3f})" for r in rows
    )
    return Claim(
        sentence="a network trained with the concentrating penalty differs in every "
        "representation (the test has power)",
        published="ours",
        measured=text,
        holds=every(_significant(r["p_upper"], r["p_lower"]) for r in rows)
        if decided
        else None,
    )


def _significant(p: float, p_opposite: float) -> bool | None:
    """Whether a test says so or the opposite; significant in neither, it is open."""
    return True if p <= 0.01 else False if p_opposite <= 0.01 else None


def _rank(pairs: pl.DataFrame, decided: bool) -> Claim:
    part = pairs.filter(pl.col("representation") == "preactivation")
    values = part["mmd"].to_numpy()
    rank = int(np.sum(values >= values[0]))
    return Claim(
        sentence="the pair (1234, 5555) is not the most distant of all pairs of seeds "
        "(preactivation)",
        published="ours",
        measured=f"rank {rank} of {len(values)} from above "
        + told.without_interval("a rank"),
        holds=rank > 1 if decided and len(values) > 1 else None,
    )


def _distance(row: Mapping[str, Any]) -> str:
    return f"{row['mmd']:.2e} [{row['low']:.1e}, {row['high']:.1e}]"


def _row(frame: pl.DataFrame, space: str) -> dict[str, Any]:
    return frame.filter(pl.col("representation") == space).row(0, named=True)


def _runs(results: Results, **wanted: Any) -> list[StoredRun]:
    return [
        run
        for run in results.stored
        if all(run.config[name] == value for name, value in wanted.items())
    ]


def _seeds(results: Results) -> list[StoredRun]:
    width = max(run.config["width"] for run in results.stored)
    if results.scale != "smoke":
        width = 1000
    return _runs(results, readout_penalty=DEFAULT_PENALTY, width=width)


def _pairs(results: Results) -> pl.DataFrame:
    """Every pair of seeds; the first is the reference's."""
    pairs = itertools.combinations(_seeds(results), 2)
    return pl.concat(
        [_distances(a, b, None, results.scale) for a, b in pairs],
        how="vertical_relaxed",
    )


def _control(results: Results) -> pl.DataFrame:
    base = _seeds(results)[0]
    (strong,) = _runs(results, readout_penalty=CONCENTRATING_PENALTY)
    return _distances(base, strong, None, results.scale)


def _along_training(results: Results) -> pl.DataFrame:
    base = _seeds(results)[:2]
    config = base[0].config
    epochs = [0, *moments(config["keep"], config["epochs"]), config["epochs"]]
    return pl.concat(
        (
            _distances(*base, epoch, results.scale).with_columns(
                pl.lit(epoch).alias("epoch")
            )
            for epoch in epochs
        ),
        how="vertical_relaxed",
    )


@functools.lru_cache(maxsize=128)
def _distances(
    a: StoredRun, b: StoredRun, epoch: int | None, scale: Scale
) -> pl.DataFrame:
    """What `overparam analyse A B compare` finds; computed once per process."""
    options = CompareOptions(epoch=epoch, weighting=("uniform",), halves=False)
    if scale == "smoke":
        options = dataclasses.replace(
            options, n_permutations=99, n_bootstrap=20, n_probes=50, n_inputs=200
        )
    return analyse([as_subject(a), as_subject(b)], options).tables["distances"]


REPRODUCTION = Reproduction(
    title="Do two over-parameterised networks learn the same neurons?",
    source="open question in the notes behind arXiv 1910.11508",
    study="features",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
