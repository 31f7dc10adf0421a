"""Options of the analysis `certificate`."""

from dataclasses import dataclass

from ...checks import positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class CertificateOptions:
    """How far is a trained two-layer ReLU network from the optimum of its problem?

    The problem is the squared loss plus `penalty` times half the sum of squares; the
    run must hold its training data. Networks are balanced first.
    """

    penalty: float | None = None
    """Penalty of the problem; `none` takes the run's own."""

    def __post_init__(self) -> None:
        positive(penalty=self.penalty)


ANALYSIS = Analysis(
    name="certificate",
    question="How far is a ReLU network from the optimum of its problem?",
    options=CertificateOptions,
    code="overparam.analysis.certificate.analyse",
)
