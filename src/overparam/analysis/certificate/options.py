"""Options of the analysis `certificate`."""

from dataclasses import dataclass

from ...checks import at_least, positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class CertificateOptions:
    """How far is a trained two-layer ReLU network from the optimum of its problem?

    The problem is half the squared error, summed over training samples, plus `penalty`
    times half the sum of squares of all weights, hidden biases among them. Networks are
    balanced first. One trained on another loss is certified for the problem of
    `--penalty`. An output bias is held at its value. With several outputs the bound is
    a loose one.

    Examples:
      overparam analyse 3f2a certificate
      overparam analyse 3f2a certificate --penalty 0.1 --n-samples 500
    """

    penalty: float | None = None
    """Penalty of the problem; `none` takes the run's own."""
    dataset: str | None = None
    """Certify on this data set; `none` takes the samples of the run."""
    n_samples: int = 2000
    """Most samples; memory and time grow with them."""

    def __post_init__(self) -> None:
        positive(penalty=self.penalty)
        at_least(1, n_samples=self.n_samples)


ANALYSIS = Analysis(
    name="certificate",
    question="How far is a ReLU network from the optimum of its problem?",
    options=CertificateOptions,
    code="overparam.analysis.certificate.analyse",
)
