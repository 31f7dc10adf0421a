"""Figures 6, 7 and 18 to 21 of Wang et al.: noise and designs."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import panels, shared_legend
from .. import told
from ..reproduction import Claim, Reproduction, Results, Scale
from .figures import (
    NOISES,
    caption,
    noise_claim,
    noise_diagrams,
    noise_table,
    phase_diagram,
    phase_grid,
    rates,
    share_of,
    stacked,
)


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
    text = caption(results, text)
    return {
        "recovery_noise": noise_diagrams(results.runs, error="test_error", text=text)
    }


def design_figures(results: Results) -> Mapping[str, Figure]:
    """Recovery over n and d for every design."""
    text = "Gated minimum norm, skip network, random linear neuron, no noise."
    figure, axes = panels(1, len(DESIGNS), width=3.4, caption=caption(results, text))
    for column, design in enumerate(DESIGNS):
        cells = rates(results.runs.filter(pl.col("design") == design))
        phase_diagram(axes[0, column], cells, value="rate", title=design)
    shared_legend(figure, axes[0, 0])
    return {"recovery_designs": figure}


def noise_tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Mean distance and test error of every cell."""
    return {"distances": noise_table(results.runs)}


def design_tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Rates of every cell and design."""
    return {"rates": stacked(rates, results.runs, by="design", values=DESIGNS)}


def noise_claims(results: Results) -> Sequence[Claim]:
    """Above the line the distance is of the order of the noise."""
    return [noise_claim(results, results.runs)]


def design_claims(results: Results) -> Sequence[Claim]:
    """Recovery with every design far above the line."""
    found = []
    ratio = pl.col("n_samples") / pl.col("input_dim")
    for design in DESIGNS:
        above = results.runs.filter((pl.col("design") == design) & (ratio >= 4))
        known = above["recovered"].drop_nulls()
        share = share_of(above["recovered"])
        counts = told.rate(int(known.sum()), len(known), "trial")
        if open_ones := len(above) - len(known):
            counts += f", {open_ones} more not decided"
        found.append(
            Claim(
                sentence=f"{design}: recovered for n >= 4d",
                published="with high probability",
                measured=counts,
                holds=share.within(0.9, 1) if results.scale != "smoke" else None,
            )
        )
    return found


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
