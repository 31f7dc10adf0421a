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
    with intervals over draws, beside random features of the same number. Steps of Adam
    or SGD can fit the readout beside it, as published. Without refit it gives the exact
    error of the importance-corrected readout and its Monte Carlo value.

    Examples:
      overparam analyse 3f2a resample
      overparam analyse 3f2a resample --n-features 10 100 --epoch 3
      overparam analyse 3f2a resample --n-features 10 --readout logistic adam sgd
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
    readout: tuple[Literal["logistic", "adam", "sgd"], ...] = ("logistic",)
    """How readouts are fitted, beside each other: exactly (logistic), or by steps from
    a random start."""
    ridge: float = 1e-4
    """Penalty of the readout."""
    tolerance: float = 1e-3
    """Relative gradient norm at which a readout counts as solved: accuracies do not
    move below it."""
    epochs: int = 100
    """Epochs of a readout that is fitted by steps."""
    learning_rate: float = 1e-3
    """Their step size."""
    batch_size: int = 128
    """Images per step; a last short batch of an epoch is dropped."""
    keep_networks: bool = False
    """Whether the networks of the first draw, of every law, number and readout, are
    stored as runs of their own."""
    epoch: int | None = None
    """Stored epoch to draw from; `none` takes the final network."""
    dataset: str | None = None
    """Data set, for a run that names none; `gaussian` gives inputs without labels."""
    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        at_least(1, n_fit=self.n_fit, batch_size=self.batch_size)
        at_least(0, epochs=self.epochs)
        in_range(1, MOST_REPETITIONS, n_draws=self.n_draws)
        at_least(0, epoch=self.epoch)
        seeds(seed=self.seed)
        positive(tolerance=self.tolerance, learning_rate=self.learning_rate)
        finite(ridge=self.ridge)
        for number in self.n_features:
            finite(n_features=number)
        if not self.ridge > 0:
            raise ConfigError(
                "`ridge` must be positive for a logistic readout: without it the "
                f"optimum may not exist; got {self.ridge:g}."
            )
        if not self.readout:
            raise ConfigError("`readout` must name at least one way to fit.")
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
