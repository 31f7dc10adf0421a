"""Options of the analysis `surplus`."""

from dataclasses import dataclass

from ...checks import at_least
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class SurplusOptions:
    """How many neurons of a student does its function need?

    Neurons that point the same way are merged, then the lightest are removed one after
    the other; the exact risk says what that costs. Nothing is retrained.

    Examples:
      overparam analyse 3f2a surplus
      overparam analyse 3f2a surplus --merge 0 --slack 0.5
    """

    merge: float = 0.05
    """Angle in radians below which neurons become one; 0 merges none."""
    slack: float = 0.1
    """Relative rise of the risk that a smaller student may cost."""

    def __post_init__(self) -> None:
        at_least(0, merge=self.merge, slack=self.slack)


ANALYSIS = Analysis(
    name="surplus",
    question="How many neurons of a student does its function need?",
    options=SurplusOptions,
    code="overparam.analysis.surplus.analyse",
)
