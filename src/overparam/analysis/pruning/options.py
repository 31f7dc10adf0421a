"""Options of the analysis `prune`."""

from dataclasses import dataclass
from typing import Literal

from ...checks import finite, in_range
from ...errors import ConfigError
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class PruneOptions:
    """How much of stored networks can be removed, and what does it cost?

    Works on any stored network, scored on the data of its run; where the teacher is
    known, by the exact risk too. Several runs, or a folder of runs, give one table.

    Examples:
      overparam analyse 3f2a prune
      overparam analyse runs prune --errors 0.1 --scope global
    """

    errors: tuple[float, ...] = (0.0, 0.01, 0.05, 0.1, 0.2)
    """Allowed relative errors (criterion mce)."""
    ratios: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    """Removed fractions of the parts (criterion parameter-ratio)."""
    metric: Literal["squared", "plain"] = "squared"
    """Whether an error compares squared Frobenius norms or Frobenius norms."""
    part: Literal["filter", "kernel", "entry", "singular-value"] = "filter"
    """What is removed: neurons and filters, kernels, single weights, or rank."""
    scope: Literal["layer", "global", "global-normalised"] = "layer"
    """Each layer for itself, or all in one sort, with or without their norms."""
    layers: str = ""
    """Patterns of the pruned layers, separated by commas; empty for every hidden weight
    layer but a first convolution."""

    dataset: str | None = None
    """Data set of the scores, for runs that name none."""

    def __post_init__(self) -> None:
        for eps in self.errors:
            finite(errors=eps)
            if not 0 <= eps < 1:
                raise ConfigError(
                    f"`errors` must be in [0, 1), got {eps:g}; to remove all columns "
                    "use ratio 1."
                )
        for ratio in self.ratios:
            in_range(0, 1, ratios=ratio)
        if not self.errors and not self.ratios:
            raise ConfigError("`errors` and `ratios` are both empty: give a level.")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of `layers`."""
        return tuple(p.strip() for p in self.layers.split(",") if p.strip())


ANALYSIS = Analysis(
    name="prune",
    question="How much can be removed, and what does it cost?",
    options=PruneOptions,
    code="overparam.analysis.pruning.analyse",
    most_subjects=None,
)
