"""Options of the analysis `compare`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import MOST_REPETITIONS, at_least, finite, in_range, seeds
from ...errors import ConfigError
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Did independently trained networks learn the same distribution of neurons?

    Unbiased distances between the neurons of every pair of runs, in several
    representations, with a permutation null, a bootstrap interval, the noise floor of
    two halves of one network, and the distance each network travelled from its own
    initial weights.

    Examples:
      overparam analyse 3f2a 77b0 compare
      overparam analyse 3f2a 77b0 compare --epoch 3 --n-permutations 199
    """

    representations: tuple[
        Literal["raw", "preactivation", "function", "joint"], ...
    ] = ("raw", "preactivation", "function", "joint")
    """Spaces in which neurons are compared."""
    weighting: tuple[Literal["uniform", "importance"], ...] = ("uniform", "importance")
    """Weights of the neurons."""
    n_permutations: int = 999
    """Permutations of the null, at least 99."""
    n_bootstrap: int = 500
    """Resamples of the interval."""
    n_probes: int = 1000
    """Inputs on which neurons are compared as functions."""
    halves: bool = True
    """Whether the noise floor (two halves of each network) is measured too."""
    n_inputs: int = 10_000
    """Inputs for second moments and importances."""
    epoch: int | None = None
    """Stored epoch to compare; `none` takes the final networks."""
    dataset: str | None = None
    """Data set of the inputs, for runs that name none; `gaussian` draws them."""
    seed: int = 0
    """Seed of the permutations and of the probes."""

    def __post_init__(self) -> None:
        finite(n_permutations=self.n_permutations)
        if self.n_permutations < 99:
            raise ConfigError(
                "`n_permutations` must be at least 99 for a p-value of 0.01, got "
                f"{self.n_permutations}."
            )
        at_least(2, n_probes=self.n_probes, n_inputs=self.n_inputs)
        in_range(1, MOST_REPETITIONS, n_bootstrap=self.n_bootstrap)
        in_range(1, MOST_REPETITIONS, n_permutations=self.n_permutations)
        at_least(0, epoch=self.epoch)
        seeds(seed=self.seed)


ANALYSIS = Analysis(
    name="compare",
    question="Did independently trained networks learn the same neurons?",
    options=CompareOptions,
    code="overparam.analysis.comparison.analyse",
    most_subjects=None,
    least_subjects=2,
)
