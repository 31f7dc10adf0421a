"""Options of the analysis `certificate`."""

from dataclasses import dataclass

from ...checks import at_least, positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class CertificateOptions:
    """How far is a trained two-layer ReLU network from the optimum of its problem?

    The problem is half the squared error, summed over training samples, plus `penalty`
    times half the sum of squares of all weights, hidden biases among them. Networks are
    balanced first. What is certified is the bound; how near the network is, its gap
    to the bound says. One trained on another loss is certified for the problem of
    `--penalty`. An output bias is held at its value, but beside skip weights and hidden
    biases, where it is a skip weight. In up to 12 dimensions, or 20,000 entries of the
    inputs, the bound is searched until `--gap` is proven or a limit is reached; with
    several outputs it is the sum over single ones, which is not tight; otherwise it is
    a loose one.

    Examples:
      overparam analyse 3f2a certificate
      overparam analyse 3f2a certificate --gap 1e-3 --seconds 600
      overparam analyse 3f2a certificate --penalty 0.1 --n-samples 500
    """

    penalty: float | None = None
    """Penalty of the problem, whose loss is a sum: n times that of a mean over n
    samples, such as the `--penalty` of `import`. `none` takes the run's own."""
    dataset: str | None = None
    """Certify on this data set; `none` takes the samples of the run."""
    n_samples: int = 2000
    """Most samples; memory and time grow with them."""
    gap: float = 1e-2
    """Relative distance to the bound that is to be proven."""
    seconds: float = 60.0
    """Most seconds of a search; it keeps its bound then, and on Control-C."""
    nodes: int | None = None
    """Most nodes: cones of directions, or sets of signs, and what their last batch has
    more; `none` sets no limit."""
    proof: str | None = None
    """File for the proof of a search; `overparam verify FILE` checks it."""

    def __post_init__(self) -> None:
        positive(penalty=self.penalty, gap=self.gap, seconds=self.seconds)
        at_least(1, n_samples=self.n_samples, nodes=self.nodes)


ANALYSIS = Analysis(
    name="certificate",
    question="How far is a ReLU network from the optimum of its problem?",
    options=CertificateOptions,
    code="overparam.analysis.certificate.analyse",
    unit="second",
)
