"""Options of the analysis `tails`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import MOST_REPETITIONS, at_least, in_range, seeds
from ...errors import ConfigError
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class TailsOptions:
    """How heavy are the tails of a stored network's hidden weights?

    All estimators with bootstrap intervals, what each assumes, and the same on as many
    Gaussian values; log-log survival, Hill and characteristic-function plots. Intervals
    resample what is independent: whole neurons, or whole batches.

    Examples:
      overparam analyse 3f2a tails
      overparam analyse 3f2a tails --of column-norms
      overparam analyse 3f2a tails --weightwatcher
    """

    of: Literal["entries", "column-norms", "gradient-noise"] = "entries"
    """Whose tail: entries, norms of columns, or what a batch's gradient differs by from
    that of all training samples, of the mean loss."""
    layers: str = ""
    """Patterns of the layers, separated by commas; empty for every hidden one."""
    weightwatcher: bool = False
    """Whether the table of spectra has WeightWatcher's alpha too."""
    estimators: str = ""
    """Names of estimators, separated by commas; empty for all."""
    n_resamples: int = 100
    """Number of bootstrap resamples."""
    level: float = 0.95
    """Level of the intervals."""
    batch_size: int | None = None
    """Samples of a batch, for gradient-noise; `none` takes 100."""
    n_batches: int | None = None
    """Number of batches, for gradient-noise; `none` takes 10, and an interval needs
    300."""
    seed: int = 0
    """Seed of resamples, control and batches."""

    def __post_init__(self) -> None:
        in_range(2, MOST_REPETITIONS, n_resamples=self.n_resamples)
        at_least(1, batch_size=self.batch_size)
        in_range(1, MOST_REPETITIONS, n_batches=self.n_batches)
        seeds(seed=self.seed)
        in_range(0, 1, level=self.level)
        for name in ("batch_size", "n_batches"):
            if self.of != "gradient-noise" and getattr(self, name) is not None:
                raise ConfigError(
                    f"`{name}` is for `--of gradient-noise`, got `--of {self.of}`."
                )


ANALYSIS = Analysis(
    name="tails",
    question="How heavy are the tails of the hidden weights?",
    options=TailsOptions,
    code="overparam.analysis.tails.analyse",
)
