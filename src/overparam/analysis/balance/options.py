"""Options of the analysis `balance`."""

from dataclasses import dataclass

from ...checks import positive
from ..declaration import Analysis


@dataclass(frozen=True, kw_only=True)
class BalanceOptions:
    r"""Is a network balanced, and what would the best rescaling of its neurons save?

    The penalty is mu |U|^p + nu |V|^q with readout U and input weights V, hidden biases
    among them; the defaults are half the squared norms. Skip weights are left out. Deep
    networks are looked at layer by layer, for squared norms. Runs that recorded norms
    are drawn along their epochs, several of them side by side.

    Examples:
      overparam analyse 3f2a balance
      overparam analyse 3f2a balance --p 1
      overparam analyse 3f2a 77b0 balance
    """

    p: float = 2.0
    """Power of the norm of the readout."""
    q: float = 2.0
    """Power of the norm of the input weights."""
    mu: float = 0.5
    """Coefficient of the readout."""
    nu: float = 0.5
    """Coefficient of the input weights."""

    def __post_init__(self) -> None:
        positive(p=self.p, q=self.q, mu=self.mu, nu=self.nu)


ANALYSIS = Analysis(
    name="balance",
    question="Is every neuron balanced, and how much penalty would it save?",
    options=BalanceOptions,
    code="overparam.analysis.balance.analyse",
    most_subjects=None,
)
