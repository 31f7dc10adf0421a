"""Phase transitions on a grid of sample sizes and dimensions."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize
from scipy.special import expit

from ..errors import ConfigError, DataError
from ..store.files import MOST_BYTES, opened
from ..store.npy import array_of
from .intervals import Interval, percentile_interval, resampled_units, wilson


_BOOTSTRAPS = 200
# Weight of the squared slope (per unit of standardised n/d): keeps the slope finite
# where success and failure are separated completely.
_RIDGE = 1e-3
# Step of both axes of the reference's grids, which its files do not name.
_REFERENCE_STEP = 10

CELL = ("n_samples", "input_dim")
"""The columns that make a cell."""


def success_rates(trials: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """Rate of a boolean column in every cell, with Wilson 95 % intervals.

    Trials where the outcome is null (undecided) are counted apart and in no rate.

    Args:
        trials: One row per trial, with columns `n_samples` and `input_dim`.
        outcome: Name of the boolean column.

    Returns:
        Columns `n_samples, input_dim, trials, undecided, rate, low, high`, sorted; no
        row of a cell in which nothing is decided.
    """
    if outcome not in trials.columns:
        raise ConfigError(f"There is no column `{outcome}` to take rates of.")
    cells = trials.group_by(CELL).agg(
        pl.col(outcome).cast(pl.Int64).sum().alias("successes"),
        pl.col(outcome).count().alias("trials"),
        pl.col(outcome).is_null().sum().alias("undecided"),
    )
    cells = cells.filter(pl.col("trials") > 0).sort("input_dim", "n_samples")
    rates = [wilson(*row) for row in cells.select("successes", "trials").iter_rows()]
    ends = {
        name: pl.Series([getattr(rate, end) for rate in rates], dtype=pl.Float64)
        for name, end in (("rate", "estimate"), ("low", "low"), ("high", "high"))
    }
    return cells.drop("successes").with_columns(**ends)


def half_line(
    ratios: Float[np.ndarray, " trials"],
    successes: Bool[np.ndarray, " trials"],
    *,
    units: Int[np.ndarray, " trials"] | None = None,
) -> Interval:
    r"""The ratio $n/d$ at which the success probability is one half.

    Logistic regression of success on $n/d$, with a 95 % bootstrap interval over units.

    Args:
        ratios: $n/d$ of every trial.
        successes: Whether it succeeded.
        units: Label of what is independent (the seed, whose trials draw their data from
            one stream of random numbers); `None` makes every trial its own.

    Raises:
        ConfigError: If all trials succeeded or all failed.
    """
    if successes.all() or not successes.any():
        raise ConfigError("a 50 % line needs trials that succeed and trials that fail.")
    rng = np.random.default_rng(len(ratios))
    found = []
    labels = np.arange(len(ratios)) if units is None else units
    _, owner = np.unique(labels, return_inverse=True)
    for _ in range(_BOOTSTRAPS):
        chosen = resampled_units(owner, rng)
        if successes[chosen].any() and not successes[chosen].all():
            found.append(_half(ratios[chosen], successes[chosen]))
    estimate, n_units = _half(ratios, successes), int(owner.max()) + 1
    found = [half for half in found if not np.isnan(half)]
    if n_units == 1 or not found:
        return Interval(estimate=estimate, low=-np.inf, high=np.inf)
    return percentile_interval(estimate, found, n_units=n_units)


def _half(
    ratios: Float[np.ndarray, " trials"], successes: Bool[np.ndarray, " trials"]
) -> float:
    centre, spread = float(ratios.mean()), float(ratios.std()) or 1.0
    scaled, signs = (ratios - centre) / spread, np.where(successes, 1.0, -1.0)

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (coefficients[0] + coefficients[1] * scaled)
        slopes = -signs * expit(-margins)
        value = np.logaddexp(0, -margins).sum() + _RIDGE * coefficients[1] ** 2
        gradient = [slopes.sum(), slopes @ scaled + 2 * _RIDGE * coefficients[1]]
        return float(value), np.asarray(gradient)

    fit = minimize(loss, np.array([0.0, 1.0]), jac=True, method="BFGS")
    offset, slope = fit.x
    return centre - spread * float(offset / slope) if slope else np.nan


def on_grid(
    cells: pl.DataFrame, value: str
) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "dimensions samples"]]:
    """Sample sizes, dimensions, and a matrix of values with NaN where there is none."""
    samples = np.sort(cells["n_samples"].unique().to_numpy())
    dimensions = np.sort(cells["input_dim"].unique().to_numpy())
    grid = np.full((len(dimensions), len(samples)), np.nan)
    for n, d, found in cells.select(*CELL, value).iter_rows():
        grid[np.searchsorted(dimensions, d), np.searchsorted(samples, n)] = found
    return samples, dimensions, grid


@dataclass(frozen=True)
class ReferenceGrid:
    """A result file of the published code.

    Attributes:
        quantity: `rec_rate`, `dis_abs`, `dis_test` or `irr_cond`.
        options: What the file name says: method, n, d, w, X, sig, sample, ...
        trials: One row per trial: `n_samples`, `input_dim`, `trial`, `value`.
    """

    quantity: str
    options: dict[str, str]
    trials: pl.DataFrame


def read_reference(path: Path) -> ReferenceGrid:
    """Read a `.npy` of the published code, such as
    `rec_rate_skip_n400_d100_w0_X0_sample10.npy`.

    Its axes are n = 10, 20, ..., d = 10, 20, ... and the trials.

    Raises:
        DataError: If the name or the shape is not that of a result file.
    """
    quantity = re.match(r"(rec_rate|dis_abs|dis_test|irr_cond)", path.stem)
    fields = re.findall(r"_(n|d|w|X|sig|sample|neu)([0-9.e+-]+)(?=_|$)", path.stem)
    if quantity is None or not {"n", "d"} <= {name for name, _ in fields}:
        raise DataError(f"`{path.name}` is not the name of a result file of the code.")
    try:
        with opened(path) as (file, n_bytes):
            values = array_of(file.read(min(n_bytes, MOST_BYTES)))
    except (OSError, ValueError) as error:
        raise DataError(f"`{path}` cannot be read as a NumPy array: {error}") from error
    options = dict(fields)
    method = path.stem[quantity.end() :].split("_n", 1)[0].strip("_")
    expected = tuple(int(options[axis]) // _REFERENCE_STEP for axis in ("n", "d"))
    if values.ndim != 3 or values.shape[:2] != expected:
        raise DataError(
            f"`{path.name}` must have shape ({expected[0]}, {expected[1]}, trials), "
            f"got {values.shape}."
        )
    n, d, trial = np.indices(values.shape)
    frame = pl.DataFrame(
        {
            "n_samples": _REFERENCE_STEP * (n.ravel() + 1),
            "input_dim": _REFERENCE_STEP * (d.ravel() + 1),
            "trial": trial.ravel(),
            "value": values.ravel().astype(float),
        }
    )
    return ReferenceGrid(quantity[0], {"method": method, **options}, frame)
