"""Options of the analysis `hessian`."""

from dataclasses import dataclass

from ...checks import at_least, positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class HessianOptions:
    """Is a network stuck in a minimum of its risk, and how does it get out?

    Gives the smallest eigenvalues of the Hessian (float64) at the stored network, where
    noise-free descent takes it, and after one neuron of that is split in two. A
    negative eigenvalue where the gradient vanishes is a way down. Under a planted
    teacher and Gaussian inputs the risk is the exact one; else it is the loss on
    training samples, without penalty.

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
    dataset: str | None = None
    """Take the loss on this data set; `none` takes what the run was about."""
    n_samples: int = 1000
    """Most samples of a loss."""

    def __post_init__(self) -> None:
        at_least(1, count=self.count, n_steps=self.n_steps, n_samples=self.n_samples)
        at_least(0, neuron=self.neuron)
        positive(step=self.step)


ANALYSIS = Analysis(
    name="hessian",
    question="Is a network stuck in a minimum of its risk?",
    options=HessianOptions,
    code="overparam.analysis.hessian.analyse",
)
