"""Figures 2 and 4 of Wang et al.: when a planted linear neuron is recovered."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import Interval, wilson
from ...plots.figure import COLOURS, legend, panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .figures import (
    BARS,
    caption,
    fitted_half,
    implied,
    phase_diagram,
    phase_grid,
    rates,
    ratio_curve,
    share_of,
    wendel_curve,
)


PLANTED = ("gaussian", "smallest-singular")
FARTHEST = 6
"""Largest n/d that is drawn: nothing changes beyond."""


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Gated minimum-norm programmes of skip networks, both planted directions."""
    return phase_grid(scale, [{"planted": planted} for planted in PLANTED])


def figures(results: Results) -> Mapping[str, Figure]:
    """Recovery and condition over n and d, and both against n/d."""
    text = (
        "Gated minimum-norm programme, skip network, Gaussian data, no noise. Right: "
        f"up to n = {FARTHEST}d, {BARS}."
    )
    figure, axes = panels(2, 3, caption=caption(results, text))
    for row, planted in enumerate(PLANTED):
        trials = results.runs.filter(pl.col("planted") == planted)
        recovered, condition = rates(trials), rates(trials, "condition_holds")
        for column, (cells, outcome, title) in enumerate(
            (
                (recovered, "recovered", "recovered"),
                (condition, "condition_holds", "NIC holds"),
            )
        ):
            phase_diagram(
                axes[row, column],
                cells,
                value="rate",
                title=f"{title} ({planted})",
                half=fitted_half(trials, outcome),
            )
        last = axes[row, 2]
        for colour, (cells, label) in zip(
            COLOURS,
            ((recovered, "recovered"), (condition, "NIC holds")),
            strict=False,
        ):
            shift = 0.03 if cells is condition else 0.0
            ratio_curve(last, cells, label=label, colour=colour, shift=shift)
        wendel_curve(last, recovered)
        last.set_xlim(0, FARTHEST + 0.1)
        last.set_xlabel("n / d")
        last.set_title(f"success rate ({planted})")
    shared_legend(figure, axes[0, 0])
    for last in axes[:, 2]:
        legend(last, loc="lower right", bbox_to_anchor=(1, 0.05))
    return {"recovery_phase": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Rates of every cell with Wilson intervals."""
    parts = []
    for planted in PLANTED:
        trials = results.runs.filter(pl.col("planted") == planted)
        for outcome in ("recovered", "condition_holds", "all_ones_pattern_exists"):
            part = rates(trials, outcome)
            named = [pl.lit(planted).alias("planted"), pl.lit(outcome).alias("outcome")]
            parts.append(part.select(*named, pl.all()))
    return {"rates": pl.concat(parts, how="vertical_relaxed")}


def claims(results: Results) -> Sequence[Claim]:
    """The transition lines, and the implications that hold in every trial."""
    decided = results.scale != "smoke"
    gaussian = results.runs.filter(pl.col("planted") == "gaussian")
    half = fitted_half(gaussian)
    found = [
        Claim(
            sentence="gated, random direction: the 50 % line is n = 2d",
            published="n = 2d (ours, from Wendel's formula)",
            measured=f"n/d = {half}" if half else "not fitted",
            holds=_is_two(half) if half and decided else None,
        ),
        *_paper_lines(results, decided=decided),
    ]
    # The condition implies recovery; recovery excludes an all-ones pattern.
    runs = results.runs
    condition = runs.filter(pl.col("condition_holds"))
    broken = condition.filter(~pl.col("recovered"))
    both = runs.filter(
        pl.col("recovered").fill_null(False) & pl.col("all_ones_pattern_exists")
    )
    implication = Claim(
        sentence="NIC implies recovery, which excludes an all-ones pattern (gated)",
        published="theorem",
        measured=(
            "not recovered with NIC "
            f"{told.rate(len(broken), len(condition), 'trial')}; {len(both)} recovered "
            "with an all-ones pattern"
        ),
        holds=not len(both) and implied(condition["recovered"]),
    )
    undecided = results.runs.filter(pl.col("verdict") == "undecided")
    decisions = Claim(
        sentence="every trial is decided by a certificate",
        published="ours",
        measured=f"undecided {told.rate(len(undecided), len(results.runs), 'trial')}",
        holds=not len(undecided),
    )
    return [*found, implication, decisions]


def _is_two(half: Interval) -> bool | None:
    """Whether a line is n = 2d: its interval holds it, and little else."""
    return half.low <= 2 <= half.high and (half.within(1.5, 2.5) or None)


def _paper_lines(results: Results, *, decided: bool) -> list[Claim]:
    ratio = pl.col("n_samples") / pl.col("input_dim")
    lines = []
    for planted in PLANTED:
        trials = results.runs.filter(pl.col("planted") == planted)
        for sentence, where, band in (
            ("success for n > 4d", ratio > 4, (0.9, 1)),
            ("failure for n < 2d", ratio < 2, (0, 0.1)),
        ):
            found = trials.filter(where)["recovered"]
            rate, share = _rate(found), share_of(found)
            lines.append(
                Claim(
                    sentence=f"{planted}: {sentence}",
                    published="with high probability",
                    measured=f"success rate {rate}" if rate else "no such cells",
                    holds=share.within(*band) if rate and decided else None,
                )
            )
    return lines


def _rate(recovered: pl.Series) -> Interval | None:
    known = recovered.drop_nulls()
    return wilson(int(known.sum()), len(known)) if len(known) else None


REPRODUCTION = Reproduction(
    title="Recovery of a planted linear neuron over n and d",
    source="Wang et al. 2022, Figures 2 and 4",
    study="recovery",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
