"""How the readout spreads over the neurons: histograms of its norms, epoch by epoch."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float
from matplotlib.figure import Figure

from ...analysis.intervals import mean_interval, wilson
from ...analysis.resampling.laws import effective_share
from ...analysis.shallow import readout_norms
from ...plots.figure import panels
from ...store.read import StoredRun
from ...studies.contract import as_subject
from ..reproduction import Claim, Reproduction, Results, Scale
from .sources import (
    CONCENTRATING_PENALTY,
    DEFAULT_PENALTY,
    SEEDS,
    caption,
    source,
    trained,
)


PENALTIES = (DEFAULT_PENALTY, CONCENTRATING_PENALTY)
N_SEEDS: Mapping[Scale, int] = {"smoke": 2, "laptop": 3, "paper": 6}
_BINS = 40


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """The sources of the other reproductions, over seeds."""
    return [
        source(scale, seed=seed, readout_penalty=penalty)
        for seed in SEEDS[: N_SEEDS[scale]]
        for penalty in PENALTIES
    ]


def figures(results: Results) -> Mapping[str, Figure]:
    """Norms divided by their mean, all seeds together: a row per penalty, by epoch."""
    histories = {
        penalty: _by_epoch(results, penalty)
        for penalty in sorted(results.runs["readout_penalty"].unique())
    }
    epochs = list(next(iter(histories.values())))
    text = caption(results, "readout norms of all neurons, divided by their mean")
    figure, axes = panels(len(histories), len(epochs), width=2.4, caption=text)
    for row, (penalty, history) in enumerate(histories.items()):
        for column, (epoch, norms) in enumerate(history.items()):
            axis = axes[row, column]
            axis.hist(norms, bins=_BINS, density=True)
            axis.axvline(1, color="0.4", lw=0.8)
            axis.set_title(trained(penalty, epoch).replace(", ", ",\n"))
            axis.set_xlabel("norm / mean norm")
        axes[row, 0].set_ylabel("density of neurons")
    return {"norms": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Share, spread and quantiles of the norms, a mean over seeds, at every epoch."""
    per_run = pl.DataFrame(list(_rows(results)), infer_schema_length=None)
    columns = [name for name in per_run.columns if name not in ("penalty", "epoch")]
    means = (pl.col(name).mean() for name in columns if name != "seed")
    summary = per_run.group_by("penalty", "epoch").agg(pl.len().alias("seeds"), *means)
    return {"norms": summary.sort("penalty", "epoch")}


def claims(results: Results) -> Sequence[Claim]:
    """The readout is spread, and a penalty of it spreads it further."""
    decided = results.scale != "smoke"
    last = pl.DataFrame(list(_rows(results)), infer_schema_length=None).filter(
        pl.col("epoch") == pl.col("epoch").max()
    )
    shares = {
        penalty: last.filter(pl.col("penalty") == penalty).sort("seed")["share"]
        for penalty in PENALTIES
    }
    told = {p: mean_interval(s.to_numpy(), within=(0, 1)) for p, s in shares.items()}
    weak, strong = (shares[penalty] for penalty in PENALTIES)
    more = int((strong > weak).sum())
    return [
        Claim(
            sentence=f"readout penalty {DEFAULT_PENALTY:g}: at the end the readout is "
            "spread over nine tenths of the neurons",
            published="ours: effective share .96 of the neurons",
            measured=f"effective share {told[DEFAULT_PENALTY]}",
            holds=bool((weak > 0.9).all()) if decided else None,
        ),
        Claim(
            sentence="a strong penalty of the readout spreads it further",
            published="ours: .993",
            measured=f"effective share {told[CONCENTRATING_PENALTY]}; larger at rate "
            f"{wilson(more, len(weak))} of seeds",
            holds=more == len(weak) if decided else None,
        ),
    ]


def _rows(results: Results) -> Iterator[Mapping[str, Any]]:
    for run in results.stored:
        for epoch, norms in _norms(run):
            low, middle, high = np.quantile(norms / norms.mean(), (0.05, 0.5, 0.95))
            yield {
                "penalty": run.config["readout_penalty"],
                "epoch": epoch,
                "seed": run.config["seed"],
                "share": effective_share(norms),
                "mean_norm": norms.mean(),
                "cv": norms.std() / norms.mean(),
                "q05": low,
                "q50": middle,
                "q95": high,
            }


def _by_epoch(
    results: Results, penalty: float
) -> dict[int, Float[np.ndarray, " neurons"]]:
    """Norms over their mean, of all runs with this penalty."""
    found: dict[int, list[np.ndarray]] = {}
    for run in results.stored:
        if run.config["readout_penalty"] == penalty:
            for epoch, norms in _norms(run):
                found.setdefault(epoch, []).append(norms / norms.mean())
    return {epoch: np.concatenate(parts) for epoch, parts in sorted(found.items())}


def _norms(run: StoredRun) -> Iterator[tuple[int, Float[np.ndarray, " neurons"]]]:
    """Readout norms at every kept epoch, and of the trained network."""
    subject = as_subject(run)
    for epoch, kept in subject.course().items():
        yield epoch, readout_norms(subject.at(kept))


REPRODUCTION = Reproduction(
    title="Histogram of the readout norms along training",
    source="notes of the reference implementation of arXiv 1910.11508",
    study="features",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
