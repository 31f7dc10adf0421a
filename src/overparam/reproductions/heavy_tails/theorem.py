"""The theorem's own algorithm: relative pruning error against width."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import ndarray

from ...analysis.pruning.curves import PruningCurve
from ...analysis.pruning.limits import finite_variance_error
from ...analysis.pruning.networks import squared_sizes
from ...plots.figure import COLOURS, band, panels, shared_legend
from ...studies.heavy_tails.data import MIXTURE_DIM
from ..reproduction import Claim, Reproduction, Results, Scale
from .arms import Arm, matched_sigma, sign_claim


ALPHAS = (1.5, 2.0)
KEPT = 0.1
"""Fraction kappa of the neurons that is kept."""
DURATION = 0.05
"""Time T = K eta that every width is trained for; eta is at the theorem's bound."""
ACCUMULATED_SCALE = 0.2
"""Scale of the noise over that time; initial entries have deviation 1/sqrt(140)."""
WIDTHS: Mapping[Scale, Sequence[int]] = {
    "smoke": (10, 20),
    "laptop": (50, 100, 200, 400),
    "paper": (50, 100, 200, 400, 800, 1600, 3200),
}
SEEDS: Mapping[Scale, int] = {"smoke": 2, "laptop": 12, "paper": 20}


def grid(scale: Scale) -> Sequence[Mapping[str, Any]]:
    """Mean-field runs of equal duration at every width."""
    settings = []
    for width, alpha in itertools.product(WIDTHS[scale], ALPHAS):
        rate = largest_rate(width, alpha)
        steps = max(2, math.ceil(DURATION / rate))
        common = {
            "dataset": "mixture",
            "n_test": 500 if scale == "smoke" else None,
            "parametrisation": "mean-field",
            "noise": "shared",
            "alpha": alpha,
            "sigma": matched_sigma(ACCUMULATED_SCALE, alpha=alpha, duration=DURATION),
            "width": width,
            "learning_rate": rate,
            "batch_size": 50,
            "n_steps": steps,
            "evaluate_every": steps,
            "stop_when": "never",
        }
        settings += [common | {"seed": seed} for seed in range(SEEDS[scale])]
    return settings


def largest_rate(width: int, alpha: float) -> float:
    r"""The theorem's bound on the step, $\eta \le n^{-\alpha/2 - 1}$."""
    return width ** (-alpha / 2 - 1)


def figures(results: Results) -> Mapping[str, Figure]:
    """Error of keeping a tenth against width; whole curves at the largest width."""
    caption = (
        f"mixture, mean-field parametrisation, shared noise, eta = n^(-alpha/2 - "
        f"1), time {DURATION:g}; median and 10-90 % band over {SEEDS[results.scale]} "
        "seeds"
    )
    figure, axes = panels(1, 2, width=4.6, height=3.6, caption=caption)
    _error_against_width(axes[0, 0], results)
    _error_against_kept(axes[0, 1], results)
    shared_legend(figure, axes[0, 1])
    return {"theorem": figure}


