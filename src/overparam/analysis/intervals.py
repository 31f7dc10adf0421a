"""Intervals and tests for numbers measured over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from ..checks import at_least
from ..errors import ConfigError


Values = Sequence[float] | Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate and its confidence interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def lies(self, *, above: float = -np.inf, below: float = np.inf) -> bool | None:
        """Whether it lies between two numbers, or outside; partly there, it is open."""
        if above < self.low and self.high < below:
            return True
        return False if self.high <= above or self.low >= below else None

    def within(self, low: float, high: float) -> bool | None:
        """Whether it lies in a band, ends included; partly there, it is open."""
        if low <= self.low and self.high <= high:
            return True
        return False if self.high < low or self.low > high else None

    def is_below(self, other: "Interval") -> bool | None:
        """Whether it lies below another; where they overlap, it is open."""
        if self.high < other.low:
            return True
        return False if self.low >= other.high else None


def wilson(successes: int, trials: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a success rate (Wilson 1927).

    Raises:
        ConfigError: If there are no trials or more successes than trials.
    """
    at_least(1, trials=trials)
    if not 0 <= successes <= trials:
        raise ConfigError(f"`successes` must lie in [0, {trials}], got {successes}.")
    found = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return Interval(
        estimate=successes / trials, low=float(found.low), high=float(found.high)
    )


def median_interval(values: Values, *, level: float = 0.95) -> Interval:
    """Median with the distribution-free interval of order statistics.

    The interval between order statistics k and n + 1 - k covers the median with
    probability at least `level`; below six values no such interval exists at 95 % and
    the whole range is given. As only their order counts, values may be infinite: those
    of runs that diverged.
    """
    ordered = np.sort(_checked(values, infinite=True))
    n = len(ordered)
    # The largest k with P(Binomial(n, 1/2) < k) <= (1 - level)/2.
    k = int(stats.binom.ppf((1 - level) / 2, n, 0.5))
    k = max(k, 1)
    return Interval(
        estimate=float(np.median(ordered)),
        low=float(ordered[k - 1]),
        high=float(ordered[n - k]),
    )


def mean_interval(
    values: Values,
    *,
    level: float = 0.95,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean with Student's interval; a single value has an infinite one.

    Args:
        values: What was measured.
        level: Coverage of the interval.
        within: Where the mean must lie: an end beyond it is cut, which costs no
            coverage.
    """
    array = _checked(values)
    mean = float(array.mean())
    half = np.inf
    if len(array) > 1:
        error = float(stats.sem(array))
        half = error * float(stats.t.ppf((1 + level) / 2, len(array) - 1))
    low, high = np.clip([mean - half, mean + half], *within)
    return Interval(estimate=mean, low=float(low), high=float(high))


def ratio_interval(values: Values, *, level: float = 0.95) -> Interval:
    """Geometric mean of positive ratios, with Student's interval of their logarithms.

    A ratio and its inverse say the same, and no end is negative.
    """
    array = _checked(values)
    if array.min() <= 0:
        raise ConfigError(f"`values` must be positive, got {array.min():g}.")
    found = mean_interval(np.log(array), level=level)
    with np.errstate(over="ignore"):
        low, middle, high = np.exp([found.low, found.estimate, found.high])
    return Interval(estimate=float(middle), low=float(low), high=float(high))


def resampled_units(
    owner: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Int[np.ndarray, " m"]:
    """Places of the values of as many units as there are, drawn with replacement.

    Values of one unit may depend on each other; units are independent.

    Args:
        owner: Number of the unit of every value, from 0.
        rng: Draws the units.
    """
    n_units = int(owner.max()) + 1
    counts = np.bincount(rng.integers(0, n_units, n_units), minlength=n_units)
    return np.repeat(np.arange(owner.size), counts[owner])


def percentile_interval(
    estimate: float, repeats: Values, *, n_units: int, level: float = 0.95
) -> Interval:
    r"""Bootstrap interval between order statistics of the repeats, some maybe infinite.

    The share of either tail is expanded for few units n: $\Phi(-\sqrt{n/(n-1)}\,
    t_{n-1})$ with Student's quantile t, since resamples of few units vary too little.

    Args:
        estimate: What the whole sample gives.
        repeats: What each resample gives, none of them NaN.
        n_units: Number of independent units that were resampled.
        level: Level of the interval.

    Reference: Hesterberg, The American Statistician 69 (2015), expanded percentiles.
    """
    at_least(2, n_units=n_units)
    ordered = np.sort(np.asarray(repeats, np.float64))
    quantile = stats.t.ppf((1 + level) / 2, n_units - 1)
    share = stats.norm.sf(np.sqrt(n_units / (n_units - 1)) * quantile)
    rank = max(1, int((len(ordered) + 1) * share))
    return Interval(
        estimate=estimate, low=float(ordered[rank - 1]), high=float(ordered[-rank])
    )


def sign_test(differences: Values) -> float:
    """Two-sided p-value of the sign test for paired differences; ties are dropped."""
    array = _checked(differences)
    positive, negative = int((array > 0).sum()), int((array < 0).sum())
    if positive + negative == 0:
        return 1.0
    return float(stats.binomtest(positive, positive + negative).pvalue)


def _checked(values: Values, *, infinite: bool = False) -> Float[np.ndarray, " n"]:
    array = np.asarray(values, np.float64)
    wrong = np.isnan(array) if infinite else ~np.isfinite(array)
    if array.ndim != 1 or not len(array) or wrong.any():
        kind = "numbers" if infinite else "finite numbers"
        raise ConfigError(f"`values` must be {kind}, at least one, got {values!r}.")
    return array
