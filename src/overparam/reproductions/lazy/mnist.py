"""Ten classes of MNIST: a network beside everything that learns no features."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from ...plots.figure import COLOURS, panels
from ..reproduction import Claim, Reproduction, Results, Scale
from .values import interval


PREDICTORS = {
    "test_error": "network",
    "test_error_linear": "linearised network",
    "test_error_wide": "infinite width",
    "test_error_random": "random features, exact readout",
}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """One network on several seeds of its weights and batches."""
    sizes: dict[Scale, dict[str, Any]] = {
        "smoke": {"dataset": "digits", "n_train": 100, "width": 20, "n_steps": 30},
        "laptop": {"n_train": 2000, "width": 512, "n_steps": 2000},
        "paper": {"n_train": 10_000, "width": 4096, "n_steps": 20_000},
    }
    seeds = {"smoke": 2, "laptop": 3, "paper": 5}[scale]
    batches: dict[str, Any] = {"batch_size": 20 if scale == "smoke" else 100}
    common: dict[str, Any] = {"dataset": "mnist", "n_test": 10_000}
    common |= {"learning_rate": 1.0}
    common |= batches | sizes[scale]
    common |= {"evaluate_every": common["n_steps"] // 5}
    return [common | {"seed": seed} for seed in range(seeds)]


def figures(results: Results) -> Mapping[str, Figure]:
    """Test errors, a row for each predictor and a point for each seed."""
    first = results.runs.row(0, named=True)
    figure, axes = panels(
        width=6,
        height=2.6,
        caption=f"{first['dataset']}, {first['n_train']} training samples, width "
        f"{first['width']}, NTK parametrisation, {first['n_steps']} steps of "
        f"{first['batch_size']}; points are seeds, upright bars means, "
        "lines their 95 % intervals",
    )
    for row, column in enumerate(PREDICTORS):
        values = results.runs[column].drop_nulls().to_list()
        mean = interval(values, within=(0, 1))
        axes[0, 0].plot(values, [row] * len(values), ".", color=COLOURS[0])
        if values:
            axes[0, 0].plot([mean.estimate] * 2, [row - 0.25, row + 0.25], "k")
            axes[0, 0].plot([mean.low, mean.high], [row] * 2, "k", linewidth=0.8)
    axes[0, 0].set_yticks(range(len(PREDICTORS)), list(PREDICTORS.values()))
    axes[0, 0].set_ylim(len(PREDICTORS) - 0.5, -0.5)
    axes[0, 0].set_xlabel("test error")
    return {"mnist": figure}


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Mean test error with its interval over seeds."""
    rows = []
    for column, name in PREDICTORS.items():
        values = results.runs[column].drop_nulls().to_list()
        mean = interval(values, within=(0, 1))
        rows.append(
            {
                "predictor": name,
                "seeds": len(values),
                "test_error": mean.estimate,
                "low": mean.low,
                "high": mean.high,
            }
        )
    return {"mnist": pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """The network against each of the others, whatever comes out."""
    found = []
    for column, name in PREDICTORS.items():
        if column == "test_error":
            continue
        both = results.runs.select("test_error", column).drop_nulls()
        mean = interval((both["test_error"] - both[column]).to_list())
        errors = [
            interval(both[c].to_list(), within=(0, 1)) for c in ("test_error", column)
        ]
        found.append(
            Claim(
                sentence=f"the network errs less than: {name}",
                published="ours",
                measured=f"{errors[0]} against {errors[1]}, difference {mean}",
                holds=mean.lies(below=0) if results.scale != "smoke" else None,
            )
        )
    return found


REPRODUCTION = Reproduction(
    title="Ten classes of MNIST: network, linearised, infinite width, random features",
    source="ours, after Lee et al. 2019",
    study="lazy",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
