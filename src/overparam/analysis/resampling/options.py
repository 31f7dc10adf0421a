"""Options of the analysis `resample`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import MOST_REPETITIONS, at_least, finite, in_range, positive, seeds
from ...errors import ConfigError
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class ResampleOptions:
    """How few neurons drawn from a stored network are enough.

    Draws neurons by several laws, solves the readout exactly, and reports accuracies
    with intervals over draws, beside random features of the same number. Without refit
    it gives the exact error of the importance-corrected readout and its Monte Carlo
    value.

    Examples:
      overparam analyse 3f2a resample
      overparam analyse 3f2a resample --n-features 10 100 --epoch 3
    """

    n_features: tuple[int, ...] = (10, 30, 100, 300, 1000)
    """Numbers of neurons to draw."""
    sampling: tuple[
        Literal[
            "uniform",
            "norm",
            "importance",
            "squared",
            "norm-product",
            "raw-importance",
            "leverage",
        ],
        ...,
    ] = ("uniform", "norm", "squared", "norm-product", "leverage")
    """Laws of the draws."""
    method: Literal["with-replacement", "without-replacement", "systematic"] = (
        "with-replacement"
    )
    """How neurons are drawn; the k most important ones (`top-k`) are always shown."""
    random: tuple[Literal["truncated", "gaussian", "unit"], ...] = (
        "truncated",
        "gaussian",
        "unit",
    )
    """Laws of random first layers to compare with."""
    n_draws: int = 20
    """Draws of each kind."""
    n_fit: int = 20_000
    """Training images on which the readout is solved."""
    ridge: float = 1e-4
    """Penalty of the exact logistic readout."""
    tolerance: float = 1e-3
    """Relative gradient norm at which a readout counts as solved: accuracies do not
    move below it."""
    epoch: int | None = None
    """Stored epoch to draw from; `none` takes the final network."""
    dataset: str | None = None
    """Data set, for a run that names none; `gaussian` gives inputs without labels."""
    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        at_least(1, n_fit=self.n_fit)
        in_range(1, MOST_REPETITIONS, n_draws=self.n_draws)
        at_least(0, epoch=self.epoch)
        seeds(seed=self.seed)
        positive(tolerance=self.tolerance)
        finite(ridge=self.ridge)
        for number in self.n_features:
            finite(n_features=number)
        if not self.ridge > 0:
            raise ConfigError(
                "`ridge` must be positive for a logistic readout: without it the "
                f"optimum may not exist; got {self.ridge:g}."
            )
        if not self.n_features or min(self.n_features) < 1:
            raise ConfigError(
                f"`n_features` must hold numbers from 1, got {self.n_features}."
            )


ANALYSIS = Analysis(
    name="resample",
    question="How few neurons drawn from a wide network are enough?",
    options=ResampleOptions,
    code="overparam.analysis.resampling.analyse",
)
