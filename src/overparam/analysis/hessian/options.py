"""Options of the analysis `hessian`."""

from dataclasses import dataclass

from ...checks import at_least, positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class HessianOptions:
    """Is a student stuck in a minimum of the exact risk, and how does it get out?

    Gives the smallest eigenvalues of the Hessian of the population risk (float64) at
    the stored student, where noise-free descent takes it, and after one neuron of that
    is split in two. A negative eigenvalue where the gradient vanishes is a way down.

    Examples:
      overparam analyse 3f2a hessian
      overparam analyse 3f2a hessian --count 20 --neuron 5
    """

    count: int = 6
    """Number of eigenvalues."""
    n_steps: int = 1000
    """Most steps of the noise-free descent (L-BFGS)."""
    neuron: int | None = None
    """Neuron to split; `none` takes the one of largest mass."""
    step: float = 0.1
    """Length of the step along the smallest eigenvalue's direction after the split."""

    def __post_init__(self) -> None:
        at_least(1, count=self.count, n_steps=self.n_steps)
        at_least(0, neuron=self.neuron)
        positive(step=self.step)


ANALYSIS = Analysis(
    name="hessian",
    question="Is a student stuck in a minimum of the exact risk?",
    options=HessianOptions,
    code="overparam.analysis.hessian.analyse",
)
