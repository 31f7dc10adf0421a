"""All tail indices of a sample with bootstrap intervals and a Gaussian control."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int, Shaped
from numpy import ndarray
from scipy import stats

from ..checks import at_least, in_range, one_of
from ..errors import ConfigError
from .tails import ASSUMPTIONS, ESTIMATORS, MIN_SAMPLE, check_sample


LARGEST_SAMPLE = 20_000
"""Larger samples are thinned at random before the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class TailIndex:
    """One estimate of a tail index; 2 is Gaussian, infinity lighter than any power."""

    estimator: str
    """Name of the estimator."""
    assumes: str
    """What it assumes of the sample."""
    estimate: float | None
    """The index; `None` where the sample has none."""
    standard_error: float | None
    """Bootstrap standard error; infinite where a resample has no power tail."""
    low: float | None
    """Lower end of the bootstrap interval; `None` where there is none."""
    high: float | None
    """Upper end of the bootstrap interval."""
    gaussian: float
    """The same estimator on as many Gaussian values: what no heavy tail looks like."""
    n_values: int
    """Number of values used."""
    n_units: int
    """Number of independent units that they come from."""
    remark: str
    """Why a number is missing; empty where none is."""


def tail_report(
    x: Float[ndarray, "*shape"],
    *,
    units: Shaped[ndarray, "*shape"] | None = None,
    estimators: Sequence[str] = (),
    n_resamples: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> list[TailIndex]:
    r"""Every estimator on one sample; each one fails alone.

    Values of one unit may depend on each other, so that whole units are resampled: the
    interval says how an estimate moves with other units of the same law. Its two
    shares $p$ are expanded for few units n, $p = \Phi(-\sqrt{n/(n-1)}\, t_{n-1})$.

    The sample is put in random order (for the block estimator) and thinned to 20 000.

    Args:
        x: Sample, of any shape.
        units: Label of the unit of every value; `None` makes each value its own.
        estimators: Names from `overparam.analysis.tails.ESTIMATORS`; empty for all.
        n_resamples: Number of bootstrap resamples.
        level: Level of the percentile interval.
        seed: Seed of order, resamples and control.

    Returns:
        One index for each estimator.

    Raises:
        ConfigError: If the sample is too small, constant or not finite.

    Reference: Hesterberg, The American Statistician 69 (2015), expanded percentiles.
    """
    at_least(2, n_resamples=n_resamples)
    in_range(0, 1, level=level)
    for name in estimators:
        one_of(ESTIMATORS, estimator=name)
    rng = np.random.default_rng(seed)
    values = check_sample(x)
    chosen = rng.permutation(values.size)[:LARGEST_SAMPLE]
    control = rng.standard_normal(chosen.size)
    labels = np.arange(values.size) if units is None else np.ravel(units)
    _, owner = np.unique(labels[chosen], return_inverse=True)
    n_units = int(owner.max()) + 1
    sample = values[chosen]
    resamples = [
        sample[_resampled(owner, n_units, rng)]
        for _ in range(n_resamples if n_units >= MIN_SAMPLE else 0)
    ]
    return [
        _index(name, sample, resamples, control, n_units, level)
        for name in estimators or ESTIMATORS
    ]


def _resampled(
    owner: Int[ndarray, " n"], n_units: int, rng: np.random.Generator
) -> Int[ndarray, " m"]:
    """Places of the values of as many units, drawn with replacement, in any order."""
    counts = np.bincount(rng.integers(0, n_units, n_units), minlength=n_units)
    return rng.permutation(np.repeat(np.arange(owner.size), counts[owner]))


def _index(
    name: str,
    sample: Float64[ndarray, " n"],
    resamples: Sequence[Float64[ndarray, " m"]],
    control: Float64[ndarray, " n"],
    n_units: int,
    level: float,
) -> TailIndex:
    estimator = ESTIMATORS[name]
    estimate = error = low = high = None
    remark = ""
    try:
        estimate = estimator(sample)
        if resamples:
            repeats = np.array([estimator(resample) for resample in resamples])
            error = float(np.std(repeats, ddof=1)) if _finite(repeats) else math.inf
            low, high = _interval(repeats, n_units, level)
        else:
            remark = (
                f"An interval needs at least {MIN_SAMPLE} independent units, got "
                f"{n_units}."
            )
    except ConfigError as failure:
        remark = str(failure) if estimate is None else f"In a resample: {failure}"
    return TailIndex(
        estimator=name,
        assumes=ASSUMPTIONS[name],
        estimate=estimate,
        standard_error=error,
        low=low,
        high=high,
        gaussian=estimator(control),
        n_values=sample.size,
        n_units=n_units,
        remark=remark,
    )


def _finite(repeats: Float64[ndarray, " n"]) -> bool:
    return bool(np.all(np.isfinite(repeats)))


def _interval(
    repeats: Float64[ndarray, " n"], n_units: int, level: float
) -> tuple[float, float]:
    """Order statistics, since a repeat may be infinite: at least the level."""
    quantile = stats.t.ppf((1 + level) / 2, n_units - 1)
    share = stats.norm.sf(math.sqrt(n_units / (n_units - 1)) * quantile)
    ordered = np.sort(repeats)
    rank = max(1, int((ordered.size + 1) * share))
    return float(ordered[rank - 1]), float(ordered[-rank])