def _error_against_width(axes: Axes, results: Results) -> None:
    widths = WIDTHS[results.scale]
    for index, alpha in enumerate(ALPHAS):
        errors = np.array([_errors(results, w, alpha, KEPT) for w in widths]).T
        band(
            axes,
            np.array(widths),
            list(errors),
            label=Arm(noise="shared", alpha=alpha, width=0).label,
            colour=COLOURS[index],
        )
    axes.axhline(_limit(KEPT), color="0.4", linestyle=":", label="limit G")
    axes.set_xscale("log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.set_xlabel("width n")
    axes.set_ylabel(f"relative squared error of keeping {KEPT:g} n neurons")
    axes.set_ylim(bottom=0)


def _error_against_kept(axes: Axes, results: Results) -> None:
    kept = np.linspace(0.01, 0.99, 99)
    for index, alpha in enumerate(ALPHAS):
        curves = _curves(results, WIDTHS[results.scale][-1], alpha)
        errors = [finite_variance_error(kept, curve=curve) for curve in curves if curve]
        label = Arm(noise="shared", alpha=alpha, width=0).label
        if errors:
            band(axes, kept, errors, label=label, colour=COLOURS[index])
    limit = finite_variance_error(kept, curve=gaussian_limit())
    axes.plot(kept, limit, ":", color="0.4", label="limit G of Gaussian noise")
    axes.set_xlabel("fraction kappa of neurons kept")
    axes.set_ylabel("relative squared error")
    axes.set_title(f"width {WIDTHS[results.scale][-1]}")


def tables(results: Results) -> Mapping[str, pl.DataFrame]:
    """Median error of keeping a tenth, per width and index."""
    rows = []
    for alpha, width in itertools.product(ALPHAS, WIDTHS[results.scale]):
        errors = _errors(results, width, alpha, KEPT)
        # At 0, 1/2 and 1 quantiles are the least, the median and the largest.
        found = errors[np.isfinite(errors)]
        quantiles = (
            np.quantile(found, (0, 0.5, 1)).tolist() if len(found) else [None] * 3
        )
        rows.append(
            {
                "alpha": alpha,
                "width": width,
                "steps": int(_runs(results, width, alpha)["steps"].max()),  # pyright: ignore
                "error_median": quantiles[1],
                "error_low": quantiles[0],
                "error_high": quantiles[2],
                "limit_of_finite_variance": _limit(KEPT),
            }
        )
    return {"theorem": pl.DataFrame(rows, infer_schema_length=None)}


def claims(results: Results) -> Sequence[Claim]:
    """The error falls with the width for heavy tails and stays for Gaussian noise."""
    narrow, *_, wide = WIDTHS[results.scale]
    heavy, gaussian = ALPHAS
    falls = _errors(results, narrow, heavy, KEPT) - _errors(results, wide, heavy, KEPT)
    below = _limit(KEPT) - _errors(results, wide, heavy, KEPT)
    limit = _limit(KEPT)
    near = 0.2 * limit - abs(_errors(results, wide, gaussian, KEPT) - limit)
    return [
        sign_claim(
            falls,
            sentence=f"alpha {heavy:g}: the error of keeping {KEPT:g} n neurons is "
            f"smaller at n = {wide} than at n = {narrow}",
            published="it tends to 0 as n grows",
        ),
        sign_claim(
            below,
            sentence=f"alpha {heavy:g}: at n = {wide} it is below {limit:.3g}, the "
            "limit of Gaussian noise",
            published="it tends to 0 as n grows",
        ),
        sign_claim(
            near,
            sentence=f"Gaussian noise: at n = {wide} it is within 20 % of its positive "
            f"limit {limit:.3g}",
            published="ours: the finite-variance limit (Gribonval et al. 2012)",
        ),
    ]


def _runs(results: Results, width: int, alpha: float) -> pl.DataFrame:
    wanted = (pl.col("width") == width) & (pl.col("alpha") == alpha)
    return results.runs.filter(wanted).sort("seed")


def _curves(results: Results, width: int, alpha: float) -> list[PruningCurve | None]:
    """By seed; a run that diverged stores its last network, and has no curve."""
    by_path = {str(run.path): run for run in results.stored}
    curves = []
    for path in _runs(results, width, alpha)["path"]:
        run = by_path[path]
        if run.status == "diverged":
            curves.append(None)
            continue
        stored = run.network
        assert stored is not None
        curves.append(PruningCurve(squared_sizes(stored[0]["weights"])))
    return curves


def _errors(
    results: Results, width: int, alpha: float, kept: float
) -> Float64[ndarray, " seeds"]:
    curves = _curves(results, width, alpha)
    errors = [finite_variance_error(kept, curve=c) if c else np.nan for c in curves]
    return np.array([float(error) for error in errors])


def gaussian_limit() -> PruningCurve:
    r"""The law of Gaussian noise on Gaussian initial weights, as many columns.

    A column is $w + x (1, \dots, 1)$, $w$ of variance $1/d$ and $x$ of variance
    $2 c^2$: its squared norm is $(1/d + 2 c^2 d)\chi^2_1 + (1/d)\chi^2_{d-1}$.
    Training moves it little in the short time.
    """
    d, n = MIXTURE_DIM, 200_000
    rng = np.random.default_rng(0)
    sizes = (1 / d + 2 * ACCUMULATED_SCALE**2 * d) * rng.chisquare(1, n)
    return PruningCurve(sizes + rng.chisquare(d - 1, n) / d)


def _limit(kept: float) -> float:
    return float(finite_variance_error(kept, curve=gaussian_limit()))


REPRODUCTION = Reproduction(
    title="Relative pruning error against width in the mean-field algorithm",
    source="Wan et al. 2024, theorem on compressibility (mean-field, small steps)",
    study="heavy-tails",
    grid=grid,
    figures=figures,
    tables=tables,
    claims=claims,
)
