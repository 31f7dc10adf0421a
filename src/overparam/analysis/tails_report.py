"""All tail indices of a sample with bootstrap intervals and a Gaussian control."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64
from numpy import ndarray

from ..checks import at_least, in_range, one_of
from .tails import ASSUMPTIONS, ESTIMATORS, check_sample


LARGEST_SAMPLE = 20_000
"""Larger samples are thinned at random before the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class TailIndex:
    """One estimate of a tail index; 2 is Gaussian, infinity lighter than any power."""

    estimator: str
    """Name of the estimator."""
    assumes: str
    """What it assumes of the sample."""
    estimate: float
    """The index."""
    standard_error: float
    """Bootstrap standard error; infinite where a resample has no power tail."""
    low: float
    """Lower end of the bootstrap interval."""
    high: float
    """Upper end of the bootstrap interval."""
    gaussian: float
    """The same estimator on as many Gaussian values: what no heavy tail looks like."""
    n_values: int
    """Number of values used."""


def tail_report(
    x: Float[ndarray, " n"],
    *,
    estimators: Sequence[str] = (),
    n_resamples: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> list[TailIndex]:
    """Every estimator on one sample.

    The sample is put in random order (for the block estimator) and thinned to 20 000.

    Args:
        x: Sample, of any shape.
        estimators: Names from `overparam.analysis.tails.ESTIMATORS`; empty for all.
        n_resamples: Number of bootstrap resamples.
        level: Level of the percentile interval.
        seed: Seed of order, resamples and control.

    Returns:
        One index for each estimator.

    Raises:
        ConfigError: If the sample is too small, constant or not finite.
    """
    at_least(2, n_resamples=n_resamples)
    in_range(0, 1, level=level)
    for name in estimators:
        one_of(ESTIMATORS, estimator=name)
    rng = np.random.default_rng(seed)
    values = check_sample(x)
    sample = values[rng.permutation(values.size)[:LARGEST_SAMPLE]]
    resamples = [
        sample[rng.integers(0, sample.size, sample.size)] for _ in range(n_resamples)
    ]
    control = rng.standard_normal(sample.size)
    return [
        _index(name, sample, resamples, control, level)
        for name in estimators or ESTIMATORS
    ]


def _index(
    name: str,
    sample: Float64[ndarray, " n"],
    resamples: Sequence[Float64[ndarray, " n"]],
    control: Float64[ndarray, " n"],
    level: float,
) -> TailIndex:
    estimator = ESTIMATORS[name]
    repeats = np.array([estimator(resample) for resample in resamples])
    finite = bool(np.all(np.isfinite(repeats)))
    low, high = np.quantile(
        repeats, [(1 - level) / 2, (1 + level) / 2], method="nearest"
    )
    return TailIndex(
        estimator=name,
        assumes=ASSUMPTIONS[name],
        estimate=estimator(sample),
        standard_error=float(np.std(repeats, ddof=1)) if finite else math.inf,
        low=float(low),
        high=float(high),
        gaussian=estimator(control),
        n_values=sample.size,
    )
