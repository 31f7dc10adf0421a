"""Options of the analysis `surplus`."""

from dataclasses import dataclass

from ...checks import at_least
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class SurplusOptions:
    """How many neurons of a student does its function need?

    Neurons that point the same way are merged where the activation allows it, then the
    lightest are removed one after the other; the risk says what that costs. Nothing is
    retrained. Under a planted teacher and Gaussian inputs the risk is the exact one;
    else it is the loss on training samples, without penalty.

    Examples:
      overparam analyse 3f2a surplus
      overparam analyse 3f2a surplus --merge 0 --slack 0.5
    """

    merge: float = 0.05
    """Angle in radians below which neurons become one; 0 merges none."""
    slack: float = 0.1
    """Relative rise of the risk that a smaller student may cost."""

    dataset: str | None = None
    """Take the loss on this data set; `none` takes what the run was about."""
    n_samples: int = 2000
    """Most samples of a loss."""

    def __post_init__(self) -> None:
        at_least(0, merge=self.merge, slack=self.slack)
        at_least(1, n_samples=self.n_samples)


ANALYSIS = Analysis(
    name="surplus",
    question="How many neurons does the function of a network need?",
    options=SurplusOptions,
    code="overparam.analysis.surplus.analyse",
)
