"""Options of the analysis `lazy`."""

from dataclasses import dataclass

from ...checks import at_least
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class LazyOptions:
    """Did a network learn features, or fit by the tangent kernel of its start?

    Compares the network with its start, at every kept step: how far the tangent kernel
    and the weights moved, how the kernel is aligned with its start and with the labels,
    and how many neurons switched. Weights that did not train count nowhere. Beside it
    stand the network linearised at its start and trained on the same batches and, for
    MLPs from normal weights, the predictor of infinite width, with test errors. A lazy
    network has a kernel change near 0 and stays close to its linearised one.

    Examples:
      overparam analyse 3f2a lazy
      overparam analyse 3f2a lazy --n-samples 1000 --no-linearise
    """

    n_samples: int = 300
    """Most training samples at which kernels are taken."""
    n_test: int = 2000
    """Most test samples."""
    n_wide: int = 2000
    """Most training samples of the predictor of infinite width."""
    linearise: bool = True
    """Whether to train the linearised network too; it takes two to three times the
    training."""
    dataset: str | None = None
    """Take samples of this data set, but for the last twelfth of its training part, as
    where one validates; `none` takes what the run was about."""

    def __post_init__(self) -> None:
        at_least(2, n_samples=self.n_samples, n_wide=self.n_wide)
        at_least(1, n_test=self.n_test)


ANALYSIS = Analysis(
    name="lazy",
    question="Did a network learn features, or fit by its tangent kernel?",
    options=LazyOptions,
    code="overparam.analysis.lazy.analyse",
)
