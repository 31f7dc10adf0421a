"""Figures 6, 7 and 18 to 21 of Wang et al.: noise and designs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ...analysis.intervals import median_interval
from ...plots.figure import panels
from ..reproduction import Claim, Reproduction, Results, Scale
from .figures import caption, phase_diagram, phase_grid, rates, stacked


NOISES = (0.0, 0.05, 0.1, 0.2)
DESIGNS = ("gaussian", "cubic", "whitened-gaussian", "whitened-cubic")


def noise_grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Every noise level on Gaussian data."""
    return phase_grid(scale, [{"noise": noise} for noise in NOISES])


def design_grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Every design without noise."""
    return phase_grid(scale, [{"design": design} for design in DESIGNS])


def noise_figures(results: Results) -> Mapping[str, Figure]:
    """Distance to the planted weights and test error over n and d."""
    text = (
        "Gated minimum norm, skip network, Gaussian data; means over trials of the "
        "largest distance of an optimum to the planted weights, and of the test error."
    )
    figure, axes = panels(2, len(NOISES), width=3.4, caption=caption(results, text))
    for column, noise in enumerate(NOISES):
        cells = _means(results.runs.filter(pl.col("noise") == noise))
        for row, (value, title) in enumerate(
            (("distance_high", "distance"), ("test_error", "test error (RMS)"))
        ):
            top = 1.0 if value == "distance_high" else _top(results.runs, value)
            phase_diagram(
                axes[row, column],
                cells,
                value=value,
                top=top,
                title=f"{title}, noise {noise:g}",
            )
    return {"recovery_noise": figure}


def design_figures(results: Results) -> Mapping[str, Figure]:
    """Recovery over n and d for every design."""
    text = "Gated minimum norm, skip network, random linear neuron, no noise."
    figure, axes = panels(1, len(DESIGNS), width=3.4, caption=caption(results, text))
    for column, design in enumerate(DESIGNS):
        cells = rates(results.runs.filter(pl.col("design") == design))
        phase_diagram(axes[0, column], cells, value="rate", title=design)
    return {"recovery_designs": figure}


def noise_tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Mean distance and test error of every cell."""
    return {"distances": stacked(_means, results.runs, by="noise", values=NOISES)}


def design_tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Rates of every cell and design."""
    return {"rates": stacked(rates, results.runs, by="design", values=DESIGNS)}


def noise_claims(results: Results) -> Sequence[Claim]:
    """Above the line the distance is of the order of the noise."""
    ratio = pl.col("n_samples") / pl.col("input_dim")
    far = results.runs.filter(ratio >= 4)
    parts, quotients = [], []
    for noise in NOISES[1:]:
        values = far.filter(pl.col("noise") == noise)["distance_high"]
        found = median_interval((values / noise).to_list())
        quotients.append(found.estimate)
        parts.append(f"{noise:g}: {found}")
    return [
        Claim(
            sentence="n >= 4d: the distance is at most 4 times the noise level",
            published="O(noise)",
            measured="median distance / noise at " + ", ".join(parts),
            holds=max(quotients) <= 4 if results.scale != "smoke" else None,
        )
    ]


def design_claims(results: Results) -> Sequence[Claim]:
    """Recovery with every design far above the line."""
    found = []
    ratio = pl.col("n_samples") / pl.col("input_dim")
    for design in DESIGNS:
        above = results.runs.filter((pl.col("design") == design) & (ratio >= 4))
        rate = float(np.mean(above["recovered"].fill_null(False).to_numpy()))
        found.append(
            Claim(
                sentence=f"{design}: recovered for n >= 4d",
                published="with high probability",
                measured=f"rate {rate:.3g} over {len(above)} trials",
                holds=rate >= 0.9 if results.scale != "smoke" else None,
            )
        )
    return found


def _means(trials: pl.DataFrame) -> pl.DataFrame:
    return (
        trials.group_by("n_samples", "input_dim")
        .agg(pl.col("distance_high").mean(), pl.col("test_error").mean())
        .sort("input_dim", "n_samples")
    )


def _top(trials: pl.DataFrame, value: str) -> float:
    """A common end of the colour scale: the 90 % quantile of all trials."""
    found = np.nanquantile(trials[value].cast(pl.Float64).to_numpy(), 0.9)
    return float(max(found, 1e-12))


NOISE = Reproduction(
    title="Distance and test error under label noise",
    source="Wang et al. 2022, Figures 7, 19-21",
    study="recovery",
    grid=noise_grid,
    figures=noise_figures,
    tables=noise_tables,
    claims=noise_claims,
)

DESIGN = Reproduction(
    title="Recovery for four distributions of the inputs",
    source="Wang et al. 2022, Figures 6, 18",
    study="recovery",
    grid=design_grid,
    figures=design_figures,
    tables=design_tables,
    claims=design_claims,
)
