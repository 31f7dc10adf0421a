"""What a distance would be without a difference: permutations, bootstrap, halves."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...checks import arrays_by_shape
from ...errors import ConfigError
from ..intervals import Interval
from .distances import Pooled
from .populations import Population


FEWEST_PERMUTATIONS = 99
"""Fewer cannot give a p-value of 0.01."""
_COLUMNS = 256
# Share of the range of a null below which differences are rounding.
_ROUNDING = 1e-9


@arrays_by_shape
@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """An observed statistic and its values under random relabelling.

    Relabellings that leave a side without two neurons of positive weight have no value
    and are left out: the observed labelling is one of the others, all equally likely.
    """

    statistic: float
    null: Float[np.ndarray, " n_permutations"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "null", self.null[np.isfinite(self.null)])

    @property
    def p_upper(self) -> float:
        """Share of relabellings, the observed one included, at least as large."""
        least = self.statistic - self._rounding
        return float(1 + np.sum(self.null >= least)) / (1 + len(self.null))

    @property
    def p_lower(self) -> float:
        """Share of relabellings, the observed one included, at most as large."""
        most = self.statistic + self._rounding
        return float(1 + np.sum(self.null <= most)) / (1 + len(self.null))

    @property
    def _rounding(self) -> float:
        """What tells equal values apart, as those of exchanged sides."""
        return _ROUNDING * float(np.ptp(self.null)) if len(self.null) else 0.0

    @property
    def null_std(self) -> float:
        """Standard deviation of the null."""
        return float(np.std(self.null, ddof=1)) if len(self.null) > 1 else np.nan

    @property
    def null_upper(self) -> float:
        """The null's 95 % point."""
        return float(np.quantile(self.null, 0.95)) if len(self.null) else np.nan


def permutation_test(
    both: Pooled,
    *,
    n_permutations: int = 999,
    paired: bool = False,
    key: PRNGKeyArray,
) -> PermutationTest:
    """Reassign all neurons, with their weights, to two groups of the same sizes.

    Valid when the neurons of a network are exchangeable and independent; neurons that
    repel each other give p-values near 1, so that both tails must be read.

    Args:
        both: Kernel of the two populations.
        n_permutations: Number of relabellings, at least 99.
        paired: Whether neuron j of the one is neuron j of the other at another time:
            then only the two of a pair are exchanged, each pair or not.
        key: Random key.

    Raises:
        ConfigError: If there are too few permutations.

    Example:
        ```python
        from overparam.analysis.comparison.distances import pooled
        from overparam.analysis.comparison.populations import Population

        draws = rng.normal(size=(2, 50, 3))
        a, b = (Population(points=points, weights=np.ones(50)) for points in draws)
        op.analysis.permutation_test(pooled(a, b), n_permutations=99, key=key)
        ```
    """
    check_permutations(n_permutations)
    rng = generator(key)

    def statistics(labels: np.ndarray) -> np.ndarray:
        return both.statistics(labels, 1 - labels)

    def relabelled(n: int) -> np.ndarray:
        if paired:
            swapped = rng.integers(0, 2, (both.n_first, n)).astype(float)
            return np.concatenate([1 - swapped, swapped])
        return rng.permuted(np.tile(both.in_first, (n, 1)), axis=1).T

    null = _in_blocks(relabelled, statistics, n_permutations)
    return PermutationTest(statistic=both.statistic(), null=null)


def bootstrap_interval(
    both: Pooled,
    *,
    n_resamples: int = 500,
    level: float = 0.95,
    key: PRNGKeyArray,
) -> Interval:
    """Percentile interval when neurons are resampled within each network.

    Each neuron enters by its multiplicity and no neuron is paired with itself. At
    equality of the laws the statistic is degenerate: this is no test.

    Args:
        both: Kernel of the two populations.
        n_resamples: Number of resamples.
        level: Coverage of the interval.
        key: Random key.
    """
    rng = generator(key)
    first = both.in_first
    sizes = both.n_first, len(first) - both.n_first

    def counts(n: int) -> np.ndarray:
        drawn = [rng.multinomial(size, np.full(size, 1 / size), n) for size in sizes]
        return np.concatenate(drawn, axis=1).T.astype(float)

    def statistics(multiplicities: np.ndarray) -> np.ndarray:
        side = first[:, None]
        return both.statistics(multiplicities * side, multiplicities * (1 - side))

    values = _in_blocks(counts, statistics, n_resamples)
    # A resample of a few neurons may hold one of them only, and then no pairs.
    values = values[np.isfinite(values)] if np.isfinite(values).any() else values
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate=both.statistic(), low=float(low), high=float(high))


def halves(
    population: Population, *, key: PRNGKeyArray
) -> tuple[Population, Population]:
    """Two random halves of one population: the noise floor of every distance."""
    order = generator(key).permutation(len(population.points))
    middle = len(order) // 2
    return population.part(order[:middle]), population.part(order[middle : 2 * middle])


def check_permutations(n_permutations: int) -> None:
    """At least 99 permutations are asked for."""
    if n_permutations < FEWEST_PERMUTATIONS:
        raise ConfigError(
            f"`n_permutations` must be at least {FEWEST_PERMUTATIONS} for a p-value of "
            f"0.01, got {n_permutations}."
        )


def generator(key: PRNGKeyArray) -> np.random.Generator:
    """NumPy's generator seeded by a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def _in_blocks(
    columns: Callable[[int], np.ndarray],
    statistics: Callable[[np.ndarray], np.ndarray],
    number: int,
) -> Float[np.ndarray, " number"]:
    sizes = [min(_COLUMNS, number - i) for i in range(0, number, _COLUMNS)]
    return np.concatenate([statistics(columns(size)) for size in sizes])
